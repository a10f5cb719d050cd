# SPDX-License-Identifier: MIT-0
"""The region: an HTTPS server that can be unwell in every way that was thought of, and says what it was asked."""
import collections
import ssl
import threading
import warnings

from .certificates import REGION_HOST
from .server import Server, read_head, reset, wait_for_leave

Request = collections.namedtuple("Request", "line headers")  # headers: names in lower case

STATUS = {
    "forbidden": "403 Forbidden",  # what an unsigned GET / really gets
    "ok": "200 OK",
    "http_429": "429 Too Many Requests",
    "http_500": "500 Internal Server Error",
    "http_503": "503 Service Unavailable",
}

# Modes that are a matter of the certificate alone.
CERTIFICATES = ("self_signed", "wrong_host", "expired", "not_yet_valid")


class Region:
    """Serves until closed. Assign to `mode` at any time: new connections follow it.

    forbidden ok http_429 http_500 http_503  a status, with the connection left open
    continue_then_403                 100 Continue first
    redirect                          302 to `elsewhere`, which is this same server: a followed redirect shows as a second request
    refused reset no_tls plain_http   no TLS: nobody listens; RST; silence; an HTTP reply in clear
    self_signed wrong_host expired not_yet_valid old_tls   TLS that must not be accepted
    tls_silent drip status_alone endless_body endless_headers huge_status_line reset_after_request   no proper end
    not_http http09 empty_reply       answers that are not HTTP/1
    """

    def __init__(self, certificates, address="127.0.0.1", port=0, netns=None):
        self.certificates = certificates
        self.mode = "forbidden"
        self.requests = []
        self.handshakes_failed = 0
        self._contexts = {}
        self._leaving = threading.Event()
        self._server = Server(self._serve, address, port, netns)
        self.port = self._server.port
        self.address = address
        self.host = REGION_HOST
        self.url = f"https://{address}:{self.port}/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._leaving.set()
        self._server.close()

    @property
    def mode(self):
        return self._mode

    @mode.setter
    def mode(self, mode):
        if mode not in MODES:
            raise ValueError(f"no such mode: {mode}")
        self._mode = mode
        if hasattr(self, "_server"):
            (self._server.refuse if mode == "refused" else self._server.listen)()

    @property
    def connections(self):
        """Accepted so far, whatever became of them."""
        return self._server.connections

    # -- one connection ------------------------------------------------------------------------------------------------

    def _serve(self, sock):
        mode = self.mode
        if mode in BEFORE_TLS:
            BEFORE_TLS[mode](self, sock)
            return
        try:
            tls = self._context(mode).wrap_socket(sock, server_side=True)
        except (ssl.SSLError, ConnectionError):
            self.handshakes_failed += 1
            return
        with tls:
            if mode in STATUS or mode in CERTIFICATES or mode == "old_tls":
                self._answer_status(tls, STATUS.get(mode, STATUS["forbidden"]))
            else:
                AFTER_TLS[mode](self, tls)

    def _context(self, mode):
        if mode not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificates.pair(mode if mode in CERTIFICATES else "valid"))
            if mode == "old_tls":
                _make_old(context)
            self._contexts[mode] = context
        return self._contexts[mode]

    def _request(self, sock):
        """Reads and records one request. Raises OSError when the client is gone."""
        head = read_head(sock)
        if head is None:
            raise ConnectionError("the client left")
        line, *fields = head.split("\r\n\r\n")[0].split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        self.requests.append(Request(line, headers))

    def _answer_status(self, sock, status):
        while True:  # keep-alive: it is the client who leaves
            self._request(sock)
            body = b'{"__type":"MissingAuthenticationTokenException"}\n'
            sock.sendall(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    # -- modes ---------------------------------------------------------------------------------------------------------

    def _reset(self, sock):
        reset(sock)

    def _silent(self, sock):
        wait_for_leave(sock)

    def _plain_http(self, sock):
        sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        wait_for_leave(sock)

    def _reset_after_request(self, sock):
        self._request(sock)
        reset(sock)

    def _empty_reply(self, sock):
        self._request(sock)

    def _not_http(self, sock):
        sock.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        wait_for_leave(sock)

    def _http09(self, sock):
        self._request(sock)
        sock.sendall(b"<html>hello</html>\n")

    def _redirect(self, sock):
        self._request(sock)
        sock.sendall(f"HTTP/1.1 302 Found\r\nLocation: {self.url}elsewhere\r\nContent-Length: 0\r\n\r\n".encode())
        self._answer_status(sock, STATUS["ok"])

    def _continue_then_403(self, sock):
        self._request(sock)
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        wait_for_leave(sock)

    def _drip(self, sock):
        self._request(sock)
        for byte in b"HTTP/1.1 403 Forbidden, but slowly; never the whole of a line" * 100:
            sock.sendall(bytes([byte]))
            if self._leaving.wait(1):
                return

    def _status_alone(self, sock):
        self._request(sock)
        sock.sendall(b"HTTP/1.1 403 Forbidden\r\n")
        wait_for_leave(sock)

    def _huge_status_line(self, sock):
        self._flood(sock, b"HTTP/1.1 403 ", b"x" * 65536)

    def _endless_headers(self, sock):
        self._flood(sock, b"HTTP/1.1 403 Forbidden\r\n", b"X-More: and more\r\n" * 1024)

    def _endless_body(self, sock):
        self._flood(sock, b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n\r\n", b"and more " * 4096)

    def _flood(self, sock, start, more):
        self._request(sock)
        sock.sendall(start)
        while not self._leaving.is_set():
            sock.sendall(more)


BEFORE_TLS = {"reset": Region._reset, "no_tls": Region._silent, "plain_http": Region._plain_http}
AFTER_TLS = {
    "tls_silent": Region._silent,
    "reset_after_request": Region._reset_after_request,
    "empty_reply": Region._empty_reply,
    "not_http": Region._not_http,
    "http09": Region._http09,
    "redirect": Region._redirect,
    "continue_then_403": Region._continue_then_403,
    "drip": Region._drip,
    "status_alone": Region._status_alone,
    "huge_status_line": Region._huge_status_line,
    "endless_headers": Region._endless_headers,
    "endless_body": Region._endless_body,
}
MODES = ("refused", "old_tls", *STATUS, *CERTIFICATES, *BEFORE_TLS, *AFTER_TLS)


def _make_old(context):
    """TLS 1.1, which needs the security level at which OpenSSL still signs with SHA-1."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
