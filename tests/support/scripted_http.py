# SPDX-License-Identifier: MIT-0
"""HTTP/1.1 with kept-alive connections on unix, TCP and TLS sockets, close enough to the wire to do it wrong on purpose."""
import contextlib
import dataclasses
import json
import socket
import ssl
import threading
import time
from urllib.parse import parse_qsl, urlsplit

from . import server

JSON = "application/json"
PLAIN = "text/plain; charset=utf-8"
CHUNKED = range(2049, 1 << 20)  # bytes; Go's server sends shorter bodies with a Content-Length. Longer ones are only in faults.


@dataclasses.dataclass
class Reply:
    status: int
    body: bytes = b""
    kind: str = JSON
    stream: object = None  # instead of a body: what it yields goes out chunk by chunk


@dataclasses.dataclass
class Request:
    """One request as it came. `line` has no API version, no query, and the container's name for its id: "POST /containers/ecs-agent/pause"."""

    method: str
    target: str
    headers: dict  # names in lower case
    body: bytes
    connection: int  # from 1; 0 on a socket that is not recorded
    began: float  # time.monotonic()
    version: str = ""  # "1.41", or "" without one
    path: str = ""  # without the version
    query: dict = None
    container: str = ""  # name or id in the path
    line: str = ""
    number: int = 0  # from 1, in the order of arrival
    at_once: int = 0  # requests in progress, this one included
    ended: float = 0
    status: int = 0  # 0: no proper reply

    def __post_init__(self):
        parts = urlsplit("http://docker" + self.target)
        self.path, self.query = parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))
        if self.path.startswith("/v") and self.path[2:3].isdigit():
            self.version, _, rest = self.path[2:].partition("/")
            self.path = "/" + rest

    @property
    def document(self):
        return json.loads(self.body)


class Call:
    """A request that is being answered: what a fault gets. `engine` is the ScriptedEngine."""

    def __init__(self, engine, request, sock):
        self.engine = engine
        self.request = request
        self.sock = sock

    def perform(self):
        """Does what was asked. Returns the true Reply."""
        return self.engine.scripted.answer(self.request)

    def raw(self, data):
        self.sock.sendall(data)

    def sleep(self, seconds):
        """Not longer than the engine lives."""
        if self.engine.leaving.wait(seconds):
            raise ConnectionAbortedError("the engine is closed")

    def wait_for_leave(self):
        server.wait_for_leave(self.sock)

    def rendered(self, answer):
        """(head, body) as they go over the wire; a stream has no body yet."""
        head = [f"HTTP/1.1 {answer.status} X", *self.engine.scripted.headers, "Date: " + time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())]
        body = answer.body
        if answer.status not in (204, 304):
            head.append("Content-Type: " + answer.kind)
            if answer.stream or len(body) in CHUNKED:
                head.append("Transfer-Encoding: chunked")
                body = b"" if answer.stream else _chunk(body) + _chunk(b"")
            else:
                head.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(head) + "\r\n\r\n").encode(), b"" if self.request.method == "HEAD" else body

    def send(self, answer):
        head, body = self.rendered(answer)
        self.raw(head)
        self.raw(body)
        if answer.stream and self.request.method != "HEAD":
            for part in answer.stream:
                if self.engine.leaving.is_set():
                    raise ConnectionAbortedError("the engine is closed")
                if part:
                    self.raw(_chunk(part))
            self.raw(_chunk(b""))


class Sockets:
    """Listeners, connections and their threads. handle(sock, request) returns whether the connection goes on."""

    def __init__(self, handle):
        self.connections = 0
        self.handshake_errors = []
        self._handle = handle
        self._lock = threading.Lock()
        self._listeners = []
        self._threads = []
        self._links = set()
        self._closed = False

    def listen(self, listener, counted=True, context=None):
        """context: an SSLContext for TLS."""
        self._listeners.append(listener)
        self._spawn(self._accept, listener, counted, context)

    def close(self):
        """Cuts every connection and waits for the threads."""
        with self._lock:
            self._closed = True
            for sock in (*self._listeners, *self._links):
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not ssl's own, which would take the session from under a reader
        for thread in self._threads:
            thread.join(10)
        for listener in self._listeners:
            listener.close()
        if any(thread.is_alive() for thread in self._threads):
            raise RuntimeError("a thread of the scripted engine does not end")

    def _spawn(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, name="scripted-engine", daemon=True)
        with self._lock:
            self._threads = [other for other in self._threads if other.is_alive()] + [thread]
            thread.start()

    def _accept(self, listener, counted, context):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += counted
            self._spawn(self._serve, sock, self.connections if counted else 0, context)

    def _serve(self, sock, number, context):
        with contextlib.ExitStack() as stack:
            stack.callback(sock.close)
            with contextlib.suppress(OSError, ValueError):  # the other side has left, or close() has cut it off
                if context:
                    sock = self._handshake(sock, context)
                    stack.callback(sock.close)
                with self._lock:
                    if self._closed:
                        return
                    self._links.add(sock)
                stack.callback(self._forget, sock)
                reader = stack.enter_context(sock.makefile("rb"))
                while self._one_request(sock, reader, number):
                    pass

    def _forget(self, sock):
        with self._lock:
            self._links.discard(sock)

    def _handshake(self, sock, context):
        secure = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        try:
            secure.settimeout(5)
            secure.do_handshake()
            secure.settimeout(None)
            return secure
        except OSError as error:
            self.handshake_errors.append(str(error))
            secure.close()
            raise

    def _one_request(self, sock, reader, number):
        """Returns False when the connection is over."""
        first = reader.readline(65536).decode("latin-1").split()
        if len(first) != 3:
            return False
        headers = {}
        while (line := reader.readline(65536)) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0)))
        return self._handle(sock, Request(first[0], first[1], headers, body, number, time.monotonic()))


def unix_listener(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(256)
    return listener


def tls_context(ca_file, certificate, key):
    """Demands a client's certificate from the same authority, as `dockerd --tlsverify` does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
