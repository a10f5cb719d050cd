# SPDX-License-Identifier: MIT-0
"""A Docker that answers wrongly, or not at all, at any of the requests of an outage: no hang, no crash, a message that names what failed, and the
next check, with a sound engine, ends where it should. What is wrong inside an answer: test_strange_json.py."""
import functools
import subprocess
import sys

import pytest

from support import scripted_faults as faults
from support.eins import binary
from support.host import FREE, Host, all_at_once

TIMEOUT = 8  # seconds, as configured for a Docker that is silent: what is sound in it has to answer within that, too, on a busy machine
BOUND = 60  # a check has up to three requests in a row that hang
MEMORY = 64  # MiB, resident at most; AddressSanitizer has its own ideas

# Runs a command, and says on standard error how much memory it had. Its own child, and not that of pytest, whose size it would inherit.
MEASURE = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], timeout=60)
print("peak KiB", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""

# Kind of request: (how a fault is told, what the log calls it, exit codes while it fails).
BEGINNING = {
    "ping": ("GET /_ping", "Docker cannot be reached", (69,)),
    "list": ("GET /containers/json", "list of containers", (69,)),
    "pause": ("POST /containers/ecs-agent/pause", "pause the agent", (1,)),
    "inspect": ("GET /containers/ecs-demo-1-worker.*/json", "ecs-demo-1-worker-", (1,)),
    "update": ("POST /containers/ecs-demo-1-worker.*/update", "ecs-demo-1-worker-", (1,)),
}
END = {
    "ping": ("GET /_ping", "Docker cannot be reached", (69,)),
    "list": ("GET /containers/json", "list of containers", (69,)),
    "inspect": ("GET /containers/ecs-demo-1-worker.*/json", "ecs-demo-1-worker-", (1,)),
    "events": ("GET /events", "event log", (0,)),
    "update": ("POST /containers/ecs-demo-1-worker.*/update", "ecs-demo-1-worker-", (1,)),
    "stop": ("POST /containers/ecs-demo-1-worker.*/stop", "stop: failed", (1,)),
    "removal": ("DELETE /containers/ecs-demo-1-worker", "remove: failed", (1,)),
    "unpause": ("POST /containers/ecs-agent/unpause", "unpause the agent: failed", (1,)),
}

REFUSALS = {
    "500": faults.error(500, "something is wrong inside"),
    "503 in plain text": faults.plain_error(503, "no server is available to handle this request"),
    "403": faults.plain_error(403, "authorization denied by plugin"),
    "409": faults.error(409, "not in this state"),
    "400": faults.error(400, "bad parameter"),
    "no reason": faults.reply(500),
    "raw reason": faults.plain_error(500, "\x1b[2Jred\x00\x85\u202e %s%n"),
    "reason of the wrong type": faults.reply(500, {"message": {"message": 7}}),
    "deep reason": faults.reply(500, b'{"message":' * 10000 + b"1" + b"}" * 10000),
    "1 MB of reason": faults.reply(500, {"message": "long " * 200000}),
    "redirect": faults.reply(301, {"message": "elsewhere"}),
    "status 999": faults.reply(999, {"message": "nonsense"}),
}
BREAKS = {
    "garbage": faults.garbage(),
    "reset": faults.reset(),
    "done but the reply is lost": faults.lose_reply(),
    "half the headers": faults.half_headers(),
}
SILENCES = {
    "silence": faults.hang(),
    "a byte a second": faults.drip(1),
    "endless headers": faults.endless_headers(),
}
ENDLESS = {  # only for requests whose answer is read
    "100 MB": faults.huge(),
    "endless JSON": faults.endless_json(),
}


def host_for(certificates, action):
    """One whose checks wait for an answer no longer than they must, where none comes, and otherwise as long as a busy machine may need."""
    return Host(certificates, **({"timeout": TIMEOUT} if action in SILENCES.values() else {}))


def heal(host):
    host.engine.heal()
    host.eins.conf["docker"]["timeout"] = 60


def assert_fails(result, codes, word):
    assert result.code in codes, result
    assert result.code == 0 or word in result.log_text + result.err, result
    assert result.seconds < BOUND, result


def beginning(certificates, kind, action):
    pattern, word, codes = BEGINNING[kind]
    with host_for(certificates, action) as host:
        names = [host.engine.run(name) for name in ("web", "worker", "db")]
        host.before()
        fault = host.engine.fault(pattern, action, times=None)
        result = host.begin(code=(0, 1, 69))
        assert fault.fired, result
        # One that was in fact done, and shows so, may count as done.
        assert_fails(result, (*codes, 0) if kind in ("pause", "update") else codes, word)
        assert host.eins.phase == "disconnected"
        if kind not in ("ping", "list"):
            others = [name for name in names if "worker" not in name]
            assert {policy for policy, _ in host.policies(others).values()} == {"on-failure"}, f"the others are taken over\n{result}"
        heal(host)
        host.again()
        host.assert_disconnected(names)


def end(certificates, kind, action):
    pattern, word, codes = END[kind]
    with host_for(certificates, action) as host:
        web, db, worker = host.engine.run("web"), host.engine.run("db"), host.engine.run("worker", stop_timeout=0)
        host.before()
        host.begin()
        host.crash(worker)
        before = {name: host.engine.seen(name).started_at for name in (web, db)}
        fault = host.engine.fault(pattern, action, times=None)
        result = host.end(code=(0, 1, 69))
        assert fault.fired, result
        assert_fails(result, (*codes, 0) if kind in ("update", "stop", "removal", "unpause") else codes, word)
        assert host.eins.phase == "connected"
        if kind not in ("ping", "list"):
            assert host.policies([web, db]) == dict.fromkeys([web, db], FREE), f"the others have theirs back\n{result}"
        if kind not in ("ping", "list", "unpause"):
            assert host.agent.status == "running", f"ECS has its agent back whatever else has failed\n{result}"
        heal(host)
        host.again()
        host.assert_connected([web, db], gone=[worker])
        assert {name: host.engine.seen(name).started_at for name in (web, db)} == before, "nobody touched what had run through"


def silent_for_many(certificates):
    """No inspection is answered, and then a ping is not, either: the deadlines of many containers do not add up."""
    with Host(certificates, timeout=TIMEOUT) as host:
        names = [host.engine.run(f"web{i}") for i in range(60)]
        host.before()
        host.engine.fault("GET /_ping", faults.hang(), nth=2, times=None)
        host.engine.fault("GET /containers/.+/json", faults.hang(), times=None)
        result = host.begin(code=1)
        assert result.seconds < 80, result  # and not 60 / 4 * TIMEOUT = 120
        heal(host)
        host.again()
        host.assert_disconnected(names)


@pytest.mark.parametrize("faults_of_a_kind", [REFUSALS, BREAKS, SILENCES], ids=["refused", "broken off", "silent"])
def test_any_request_of_an_outage_may_fail(certificates, faults_of_a_kind):
    stories = {"many containers": functools.partial(silent_for_many, certificates)} if faults_of_a_kind is SILENCES else {}
    for what, action in faults_of_a_kind.items():
        for kind in BEGINNING:
            stories[f"beginning, {kind}, {what}"] = functools.partial(beginning, certificates, kind, action)
        for kind in END:
            stories[f"end, {kind}, {what}"] = functools.partial(end, certificates, kind, action)
    all_at_once(stories)


def test_an_answer_without_an_end_is_refused(certificates):
    stories = {}
    for what, action in ENDLESS.items():
        for kind in ("ping", "list", "inspect"):
            stories[f"beginning, {kind}, {what}"] = functools.partial(beginning, certificates, kind, action)
            stories[f"end, {kind}, {what}"] = functools.partial(end, certificates, kind, action)
        stories[f"end, events, {what}"] = functools.partial(end, certificates, "events", action)
    all_at_once(stories)


@pytest.mark.parametrize("nth", range(1, 5))
@pytest.mark.parametrize("what", ["500", "garbage"])
def test_a_fault_that_comes_once_costs_one_more_check_at_most(certificates, what, nth):
    """The nth request of each kind, among six containers."""
    with Host(certificates) as host:
        names = [host.engine.run(f"web{i}") for i in range(6)]
        worker = host.engine.run("worker")
        host.before()
        for pattern in ("GET .*/json$", "/update", "/pause"):
            host.engine.fault(pattern, {**REFUSALS, **BREAKS}[what], nth=nth)
        host.begin(code=(0, 1, 69))
        host.engine.heal()
        host.again()
        host.assert_disconnected([*names, worker])
        host.crash(worker)
        for pattern in ("GET .*/json$", "/events", "/update", "/stop", "DELETE", "/unpause"):
            host.engine.fault(pattern, {**REFUSALS, **BREAKS}[what], nth=nth)
        host.end(code=(0, 1, 69))
        host.engine.heal()
        host.again()
        host.assert_connected(names, gone=[worker])


def renewal(certificates, kind, action):
    """The events are lost, ecs-init is not there, and neither the kill nor the start of the agent is answered well."""
    with host_for(certificates, action) as host:
        web, worker = host.engine.run("web"), host.engine.run("worker")
        host.before()
        host.begin()
        host.crash(worker)
        host.engine.add_execs(web, 100)
        fault = host.engine.fault(f"POST /containers/ecs-agent/{kind}", action, times=None)
        result = host.end(code=(0, 1))
        assert fault.fired and result.seconds < BOUND, result
        assert result.code == 0 or kind in result.log_text, result
        assert host.agent.status != "paused", result
        heal(host)
        host.again()
        host.assert_connected([web], gone=[worker])


def test_an_agent_that_cannot_be_renewed_is_given_back_by_the_next_check_at_the_latest(certificates):
    actions = {**REFUSALS, **BREAKS, **SILENCES}
    all_at_once({f"{kind}, {what}": functools.partial(renewal, certificates, kind, action)
                 for what, action in actions.items() for kind in ("kill", "start")})


# -- memory ----------------------------------------------------------------------------------------------------------------------------------


def peak(host, code):
    """Runs a check. Returns its peak resident memory in MiB."""
    host.eins.prefix = [sys.executable, "-ISc", MEASURE]
    result = host.eins.check(code=code)
    assert result.seconds < BOUND, result
    with open(binary(), "rb") as file:
        sanitized = b"__asan_init" in file.read()
    return 3 if sanitized else int(result.err.rpartition("peak KiB ")[2].split()[0]) / 1024


def filled(opening, element, closing, size):
    return faults.reply(200, opening + element * (size // len(element)) + closing)


FILLED = {
    "100 MB": faults.huge(),
    "endless JSON": faults.endless_json(),
    "endless headers": faults.endless_headers(),
    "8 MB of objects": filled(b"[", b"{},", b"1]", (8 << 20) - 10),
    "8 MB of objects in one": filled(b'[{"Id":[', b"{},", b"1]}]", (8 << 20) - 20),
    "8 MB of numbers in one": filled(b'[{"Id":[', b"1,", b"1]}]", (8 << 20) - 20),
    "7 MB of containers": filled(b"[", b'{"Id":"%s","Labels":{"com.amazonaws.ecs.cluster":""},"State":"running"},' % (b"a" * 64), b"{}]", 7 << 20),
    "1 MB of objects": filled(b"[", b"{},", b"1]", 1 << 20),
    "1 MB of arrays": filled(b'{"Id":[', b"[],", b"1]}", (1 << 20) - 20),
    "4 MB of objects in a row": filled(b"", b"{}", b"", 4 << 20),
    "4 MB of events in a row": filled(b"", b'{"Type":"x","time":1}', b"", 4 << 20),
    "1 MB of keys": faults.reply(200, {f"{i:x}": {} for i in range(80000)}),
    "8 MB of one string": filled(b'["', b"xxxxxxxx", b'"]', 8 << 20),
    "deep arrays": faults.nested(10000),
    "deep objects": faults.reply(200, b'{"State":' * 10000 + b"1" + b"}" * 10000),
}


def bounded(certificates, kind, action):
    with Host(certificates) as host:
        worker = host.engine.run("worker")
        host.before()
        host.begin()
        host.crash(worker)
        host.engine.fault(END[kind][0], action, times=None)
        host.region.mode = "forbidden"
        host.eins.conf["docker"]["timeout"] = TIMEOUT  # some go on for as long as somebody listens
        used = peak(host, (0, 1, 69))
        assert used < MEMORY, f"{used:.0f} MiB"


@pytest.mark.parametrize("kind", ["ping", "list", "inspect", "events"])
def test_no_answer_takes_more_than_a_bounded_amount_of_memory(certificates, kind):
    all_at_once({what: functools.partial(bounded, certificates, kind, action) for what, action in FILLED.items()})


def test_memory_is_measured(certificates):
    with Host(certificates) as host:
        assert 2 < peak(host, 0) < MEMORY
        with pytest.raises(subprocess.CalledProcessError):
            subprocess.run([sys.executable, "-ISc", MEASURE, "false"], check=True, capture_output=True)
