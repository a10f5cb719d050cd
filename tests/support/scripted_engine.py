# SPDX-License-Identifier: MIT-0
"""A Docker Engine made of Python, for what a real one does not do on demand. It records every request and can fail in any way.

    with ScriptedEngine() as engine:
        web = engine.run("web")                                   # the same methods as a real Engine's: see Containers
        engine.fault("POST .*/update", faults.error(500, "no"))   # the next update fails
        Eins(engine, region).check(code=1)
        assert engine.lines == ["GET /_ping", "GET /containers/json", f"POST /containers/{web}/update"]

The test's own requests go through a socket of their own: they are neither recorded nor hit by faults.
"""
import contextlib
import dataclasses
import os
import re
import secrets
import shutil
import socket
import tempfile
import threading
import time
from urllib.parse import unquote, urlsplit

from .api import Api
from .containers import Containers
from .scripted_api import ScriptedApi
from .scripted_http import Call, Sockets, tls_context, unix_listener
from .scripted_world import Refused

IN_CONTAINER = re.compile(r"/containers/(?!json$|create$)(.*?)(?:/(?:json|update|pause|unpause|stop|start|restart|kill|exec))?$")


@dataclasses.dataclass
class Fault:
    match: object
    action: object
    nth: int
    times: object
    seen: int = 0
    fired: int = 0

    def takes(self, texts):
        """True when it is this request's turn."""
        if not any(self.match.search(text) for text in texts):
            return False
        self.seen += 1
        if self.seen < self.nth or self.times is not None and self.fired >= self.times:
            return False
        self.fired += 1
        return True


class ScriptedEngine(Containers):
    """version: one of scripted_shapes.VERSIONS, which sets the API versions, the wording and the order of events; min_api and max_api
    override.

    tcp=True also listens on 127.0.0.1 (tcp_host); tls=Certificates(...) does so with TLS, and demands a client's certificate from the same
    authority (cert_path is a DOCKER_CERT_PATH for it).
    """

    def __init__(self, version="20.10", min_api=None, max_api=None, tcp=False, tls=None):
        self.up = True
        self.downtimes = []
        self.leaving = threading.Event()
        self.scripted = ScriptedApi(version, min_api, max_api)
        self.world = self.scripted.world
        self.folder = tempfile.mkdtemp(prefix="eins-scripted-")
        self.socket = self.folder + "/docker.sock"
        self.host = "unix://" + self.socket
        self.pid_file = self.folder + "/pid"
        self.new_generation()
        self._lock = threading.Lock()
        self._requests = []
        self._faults = []
        self._in_progress = 0
        self._errors = []
        self._sockets = Sockets(self._handle)
        self._sockets.listen(unix_listener(self.socket))
        self._sockets.listen(unix_listener(self.folder + "/control.sock"), counted=False)
        if tcp or tls:
            listener = socket.create_server(("127.0.0.1", 0))
            self.tcp_host = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
            self._sockets.listen(listener, context=self._use(tls) if tls else None)
        super().__init__(Api(self.folder + "/control.sock"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """No thread, socket or file is left. Raises what a fault has raised."""
        self.up = False
        self.leaving.set()
        self.world.close()
        try:
            self._sockets.close()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self._errors:
            raise self._errors[0]

    # -- what was asked of it ---------------------------------------------------------------------------------------------------------------

    @property
    def requests(self):
        """Every request so far, in the order of arrival."""
        with self._lock:
            return list(self._requests)

    @property
    def lines(self):
        return [request.line for request in self.requests]

    def matching(self, pattern):
        """The requests whose line contains the pattern."""
        return [request for request in self.requests if re.search(pattern, request.line)]

    @property
    def changes(self):
        """The requests that could change something: a dry run has none."""
        return [request for request in self.requests if request.method not in ("GET", "HEAD")]

    def most_at_once(self, pattern="."):
        return max((request.at_once for request in self.matching(pattern)), default=0)

    @property
    def connections(self):
        """How many were accepted since the engine began, used or not."""
        return self._sockets.connections

    @property
    def handshake_errors(self):
        return self._sockets.handshake_errors

    def forget(self):
        """Begins a new record; connections are counted on."""
        with self._lock:
            self._requests.clear()

    # -- what it does wrong -----------------------------------------------------------------------------------------------------------------

    def fault(self, match, action, nth=1, times=1):
        """The nth request that matches, and the times - 1 after it (times=None: all), get `action`, one of scripted_faults.

        match is a regular expression for the request with its query and without its API version, with the container's id or its name:
        "^POST /containers/web/stop", "GET /containers/json". The first fault whose turn it is wins. Returns it: `fired` counts.
        """
        fault = Fault(re.compile(match), action, nth, times)
        with self._lock:
            self._faults.append(fault)
        return fault

    def heal(self):
        """No more faults."""
        with self._lock:
            self._faults.clear()

    def race_update(self, count):
        """The next `count` updates of running containers meet an exit: they answer 500 and an inspection shows the old policy, while the
        restart manager follows the new one (FACTS.md, "Update can race with an exit")."""
        self.world.races = count

    def new_generation(self):
        """The pid file of an engine that was restarted. What that did to the containers is for the test to say."""
        with open(self.folder + "/pid.new", "w", encoding="ascii") as file:
            file.write(str(secrets.randbelow(1 << 22)))
        os.rename(self.folder + "/pid.new", self.pid_file)

    # -- what happens to containers, beside what Containers offers -------------------------------------------------------------------------------

    def crash(self, name, code=137, oom=False):
        """The program dies, by SIGKILL from the host if nothing else is said."""
        self.world.end(name, code, oom)

    def finish(self, name):
        """The program ends by itself, with 0."""
        self.world.end(name, 0)

    def force_status(self, name, status):
        """`dead` or `removing`."""
        self.world.force_status(name, status)

    def add_execs(self, name, count):
        """Three entries of the event log each: what health checks leave there."""
        self.world.add_execs(name, count)

    @property
    def backoff(self):
        """(first, longest) in seconds. Set it to (3600, 3600) to keep what crashes in `restarting`."""
        return self.world.backoff

    @backoff.setter
    def backoff(self, value):
        self.world.backoff = value

    # -- how ----------------------------------------------------------------------------------------------------------------------------------

    def _use(self, certificates):
        self.cert_path = self.folder + "/certs"
        os.mkdir(self.cert_path)
        files = certificates.ca_file, *certificates.pair("valid")
        for source, name in zip(files, ("ca.pem", "cert.pem", "key.pem")):
            shutil.copy(source, f"{self.cert_path}/{name}")
        return tls_context(*files)

    def _handle(self, sock, request):
        texts = self._name(request)
        call = Call(self, request, sock)
        if not request.connection:
            call.send(call.perform())
            return True
        with self._lock:
            self._in_progress += 1
            request.number, request.at_once = len(self._requests) + 1, self._in_progress
            self._requests.append(request)
            fault = next((fault for fault in self._faults if fault.takes(texts)), None)
        try:
            answer = fault.action(call) if fault else call.perform()
            if answer is None:
                return False
            request.status = answer.status
            self._end(request)
            call.send(answer)
            return request.headers.get("connection", "").lower() != "close"
        except OSError:
            raise
        except Exception as error:  # in a fault, most likely; shown by close(), because in a thread it would go unnoticed
            self._errors.append(error)
            raise ConnectionAbortedError from error
        finally:
            self._end(request)

    def _end(self, request):
        """Once for each, and before its reply goes out: who has that may send the next request before this thread runs again."""
        with self._lock:
            if not request.ended:
                request.ended = time.monotonic()
                self._in_progress -= 1

    def _name(self, request):
        """Sets `container` and `line`. Returns the texts that a fault is matched with."""
        plain = request.line = f"{request.method} {request.path}"
        found = IN_CONTAINER.match(request.path)
        if found and found.group(1):
            request.container = unquote(found.group(1))
            with contextlib.suppress(Refused):
                request.line = plain.replace(found.group(1), self.world.find(request.container).name)
        query = urlsplit(request.target).query
        return [line + ("?" + unquote(query) if query else "") for line in (plain, request.line)]
