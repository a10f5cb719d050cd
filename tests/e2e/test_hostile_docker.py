# SPDX-License-Identifier: MIT-0
"""A Docker socket, or somebody behind it, who means harm: lengths that lie, replies to questions that were not asked, lists without measure.
Broken engines: test_broken_docker.py; what is wrong inside an answer: test_strange_json.py."""
import contextlib
import functools
import json
import re
import signal
import time

import pytest

from support import scripted_faults as faults
from support.eins import binary
from support.host import Host, all_at_once
from support.region import Region
from support.server import IGNORED_IN_HANDSHAKE, Server, wait_for_leave
from support.wait import wait_for

TIMEOUTS = 5, 20  # seconds, as configured for Docker where it must run out: the least it takes, and if the machine is too busy for that, more
BOUND = 60  # for a check with one request that hangs
DATA = 48 << 20  # bytes that a check may have of its own

LIST = "GET /containers/json"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.fixture
def host(certificates):
    with Host(certificates) as host:
        yield host


def bounded(host):
    """From now on checks have little memory. AddressSanitizer has its own ideas of it."""
    with open(binary(), "rb") as file:
        host.eins.prefix = [] if b"__asan_init" in file.read() else ["prlimit", f"--data={DATA}"]


def raw(head, body=None, tail=b""):
    """An answer byte for byte; without a body, the true one."""
    def action(call):
        data = call.perform().body if body is None else body
        call.raw(head(data) if callable(head) else head)
        call.raw(data + tail)
    return action


def flood(start, more):
    def action(call):
        call.raw(start)
        while not call.engine.leaving.is_set():
            call.raw(more)
    return action


def length(number):
    return lambda data: OK + f"Content-Length: {number(len(data))}\r\n\r\n".encode()


# -- lengths -------------------------------------------------------------------------------------------------------------------------------------

CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

LIES = {
    "too long": raw(length(lambda true: true + 1)),
    "much too long": raw(length(lambda true: 1 << 62)),
    "too short": raw(length(lambda true: true - 3)),
    "none": raw(length(lambda true: 0)),
    "negative": raw(length(lambda true: -1)),
    "beyond 64 bits": raw(length(lambda true: 1 << 64)),
    "no number": raw(length(lambda true: "all of it")),
    "two": raw(lambda data: OK + b"Content-Length: 1\r\nContent-Length: %d\r\n\r\n" % len(data)),
    "chunk too long": raw(CHUNKED + b"fffff\r\n"),
    "chunk beyond 64 bits": raw(CHUNKED + b"1" + b"0" * 16 + b"\r\n"),
    "negative chunk": raw(CHUNKED + b"-5\r\n"),
    "chunk too short": raw(CHUNKED + b"5\r\n", tail=b"\r\n0\r\n\r\n"),
    "no chunk": raw(CHUNKED),
    "compressed": raw(lambda data: OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(data), b"\x1f\x8b\x08\0" * 100),
    "compressed chunks": raw(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", b"a\r\n0123456789\r\n0\r\n\r\n"),
}

ENDLESS = {
    "chunks": flood(CHUNKED, b"400\r\n" + b" " * 1024 + b"\r\n"),
    "a chunk's extension": flood(CHUNKED + b"5;", b"x" * 4096),
    "trailers": flood(CHUNKED + b"2\r\n[]\r\n0\r\n", b"X-More: and more\r\n" * 256),
    "interim replies": flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 256),
    "a header": flood(OK + b"X-More: ", b"and more " * 512),
    "a status line": flood(b"HTTP/1.1 200 ", b"and more " * 512),
    "white space": flood(OK + b"\r\n[", b" " * 4096),
    "nothing but line ends": flood(b"", b"\r\n" * 1024),
}


HARMLESS = ("beyond 64 bits", "two")  # what libcurl makes of them may be all of the list, and no part of it is ever taken for all


def no_list(certificates, action, harmless=False, timeouts=(30,)):
    with Host(certificates) as host:
        web = host.engine.run("web")
        host.before()
        bounded(host)
        host.engine.forget()
        fault = host.engine.fault(LIST, action, times=None)
        for timeout in timeouts:
            host.eins.conf["docker"]["timeout"] = timeout
            result = host.begin(code=(0, 69) if harmless else 69)
            if fault.fired:
                break
        assert fault.fired and result.seconds < BOUND, result
        if result.code != 0:
            assert not host.engine.changes and re.search(" ERROR .*list of containers: ", result.log_text), result
            assert not re.search("out of memory$", result.log_text, re.MULTILINE), f"that would be another thing\n{result}"
            host.engine.heal()
            host.eins.conf["docker"]["timeout"] = 30
            host.again()
        host.assert_disconnected([web])


def test_a_list_that_lies_about_its_length_stops_the_check_and_says_so(certificates):
    all_at_once({what: functools.partial(no_list, certificates, action, what in HARMLESS) for what, action in LIES.items()})


def test_a_list_without_an_end_stops_the_check_in_time_and_in_bounds(certificates):
    all_at_once({what: functools.partial(no_list, certificates, action, timeouts=TIMEOUTS) for what, action in ENDLESS.items()})


# -- answers to what was not asked ------------------------------------------------------------------------------------------------------------------


def test_an_answer_that_comes_before_its_question_is_not_believed(host):
    """Behind the list there are answers to all the questions that may follow, on the same connection."""
    web = host.engine.run("web")
    host.before()
    host.engine.fault(LIST, raw(length(lambda true: true), tail=DONE * 20), times=None)
    result = host.begin(code=(0, 1, 69))
    assert result.code != 0 or host.agent.status == "paused", result
    host.engine.heal()
    host.again()
    host.assert_disconnected([web])


def test_a_redirect_is_not_followed_to_anywhere(host, certificates):
    web = host.engine.run("web")
    host.before()
    with contextlib.closing(Server(lambda sock: sock.recv(100))) as other, Region(certificates) as secure:
        for target in (f"http://127.0.0.1:{other.port}/", secure.url, "/containers/json?all=1", "file:///etc/shadow", "http://unix/"):
            for code in (301, 307):
                reply = f"HTTP/1.1 {code} Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
                host.engine.forget()
                host.engine.heal()
                host.engine.fault(".", raw(reply.encode(), b""), nth=2, times=None)
                result = host.begin(code=69)
                assert host.engine.lines == ["GET /_ping", LIST] and f"Docker answered {code}" in result.log_text, result
        assert other.connections == secure.connections == 0
    host.engine.heal()
    host.again()
    host.assert_disconnected([web])


def test_an_engine_that_never_shakes_hands_is_left_in_time(host):
    def serve(sock):
        sock.recv(4096)
        while True:
            sock.sendall(IGNORED_IN_HANDSHAKE * 4096)
    with contextlib.closing(Server(serve)) as engine:
        host.eins.conf["docker"].update(host=f"tcp://127.0.0.1:{engine.port}", tls_verify="yes")
        result = host.begin(code=69)
        assert "Docker cannot be reached" in result.log_text and result.seconds < BOUND, result


@pytest.mark.parametrize("tls,words", [("yes", "no connection within 5 s"), ("no", "no complete reply within 6 s")])
def test_who_does_not_shake_hands_is_told_from_who_does_not_reply(host, tls, words):
    with contextlib.closing(Server(wait_for_leave)) as engine:
        host.eins.conf["docker"].update(host=f"tcp://127.0.0.1:{engine.port}", tls_verify=tls, timeout=6)
        assert f"{engine.port}: {words}" in host.begin(code=69).log_text


# -- lists without measure --------------------------------------------------------------------------------------------------------------------------


def entry(number, **more):
    return {"Id": f"{number:064x}", **more}


def with_others(count, **more):
    """The true list among so many others."""
    def action(call):
        true = call.perform()
        others = [entry(number, **more) for number in range(count)]
        true.body = json.dumps(others[:count // 2] + json.loads(true.body) + others[count // 2:], separators=(",", ":")).encode()
        return true
    return action


OURS = {"Labels": {"com.amazonaws.ecs.cluster": ""}, "State": "running"}


def test_among_100000_strangers_our_own_are_found(host):
    web = host.engine.run("web")
    host.engine.fault(LIST, with_others(100000), times=None)
    bounded(host)
    host.before()
    result = host.begin()
    assert result.seconds < BOUND, result
    host.assert_disconnected([web])


def test_of_100000_of_our_own_none_is_touched(host):
    web = host.engine.run("web")
    host.before()
    host.engine.forget()
    host.engine.fault(LIST, with_others(100000, **OURS), times=None)
    bounded(host)
    result = host.begin(code=69)
    assert not host.engine.changes and "longer than 8388608 bytes" in result.log_text, result
    host.engine.heal()
    host.again()
    host.assert_disconnected([web])


def test_more_than_a_state_can_hold_are_not_taken_over(host):
    """All that 8 MB have room for, each with an id of its own."""
    host.engine.run("web")
    host.engine.fault(LIST, with_others(60000, **OURS), times=None)
    bounded(host)
    result = host.before(code=(69, 74))
    assert re.search(r" ERROR .*more than \d+ ", result.log_text) and "out of memory" not in result.err, result
    assert result.seconds < BOUND and not host.engine.changes, result


def test_what_is_listed_twice_is_the_same_one(host):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.engine.fault(LIST, faults.rewrite(lambda entries: entries * 3), times=None)
    results = [host.before(), host.before(), host.begin(), host.again()]
    host.assert_disconnected([web, worker])
    host.crash(worker)
    results += [host.end(), host.again()]
    host.assert_connected([web], gone=[worker])
    assert not any(" ERROR " in result.log_text or "rebuilt" in result.log_text for result in results), "\n".join(map(str, results))


# -- words ----------------------------------------------------------------------------------------------------------------------------------------

UNSEEN = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u2028\u2029"  # they turn a line round, or end it


def test_a_name_that_would_show_as_another_is_shown_escaped(host):
    worker = host.engine.run("worker")
    host.engine.fault(LIST, faults.edit("0.Names", [f"/web{UNSEEN}gnp"]), times=None)
    host.engine.fault("POST .*/update", faults.error(400, f"no {UNSEEN}"), times=None)
    host.before()
    host.region.mode = "refused"
    shown = [host.eins.dry_run(), host.eins.dry_run("--json"), host.eins.check("--verbose", code=1), host.eins.run("--status"),
             host.eins.run("--status", "--json")]
    text = "".join(result.out + result.err + result.log_text for result in shown)
    assert "web" in text and not re.search(f"[{UNSEEN}]", text), text
    assert host.engine.status(worker) == "running"


PATHS = ["../../x", "sha256:../../x", "sha256:" + "0" * 62 + "/x", "sha256:" + "0" * 64 + "?", "..%2f" + "0" * 59]


def path_instead_of_id(certificates, path):
    with Host(certificates) as host:
        web, worker = host.engine.run("web"), host.engine.run("worker")
        host.before()
        host.begin()
        host.crash(worker)
        nameless = {"Image": path, "ImageID": path}
        host.engine.fault(LIST, faults.rewrite(lambda entries: [{**entry, **nameless} for entry in entries]), times=None)
        host.engine.fault("GET /containers/.*/json", faults.edit("Image", path), times=None)
        event = {"Type": "container", "Action": "die", "time": 1, "Actor": {"ID": path, "Attributes": {}}}
        host.engine.fault("GET /events", faults.reply(200, event), times=None)
        host.eins.dry_run()  # asks for images, to say what would not survive
        host.end()
        asked = [request.target for request in host.engine.requests]
        assert not [target for target in asked if path in target or ".." in target], asked
        host.assert_connected([web], gone=[worker])


def test_an_image_or_an_event_that_names_a_path_gets_nobody_there(certificates):
    all_at_once({path: functools.partial(path_instead_of_id, certificates, path) for path in PATHS})


# -- what never comes back, and what only seems so ------------------------------------------------------------------------------------------------


def test_a_host_that_stood_still_for_a_while_has_a_docker_all_the_same(host):
    """As one does that is moved, or starved: the answer comes meanwhile."""
    fault = host.engine.fault("GET /_ping", faults.delay_reply(7))
    check = host.eins.popen()
    wait_for(lambda: fault.fired, BOUND, "it asks")
    check.send_signal(signal.SIGSTOP)
    awake = time.monotonic() + 6  # longer than what is allowed to something that does not come back
    wait_for(lambda: time.monotonic() > awake, BOUND, "a while")
    check.send_signal(signal.SIGCONT)
    _, err = check.communicate(timeout=BOUND)
    assert check.returncode == 0, err
