# SPDX-License-Identifier: MIT-0
"""A host that shuts down, or an operator who stops the service, in the middle of a transition."""
import os
import signal
import threading

import pytest

from support.host import FREE, HELD, Host
from support.wait import wait_for

LONG = 60  # seconds: against a hang


@pytest.fixture
def host(certificates):
    with Host(certificates) as host:
        yield host


def terminate_at(host, request, count):
    """A check that gets SIGTERM when so many of these requests are under way: none of them is answered before. Returns the requests that
    changed something."""
    sent = threading.Event()

    def answer_then(call):
        sent.wait(LONG)
        return call.perform()
    host.engine.forget()
    fault = host.engine.fault(request, answer_then, times=None)
    check = host.eins.popen()
    try:
        wait_for(lambda: fault.fired == count, LONG / 2, "it is in the middle of its work")
        check.send_signal(signal.SIGTERM)
    finally:
        sent.set()
    check.communicate(timeout=LONG)
    host.engine.heal()
    assert check.returncode == -signal.SIGTERM, "it ends, and says why"
    return [request.line for request in host.engine.changes]


def test_what_is_in_flight_is_finished_and_written_down(host):
    names = [host.engine.run(f"c{i}") for i in range(4)]
    host.before()
    host.region.mode = "refused"
    changes = terminate_at(host, "POST /containers/.*/update", 4)
    assert len(changes) == 5, "the agent and all four: they were under way side by side"
    assert {entry["takeover"] for entry in host.eins.containers().values()} == {"set"}, "Docker's answers are in the state"
    assert any("stopped by SIGTERM" in line for line in host.eins.log_lines())
    host.again()
    assert len([line for line in host.engine.lines if "update" in line]) == 4, "nothing is done twice"
    host.assert_disconnected(names)


def test_what_has_not_begun_is_left_to_the_next_check(host):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    host.begin()
    host.crash(web)
    host.region.mode = "forbidden"
    changes = terminate_at(host, "POST /containers/.*/update", 2)
    assert all("update" in line for line in changes) and len(changes) == 2, changes
    assert host.policies([web, worker]) == {web: FREE, worker: FREE} and host.agent.status == "paused"
    host.again()
    host.assert_connected([worker], gone=[web])


def test_an_agent_that_is_waited_for_is_not_started_by_a_check_that_ends(host):
    """The next one finds out whether ecs-init brought it."""
    host.eins.conf["docker"].update(agent_wait=300, recovery="adopt")
    web = host.engine.run("web")
    host.before()
    host.begin()
    host.crash(web)
    host.region.mode = "forbidden"
    check = host.eins.popen()
    wait_for(lambda: host.agent.status not in ("paused", "running"), LONG, "the old agent is killed")
    check.send_signal(signal.SIGTERM)
    check.communicate(timeout=LONG)  # a fifth of the time that it would wait for
    assert check.returncode == -signal.SIGTERM and not host.engine.matching("POST /containers/.*/start")
    assert host.agent.start() and host.eins.state()["agent"]["renewing"]
    host.again()
    assert host.owed() == [] and host.agent.status == "running"


def test_a_reader_that_goes_away_stops_no_transition(host):
    """Cron's mail, a terminal that was closed, systemd's journal while it is restarted."""
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    host.region.mode = "refused"
    for _ in range(2):  # into the outage, and what a check says there
        reader, writer = os.pipe()
        os.close(reader)
        check = host.eins.popen("--verbose", stdout=writer, stderr=writer)
        os.close(writer)
        assert check.wait(timeout=LONG) == 0
    host.assert_disconnected([web, worker])


def test_outside_of_a_transition_it_ends_at_once(host):
    host.before()
    files, connections = host.eins.files(), host.region.connections
    host.region.mode = "tls_silent"
    host.eins.conf["region"]["timeout"] = 5 * LONG
    check = host.eins.popen()
    wait_for(lambda: host.region.connections > connections, LONG, "it waits for the region")
    check.send_signal(signal.SIGTERM)
    check.communicate(timeout=LONG)  # a fifth of the time that the region has
    assert check.returncode == -signal.SIGTERM and HELD not in host.policies(host.engine.names()).values()
    assert host.eins.files()["state.ini"] == files["state.ini"]
