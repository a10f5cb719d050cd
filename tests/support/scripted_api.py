# SPDX-License-Identifier: MIT-0
"""The Engine API over a World: what a sound engine of a given version does and says."""
import json
import re
import secrets
import time
from decimal import Decimal, InvalidOperation
from urllib.parse import unquote

from . import image
from .scripted_http import JSON, PLAIN, Reply
from .scripted_shapes import VERSIONS, Shapes, matches
from .scripted_world import Refused, World


class ScriptedApi:
    def __init__(self, version, min_api, max_api):
        self.version = version
        self.min_api, self.max_api = min_api or VERSIONS[version][1], max_api or VERSIONS[version][2]
        self.world = World(_numbers(self.max_api))
        self._shapes = Shapes(version)
        self._execs = {}

    @property
    def headers(self):
        """What every reply carries."""
        return [f"Api-Version: {self.max_api}", "Docker-Experimental: false", "Ostype: linux", f"Server: Docker/{self.version} (linux)"]

    def answer(self, request):
        """What a sound engine does and says."""
        if request.version and _numbers(request.version) < _numbers(self.min_api):
            text = f"client version {request.version} is too old. Minimum supported API version is {self.min_api}, please upgrade your client to " \
                   "a newer version"
            return self._too_old(text)
        if request.version and _numbers(request.version) > _numbers(self.max_api):
            return _json(400, {"message": f"client version {request.version} is too new. Maximum supported API version is {self.max_api}"})
        try:
            for method, pattern, function in ROUTES:
                found = re.fullmatch(pattern, request.path)
                if found and method == request.method.replace("HEAD", "GET"):
                    return function(self, request, *map(unquote, found.groups()))
            raise Refused(404, "page not found")
        except Refused as error:
            return _json(error.status, {"message": error.message}) if error.status >= 400 else Reply(error.status)

    def _too_old(self, text):
        """26.1 answers in JSON, its elders and 28.5 in plain text."""
        return _json(400, {"message": text}) if self.version == "26.1" else Reply(400, text.encode() + b"\n", PLAIN)

    def _document(self, request):
        kind = request.headers.get("content-type", "")
        if kind.split(";")[0] != JSON:
            if not self.world.modern:
                raise Refused(400, f"Content-Type specified ({kind}) must be 'application/json'")
            raise Refused(400, f"unsupported Content-Type header ({kind}): must be 'application/json'" if kind else
                          "malformed Content-Type header (): mime: no media type")
        try:
            return json.loads(request.body)
        except ValueError:
            raise Refused(400, "invalid JSON: unexpected EOF") if self.world.modern else Refused(500, "unexpected EOF") from None

    def _ping(self, _request):
        return Reply(200, b"OK", PLAIN)

    def _version(self, _request):
        return _json(200, {"Version": self.version, "ApiVersion": self.max_api, "MinAPIVersion": self.min_api, "Os": "linux", "Arch": "amd64"})

    def _list(self, request):
        filters = _filters(request)
        every = request.query.get("all", "").lower() in ("1", "true") or "status" in filters
        with self.world.changed:
            return _json(200, [self._shapes.list_entry(box) for box in self.world.boxes() if (every or box.running) and matches(box, filters)])

    def _inspect(self, _request, name):
        with self.world.changed:
            return _json(200, self._shapes.inspect(self.world.find(name)))

    def _create(self, request):
        return _json(201, self.world.create(request.query.get("name", ""), self._document(request)))

    def _update(self, request, name):
        return _json(200, self.world.update(name, self._document(request)))

    def _verb(self, request, name, verb):
        seconds = [_seconds(request)] if verb in ("stop", "restart") else [request.query.get("signal", "")] if verb == "kill" else []
        getattr(self.world, verb)(name, *seconds)
        return Reply(204)

    def _remove(self, request, name):
        self.world.remove(name, request.query.get("force", "").lower() in ("1", "true"))
        return Reply(204)

    def _exec_create(self, request, name):
        box = self.world.find(name)
        if box.status != "running":
            raise Refused(409, f"Container {box.id} is {'paused, unpause the container before exec' if box.paused else 'not running'}")
        exec_id = secrets.token_hex(32)
        self._execs[exec_id] = box, " ".join(self._document(request)["Cmd"])
        return _json(201, {"Id": exec_id})

    def _exec_start(self, _request, exec_id):
        self.world.exec(*self._execs[exec_id])
        return Reply(200)

    def _exec_inspect(self, _request, exec_id):
        return _json(200, {"ID": exec_id, "Running": False, "ExitCode": 0, "ContainerID": self._execs[exec_id][0].id})

    def _volumes(self, _request):
        return _json(200, {"Volumes": [], "Warnings": None})

    def _image(self, _request, _name):
        return _json(200, {"Id": "sha256:" + "0" * 64, "RepoTags": [image.NAME]})

    def _events(self, request):
        since, until, filters = _moment(request, "since"), _moment(request, "until"), _filters(request)

        def wanted(event):
            facts = {"type": event["Type"], "event": event["Action"], "container": event["Actor"]["ID"]}
            return all(not filters.get(key) or fact in filters[key] for key, fact in facts.items())
        return Reply(200, stream=self._event_stream(since, until, wanted))

    def _event_stream(self, since, until, wanted):
        """What the log holds, then what happens until `until`; for ever without it, and at least once, so that headers go out at once."""
        with self.world.changed:
            seen = max((event["timeNano"] for event in self.world.ring), default=0) if since is None and until is None else (since or 0) - 1
        yield b""
        while not self.world.closing:
            with self.world.changed:
                fresh = [event for event in self.world.ring if event["timeNano"] > seen]
                if not fresh and (until is None or time.time_ns() <= until):
                    self.world.changed.wait(0.1 if until is None else min(0.1, max(0, until - time.time_ns()) / 1e9))
            for event in fresh:
                seen = event["timeNano"]
                if wanted(event) and (until is None or seen <= until):
                    yield json.dumps(event, separators=(",", ":")).encode() + b"\n"
            if not fresh and until is not None and time.time_ns() > until:
                return


ROUTES = [
    ("GET", "/_ping", ScriptedApi._ping),
    ("GET", "/version", ScriptedApi._version),
    ("GET", "/events", ScriptedApi._events),
    ("GET", "/volumes", ScriptedApi._volumes),
    ("GET", "/images/(.+)/json", ScriptedApi._image),
    ("GET", "/containers/json", ScriptedApi._list),
    ("GET", "/containers/(.+)/json", ScriptedApi._inspect),
    ("POST", "/containers/create", ScriptedApi._create),
    ("POST", "/containers/(.+)/update", ScriptedApi._update),
    ("POST", "/containers/(.+)/(pause|unpause|stop|start|restart|kill)", ScriptedApi._verb),
    ("POST", "/containers/(.+)/exec", ScriptedApi._exec_create),
    ("POST", "/exec/(.+)/start", ScriptedApi._exec_start),
    ("GET", "/exec/(.+)/json", ScriptedApi._exec_inspect),
    ("DELETE", "/containers/(.+)", ScriptedApi._remove),
]


def _json(status, document):
    return Reply(status, json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")


def _numbers(version):
    return tuple(map(int, version.split(".")))


def _filters(request):
    """{"label": ["a"]} or, as older clients write it, {"label": {"a": true}}."""
    try:
        return {key: list(values) for key, values in json.loads(request.query.get("filters") or "{}").items()}
    except (ValueError, AttributeError, TypeError):
        raise Refused(400, "invalid filter") from None


def _seconds(request):
    text = request.query.get("t")
    try:
        return int(text) if text else None
    except ValueError:
        raise Refused(500, f'strconv.Atoi: parsing "{text}": invalid syntax') from None


def _moment(request, name):
    """Nanoseconds since the epoch, or None. The engine takes seconds with a fraction (and RFC 3339, which nobody here needs)."""
    text = request.query.get(name)
    try:
        return int(Decimal(text) * 10**9) if text else None
    except InvalidOperation:
        raise Refused(500, f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
