# SPDX-License-Identifier: MIT-0
"""What happens between a look and a deed: exits, removals, new agents. On a scripted engine, to the request; and for one story on a real one,
to the container that crashes all the time."""
import os
import time

import pytest

from support import scripted_faults as faults
from support.agent import EcsInit
from support.containers import LONG
from support.host import FREE, HELD, Host
from support.wait import wait_for

LIVES = [0, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16]  # seconds until each of them crashes
FLIPS = 12
BACKOFF = 60  # seconds; Docker's longest
FORGOTTEN = "events do not tell whether somebody stopped it"
SECONDS = 180 if os.environ.get("EINS_LONG") == "1" else 10  # of the story on the real engine


TRIES = range(2, 100)  # of one request in one check: more than once, and not for ever


@pytest.fixture
def host(certificates):
    with Host(certificates, timeout=LONG) as host:
        yield host


def statuses(host, pattern):
    return [request.status for request in host.engine.matching(pattern)]


# -- an update that meets an exit -----------------------------------------------------------------------------------------------------------


def test_an_update_that_meets_an_exit_is_repeated_until_it_is_in_effect(host):
    names = [host.engine.run(name) for name in ("web", "db")]
    host.before()
    host.engine.race_update(5)
    host.begin()
    assert sorted(statuses(host, "/update")) == [200, 200, 500, 500, 500, 500, 500]
    host.assert_disconnected(names)
    for name in names:
        host.crash(name)


def test_a_policy_that_was_given_back_in_a_race_is_not_only_shown(host):
    web = host.engine.run("web")
    host.before()
    host.begin()
    host.engine.race_update(3)
    host.end()
    host.assert_connected([web])
    host.engine.crash(web)
    assert host.engine.status(web) == "exited", "it would wait for its restart if on-failure were still in effect"


def test_a_race_that_does_not_end_is_left_to_the_next_check(host):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    fault = host.engine.fault(f"/{web}/update", faults.error(500, "cannot update a stopped container"), times=None)
    result = host.begin(code=1)
    assert fault.fired in TRIES and f"container {web}" in result.log_text, result
    assert "cannot update a stopped container" in result.log_text
    assert host.policies([web, worker]) == {web: FREE, worker: HELD} and host.agent.status == "paused"
    host.engine.heal()
    host.again()
    host.assert_disconnected([web, worker])


def test_a_refused_update_is_not_repeated(host):
    web = host.engine.run("web")
    host.before()
    host.engine.fault("/update", faults.error(409, "not now"), times=None)
    assert "not now" in host.begin(code=1).log_text
    assert statuses(host, "/update") == [409]
    host.engine.heal()
    host.again()
    host.assert_disconnected([web])


# -- a container that dies under the look --------------------------------------------------------------------------------------------------


def test_one_that_dies_between_list_and_inspection_is_started_again_and_replaced_later(host):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    host.engine.fault(f"GET /containers/{worker}/json", faults.before(lambda: host.engine.crash(worker, 3)))
    host.begin()
    host.assert_disconnected([web, worker])
    assert host.engine.status(worker) == "running"
    host.end()
    host.assert_connected([web], gone=[worker])


def test_one_that_dies_between_inspection_and_update_is_started_by_the_next_check(host):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    host.engine.fault(f"/{worker}/update", faults.before(lambda: host.engine.crash(worker, 3)))
    host.begin()
    host.again()
    host.assert_disconnected([web, worker])
    assert host.engine.status(worker) == "running"
    host.end()
    host.assert_connected([web], gone=[worker])


def test_one_that_a_person_stops_under_the_update_stays_down(host):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    host.engine.fault(f"/{worker}/update", faults.before(lambda: host.engine.stop_container(worker)))
    host.begin()
    host.again()
    assert host.engine.status(worker) == "exited"
    host.end()
    host.assert_connected([web, worker])
    assert host.engine.status(worker) == "exited"


# -- a container that goes --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_kind", ["GET .*{}/json", "POST .*{}/update"])
def test_one_that_goes_while_it_is_taken_over_is_forgotten(host, request_kind):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    fault = host.engine.fault(request_kind.format(worker), faults.vanish())
    host.begin()
    assert fault.fired == 1
    host.again()
    assert host.policies([web]) == {web: HELD} and host.agent.status == "paused"
    host.end()
    host.assert_connected([web], gone=[worker])


@pytest.mark.parametrize("request_kind", ["GET .*{}/json", "POST .*{}/update", "POST .*{}/stop", "DELETE .*{}"])
def test_one_that_goes_while_it_is_given_back_is_forgotten(host, request_kind):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    host.begin()
    host.crash(worker)
    fault = host.engine.fault(request_kind.format(worker), faults.vanish())
    host.end()
    assert fault.fired == 1
    host.assert_connected([web], gone=[worker])


def test_one_whose_removal_is_in_progress_is_as_good_as_gone(host):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    host.begin()
    host.crash(worker)
    host.engine.fault("^DELETE", faults.before(lambda: host.engine.force_status(worker, "removing")))
    host.end()
    assert statuses(host, "^DELETE") == [409]
    host.assert_connected([web])


@pytest.mark.parametrize("status", ["removing", "dead"])
def test_one_that_docker_cannot_get_rid_of_is_left_alone(host, status):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    host.engine.force_status(worker, status)
    host.begin()
    host.assert_disconnected([web])
    host.end()
    host.assert_connected([web])
    assert not [request for request in host.engine.changes if worker in request.line]


def test_one_that_a_person_starts_while_it_is_replaced_is_replaced_all_the_same(host):
    worker = host.engine.run("worker")
    host.before()
    host.begin()
    host.crash(worker)
    host.engine.fault("^DELETE", faults.before(lambda: host.engine.start_container(worker)))
    host.end(code=1)
    assert host.agent.status == "running", "ECS gets its agent back whatever else has failed"
    host.again()
    host.assert_connected([], gone=[worker])


# -- an agent that changes ----------------------------------------------------------------------------------------------------------------------


def test_an_agent_that_is_recreated_between_look_and_pause_is_paused_by_the_same_check(host):
    web = host.engine.run("web")
    host.before()
    old = host.agent.id
    host.engine.fault("/pause", faults.before(host.agent.start), times=3)
    host.begin()
    assert statuses(host, "/pause") == [404, 404, 404, 204] and host.agent.id != old
    host.assert_disconnected([web])


def test_an_agent_that_never_comes_to_rest_is_left_to_the_next_check(host):
    web = host.engine.run("web")
    host.before()
    fault = host.engine.fault("/pause", faults.before(host.agent.start), times=None)
    host.begin(code=1)
    assert 2 <= fault.fired <= 10
    host.engine.heal()
    host.again()
    host.assert_disconnected([web])


@pytest.mark.parametrize("how", ["gone", "made", "stopped"])
def test_an_agent_that_is_down_when_it_is_to_be_paused_is_paused_when_it_comes(host, how):
    web = host.engine.run("web")
    host.before()
    change = {"gone": lambda: host.engine.remove("ecs-agent"), "made": host.agent.create, "stopped": lambda: host.engine.crash("ecs-agent", 1)}
    host.engine.fault("/pause", faults.before(change[how]))
    host.begin()
    assert host.policies([web]) == {web: HELD}
    host.agent.start()
    host.again()
    host.assert_disconnected([web])


def test_somebody_elses_pause_just_before_ours_counts_as_done(host):
    web = host.engine.run("web")
    host.before()
    host.engine.fault("/pause", faults.before(host.agent.pause))
    host.begin()
    host.assert_disconnected([web])
    host.end()
    host.assert_connected([web])


@pytest.mark.parametrize("how", ["unpaused", "recreated", "gone"])
def test_an_agent_that_changes_under_the_unpause_is_well(host, how):
    web = host.engine.run("web")
    host.before()
    host.begin()
    change = {"unpaused": host.agent.unpause, "recreated": host.agent.start, "gone": lambda: host.engine.remove("ecs-agent")}
    fault = host.engine.fault("/unpause", faults.before(change[how]))
    host.end()
    assert fault.fired == 1 and host.owed() == []
    assert host.agent.status == ("gone" if how == "gone" else "running") and host.policies([web]) == {web: FREE}


@pytest.mark.parametrize("how", ["unpaused", "gone"])
def test_an_agent_that_changes_under_the_kill_is_renewed_all_the_same(host, how):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.eins.conf["docker"]["agent_wait"] = LONG
    with EcsInit(host.agent, first_delay=0.2):
        host.before()
        host.begin()
        old = host.agent.id
        host.crash(worker)
        host.engine.add_execs(web, 100)
        change = {"unpaused": host.agent.unpause, "gone": lambda: host.engine.remove("ecs-agent")}
        fault = host.engine.fault("/kill", faults.before(change[how]))
        host.end()
        assert fault.fired == 1 and host.agent.id != old
        host.assert_connected([web], gone=[worker])


# -- minutes of crashes, on a real engine -----------------------------------------------------------------------------------------------------


def test_a_container_that_crashes_all_the_time_ends_with_the_policy_in_effect_that_it_should_have(docker, agent, outage, eins):
    """With recovery = keep, so that nothing is removed and it can begin again."""
    eins.conf["docker"]["recovery"] = "keep"
    loopers = [docker.run(f"loop{life}", ["sh", "-c", f"sleep {life}; exit 1"]) for life in LIVES]
    rounds, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        rounds += 1
        for name in loopers:
            docker.start_container(name)
        outage.before()
        outage.begin()
        for flip in range(FLIPS):  # another number of retries is another policy: all are set anew
            eins.conf["docker"]["retries"] = 0 if flip % 2 else 1000
            outage.again()
        assert_all_go_on(docker, outage, [name for name in loopers if docker.policy(name) == HELD])
        outage.end()
        assert agent.status == "running"
        for name in loopers:  # "no" is in effect: the next exit is the last
            docker.wait_status(name, "exited", BACKOFF + LONG)
        final = docker.view()
        assert {seen.policy for seen in final.values()} == {"no"}, final
        quiet = time.monotonic() + 0.25
        wait_for(lambda: time.monotonic() > quiet, 5, "a moment")
        assert docker.view() == final, "it was restarted although nothing allows it"
    print(f"{rounds} rounds with {len(LIVES)} containers, {raced(docker)} updates met an exit")


def raced(docker):
    with open(docker.log_file, encoding="utf-8", errors="replace") as file:
        return sum("/update" in line and "returned error" in line for line in file)


def assert_all_go_on(docker, outage, names):
    """All at once, so that a check comes while Docker's event log still has the end of one that is down. Where the machine has stood still until
    it has not, eins takes that end for a person's will, and says so."""
    before = {name: docker.seen(name).started_at for name in names}

    def go_on():
        now = {name: docker.seen(name) for name in before}
        for name in [name for name in before if now[name].started_at != before[name]]:
            del before[name]
        if any(now[name].status == "exited" for name in before):
            result = outage.again()
            for name in [name for name in before if any(FORGOTTEN in line and name in line for line in result.log)]:
                del before[name]
        return not before
    wait_for(go_on, BACKOFF + LONG, lambda: f"they are restarted after their exit: {[docker.seen(name) for name in before]}")
