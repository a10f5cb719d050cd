# SPDX-License-Identifier: MIT-0
"""The Docker Engine API over a unix socket: no SDK, so that a test shows exactly what is sent."""
import http.client
import json
import socket
from urllib.parse import urlencode


class ApiError(Exception):
    """A reply with a status of 400 or more."""

    def __init__(self, method, path, status, message):
        super().__init__(f"{method} {path}: {status} {message}")
        self.status = status
        self.message = message


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Api:
    """Requests to one engine; each has a connection of its own, so an Api can be shared between threads."""

    def __init__(self, socket_path, timeout=60):
        self.socket_path = socket_path
        self.timeout = timeout

    def raw(self, method, path, body=None, content_type=None, query=None, timeout=None):
        """One request as it is. Returns (status, bytes). Raises OSError when there is no engine."""
        if query:
            path += "?" + urlencode(query)
        connection = _UnixConnection(self.socket_path, timeout or self.timeout)
        try:
            connection.request(method, path, body, {"Content-Type": content_type} if content_type else {})
            reply = connection.getresponse()
            return reply.status, reply.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()

    def _json(self, method, path, body=None, **options):
        text = None if body is None else json.dumps(body)
        status, reply = self.raw(method, path, text, "application/json" if text else None, **options)
        if status >= 400:
            raise ApiError(method, path, status, _message(reply))
        return json.loads(reply) if reply.strip() else None

    def get(self, path, **query):
        return self._json("GET", path, query=query)

    def post(self, path, body=None, **query):
        return self._json("POST", path, body, query=query)

    def delete(self, path, **query):
        return self._json("DELETE", path, query=query)


def _message(reply):
    """Engines answer errors in JSON, and sometimes in plain text."""
    try:
        return json.loads(reply)["message"]
    except (ValueError, KeyError, TypeError):
        return reply.decode("utf-8", "replace").strip()
