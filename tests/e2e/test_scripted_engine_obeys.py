# SPDX-License-Identifier: MIT-0
"""What only the scripted engine can do, for the tests that are built on it: it records, it fails where it is told to, and it leaves nothing."""
import re
import socket
import threading

import pytest

from support import scripted_faults as faults
from support.api import ApiError
from support.containers import DEAF, POLITE
from support.scripted_engine import ScriptedEngine
from support.wait import wait_for


def request(path, *lines):
    """Sends requests over one connection. Returns everything that comes back."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(60)
        sock.connect(path)
        sock.sendall("".join(f"{line} HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n" for line in lines).encode())
        sock.shutdown(socket.SHUT_WR)
        reply = b""
        while part := sock.recv(65536):
            reply += part
        return reply


def test_requests_are_recorded_by_name_and_those_of_the_test_are_not():
    with ScriptedEngine() as engine:
        name = engine.run("x")
        request(engine.socket, "GET /_ping", f"POST /v1.41/containers/{engine.id(name)}/stop?t=3", "GET /containers/json?all=1")
        request(engine.socket, "DELETE /containers/nobody?v=1")
        assert engine.lines == ["GET /_ping", f"POST /containers/{name}/stop", "GET /containers/json", "DELETE /containers/nobody"]
        assert [entry.connection for entry in engine.requests] == [1, 1, 1, 2]
        assert [entry.status for entry in engine.requests] == [200, 204, 200, 404]
        assert [entry.line for entry in engine.changes] == [f"POST /containers/{name}/stop", "DELETE /containers/nobody"]
        assert engine.requests[1].query == {"t": "3"} and engine.requests[1].version == "1.41"
        assert engine.most_at_once() == 1 and engine.connections == 2


def test_a_raced_update_fails_and_works_all_the_same():
    with ScriptedEngine() as engine:
        name = engine.run("x", POLITE)
        before = engine.seen(name)
        engine.race_update(1)
        with pytest.raises(ApiError) as raced:
            engine.set_policy(name, "on-failure")
        assert raced.value.status == 500 and engine.policy(name) == ("no", 0)
        engine.crash(name)
        engine.wait_restarted(name, before)
        engine.set_policy(name, "on-failure")
        assert engine.policy(name) == ("on-failure", 0)


def test_a_fault_hits_the_requests_it_is_meant_for():
    with ScriptedEngine() as engine:
        fault = engine.fault("^GET /_ping", faults.error(500, "no"), nth=2, times=2)
        reply = request(engine.socket, *["GET /_ping"] * 5)
        assert re.findall(rb"HTTP/1.1 (\d+)", reply) == [b"200", b"500", b"500", b"200", b"200"]
        assert fault.fired == 2


def test_closing_leaves_nothing_whatever_hangs():
    before = set(threading.enumerate())
    with ScriptedEngine() as engine:
        for action in (faults.hang(), faults.endless_json(), faults.drip(3600), faults.delay(3600), faults.endless_headers()):
            engine.fault("_ping", action)
        engine.fault("/events", faults.delay_reply(3600))
        name = engine.run("x", DEAF, stop_timeout=3600)
        lines = ["GET /_ping"] * 5 + ["GET /events", f"POST /containers/{name}/stop", "GET /events?until=99999999999"]
        sockets = [socket.socket(socket.AF_UNIX) for _ in lines]
        for sock, line in zip(sockets, lines):
            sock.connect(engine.socket)
            sock.sendall(f"{line} HTTP/1.1\r\nHost: d\r\n\r\n".encode())
        wait_for(lambda: len(engine.requests) == len(lines), 60, "all have arrived")
    for sock in sockets:
        sock.close()
    assert not set(threading.enumerate()) - before
