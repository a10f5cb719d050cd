# SPDX-License-Identifier: MIT-0
"""Answers of Docker that arrive whole and are wrong inside: nothing is done on what was not understood, nothing is printed raw, and when the
answers are right again the next check ends where it should. A Docker that fails as a whole: test_broken_docker.py."""
import functools

import pytest

from support import scripted_faults as faults
from support.containers import DEAF
from support.host import CONTROL, FREE, HELD, Host, all_at_once

LEFT_OUT = object()

# What of WRONG is a right value for a field, or as good as none; any other one must be noticed.
RIGHT = {
    "RestartCount": [7],
    "State.ExitCode": [7, -1],
    "State.OOMKilled": [True, False],
    "State.Error": ["text", ""],
    "HostConfig.RestartPolicy.Name": [""],
    "HostConfig.RestartPolicy.MaximumRetryCount": [7, -1],
    "HostConfig.AutoRemove": [False],
    "Config": [{}, {"a": 1}],
    "Config.StopTimeout": [7, -1, None, LEFT_OUT],
    "Name": [*faults.WRONG, LEFT_OUT],  # nobody reads it
}


@pytest.fixture
def host(certificates):
    with Host(certificates) as host:
        yield host


def is_right(field, value):
    return any(value is right or type(value) is type(right) and value == right for right in RIGHT.get(field, ()))


def wrong(path, value):
    return faults.leave_out(path) if value is LEFT_OUT else faults.edit(path, value)


def touched(host, name):
    return [request.line for request in host.engine.changes if name in request.line]


# -- inspections ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", faults.INSPECT_FIELDS)
def test_an_inspection_with_a_wrong_field_is_acted_on_only_if_that_does_not_matter(host, field):
    """A container for each wrong value, all in one check."""
    values = {host.engine.run(f"c{i}", DEAF, stop_timeout=1): value for i, value in enumerate([*faults.WRONG, LEFT_OUT])
              if (field, value) != ("HostConfig.AutoRemove", True)}  # Docker itself would refuse it a policy
    suspect = [name for name, value in values.items() if not is_right(field, value)]
    web = host.engine.run("web")
    host.before()
    assert_only_suspects_wait(host, field, values, suspect, web, host.begin, HELD)
    host.again()
    host.assert_disconnected([*values, web])
    started = {name: host.engine.seen(name).started_at for name in values}
    assert_only_suspects_wait(host, field, values, suspect, web, host.end, FREE)
    assert host.agent.status == "running", "ECS has its agent back whatever else was not understood"
    host.again()
    host.assert_connected([*values, web])
    assert {name: host.engine.seen(name).started_at for name in values} == started and not host.engine.matching("/stop|^DELETE")


def assert_only_suspects_wait(host, field, values, suspect, web, check, policy):
    host.engine.forget()
    for name, value in values.items():
        host.engine.fault(f"GET /containers/{name}/json", wrong(field, value), times=None)
    result = check(code=1 if suspect else 0)
    host.engine.heal()
    for name, value in values.items():
        if name in suspect:
            assert not touched(host, name), f"{field} was {value}\n{result}"
            assert f"{name} " in result.log_text, result
        else:
            assert host.engine.policy(name) == policy, f"{field} was {value}\n{result}"
    assert host.engine.policy(web) == policy


STRANGE = {
    "a beginning": faults.reply(200, b'{"Id":"'),
    "cut in the middle": lambda call: _cut(call, 0.5),
    "cut at the last brace": lambda call: _cut(call, 0.999),
    "nothing": faults.reply(200),
    "null": faults.reply(200, b"null"),
    "words": faults.plain_error(200, "OK"),
    "an array": faults.reply(200, []),
    "two documents": lambda call: _replace(call, b"\n", b"{}\n"),
    "NUL bytes": faults.nul_bytes(),
    "invalid UTF-8": faults.invalid_utf8(),
    "deep": faults.nested(10000),
    "another container": lambda call: call.engine.scripted.answer(_about_the_agent(call.request)),
    "a status of the future": faults.edit("State.Status", "hibernating"),
    "a status that is our own word": faults.edit("State.Status", "gone"),
    "a policy of the future": faults.edit("HostConfig.RestartPolicy.Name", "sometimes"),
    "a start at another time of the day": faults.edit("State.StartedAt", "yesterday"),
    "a start behind a NUL": faults.edit("State.StartedAt", "2026-01-01T00:00:00Z\0x"),
    "a long start": faults.edit("State.StartedAt", "2026-01-01T00:00:00." + "0" * 5000 + "Z"),
    "a start with escapes": faults.edit("State.StartedAt", "2026-01-01T00:00:00Z\n[agent]\nid = \x1b[2J"),
    "not modified": faults.reply(304),
}


def _cut(call, share):
    true = call.perform()
    true.body = true.body[:int(len(true.body.rstrip()) * share)]
    return true


def _replace(call, old, new):
    true = call.perform()
    true.body = true.body.removesuffix(old) + new
    return true


def _about_the_agent(request):
    request.path = "/containers/ecs-agent/json"
    return request


def strange_inspection(certificates, action):
    with Host(certificates) as host:
        web, worker = host.engine.run("web"), host.engine.run("worker")
        host.before()
        for check, policy in [(host.begin, HELD), (host.end, FREE)]:
            host.engine.forget()
            host.engine.fault(f"GET /containers/{worker}/json", action, times=None)
            result = check(code=1)
            assert not touched(host, worker) and f"{worker} " in result.log_text, result
            assert host.engine.policy(web) == policy and host.agent.status == ("paused" if policy == HELD else "running")
            host.engine.heal()
            host.again()
            assert host.policies([web, worker]) == dict.fromkeys([web, worker], policy)
        host.assert_connected([web, worker])


def test_a_strange_inspection_leaves_its_container_alone_until_the_next_check(certificates):
    all_at_once({what: functools.partial(strange_inspection, certificates, action) for what, action in STRANGE.items()})


def test_a_container_that_vanishes_between_list_and_inspection_is_no_error(host):
    web, names = host.engine.run("web"), [host.engine.run(f"short{i}") for i in range(5)]
    host.before()
    for name in names[:3]:
        host.engine.fault(f"GET /containers/{name}/json", faults.vanish())
    host.begin()
    for name in names[3:]:
        host.engine.fault(f"GET /containers/{name}/json", faults.vanish())
    host.end()
    host.assert_connected([web], gone=names)


# -- the list ------------------------------------------------------------------------------------------------------------------------------------


def wrong_list(certificates, field, value, whose):
    with Host(certificates) as host:
        worker = host.engine.run("worker")
        if whose == "agent":
            host.agent.start()  # the newest is the first
        host.before()
        host.engine.fault("GET /containers/json", wrong(field, value), times=None)
        result = host.begin(code=(0, 1, 69))
        assert {request.line for request in host.engine.changes} <= {"POST /containers/ecs-agent/pause", f"POST /containers/{worker}/update"}, result
        host.engine.heal()
        host.again()
        host.assert_disconnected([worker])
        host.engine.fault("GET /containers/json", wrong(field, value), times=None)
        host.end(code=(0, 1, 69))
        host.engine.heal()
        host.again()
        host.assert_connected([worker])
        assert not host.engine.matching("/stop|^DELETE|/kill")


@pytest.mark.parametrize("whose", ["container", "agent"])
@pytest.mark.parametrize("field", faults.LIST_FIELDS)
def test_a_list_with_a_wrong_field_does_no_harm(certificates, field, whose):
    all_at_once({f"{field}: {value!r}": functools.partial(wrong_list, certificates, field, value, whose) for value in [*faults.WRONG, LEFT_OUT]})


LISTS = {name: action for name, action in STRANGE.items() if not name.startswith(("a ", "an array", "another"))} | {
    "an object": faults.reply(200, {}),
    "a missing comma": faults.reply(200, b'[{"Id":"x"}{"Id":"y"}]'),
    "a comma too many": lambda call: _replace(call, b"]\n", b",]\n"),
    "no bracket at the end": lambda call: _replace(call, b"]\n", b"\n"),
    "null in it": faults.rewrite(lambda document: [*document, None]),
    "a number in it": faults.rewrite(lambda document: [*document, 7]),
}


def strange_list(certificates, action):
    with Host(certificates) as host:
        web = host.engine.run("web")
        host.before()
        for check, done in [(host.begin, host.assert_disconnected), (host.end, host.assert_connected)]:
            host.engine.forget()
            host.engine.fault("GET /containers/json", action, times=None)
            result = check(code=69)
            assert "list of containers" in result.log_text and not host.engine.changes, result
            host.engine.heal()
            host.again()
            done([web])


def test_a_strange_list_stops_the_check_and_says_so(certificates):
    all_at_once({what: functools.partial(strange_list, certificates, action) for what, action in LISTS.items()})


@pytest.mark.parametrize("hard", faults.HARD_IDS, ids=lambda text: ascii(text)[1:20])
def test_an_id_that_is_none_goes_into_no_request(host, hard):
    web = host.engine.run("web")
    host.before()
    host.engine.forget()
    host.engine.fault("GET /containers/json", faults.edit("0.Id", hard), times=None)
    result = host.begin(code=69)
    assert host.engine.lines == ["GET /_ping", "GET /containers/json"], result
    assert "without a usable Id" in result.log_text
    host.engine.heal()
    host.again()
    host.assert_disconnected([web])


@pytest.mark.parametrize("hard", faults.HARD_NAMES, ids=lambda text: ascii(text)[1:20])
def test_a_hard_name_is_shown_escaped_and_changes_nothing_else(host, hard):
    worker = host.engine.run("worker")
    host.engine.fault("GET /containers/json", faults.edit("0.Names", [hard]), times=None)
    host.before()
    host.region.mode = "refused"
    assert not CONTROL.search(host.eins.dry_run().out)
    host.begin()
    assert not CONTROL.search(open(host.eins.state_file, encoding="utf-8").read())
    assert len(host.eins.containers()) == 1 and host.engine.policy(worker) == HELD
    host.crash(worker)
    host.again()
    host.end()
    host.assert_connected([], gone=[worker])


@pytest.mark.parametrize("name", ["/ecs-agent\0x", "/other/ecs-agent", "ecs-agent", "/ECS-AGENT"])
def test_only_the_agent_is_taken_for_the_agent(host, name):
    worker = host.engine.run("worker")
    host.engine.fault("GET /containers/json", faults.edit("0.Names", [name]), times=None)
    host.before()
    host.begin()
    assert host.agent.status == "paused" and host.engine.policy(worker) == HELD and host.engine.status(worker) == "running"


def test_a_container_in_a_state_of_the_future_is_left_alone_and_the_others_are_not(host):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    host.engine.fault("GET /containers/json", faults.edit("0.State", "hibernating"), times=None)
    result = host.begin(code=1)
    assert not touched(host, worker) and f"{worker} " in result.log_text and host.engine.policy(web) == HELD, result
    host.engine.heal()
    host.again()
    host.assert_disconnected([web, worker])


# -- events ------------------------------------------------------------------------------------------------------------------------------------------


LOGS = {
    "truncated": faults.reply(200, b'{"Type":'),
    "an array": faults.reply(200, b"[]"),
    "half an event": faults.reply(200, b'{"Type":"container"}'),
    "nothing in them": faults.reply(200, b"{}{}"),
    "500": faults.error(500, "no"),
    "NUL bytes": faults.reply(200, b"\0\0"),
    "deep": faults.nested(10000),
}


def strange_log(certificates, action):
    with Host(certificates) as host:
        web, worker = host.engine.run("web"), host.engine.run("worker")
        host.before()
        host.begin()
        host.crash(worker)
        host.engine.fault("GET /events", action, times=None)
        result = host.end()
        assert "event log" in result.log_text and host.engine.matching("POST /containers/ecs-agent/kill"), result
        host.assert_connected([web], gone=[worker])


def test_without_its_events_the_agent_is_renewed_to_be_safe(certificates):
    all_at_once({what: functools.partial(strange_log, certificates, action) for what, action in LOGS.items()})
