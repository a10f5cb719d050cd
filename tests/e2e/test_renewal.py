# SPDX-License-Identifier: MIT-0
"""At the end of a long outage: an agent that may have missed a removal is replaced by a fresh one, and never ended politely."""
import time

import pytest

from support.agent import EcsInit
from support.containers import DEAF, LONG
from support.events import events, flood
from support.wait import wait_for


@pytest.fixture
def missed(docker, agent, eins, outage):
    """An outage in which one container was restarted and more happened than Docker's event log holds. The paused agent's id."""
    eins.conf["docker"]["agent_wait"] = LONG
    web = docker.run("web", DEAF, stop_timeout=0)
    docker.run("quiet")
    outage.before()
    outage.begin()
    docker.crash_and_restart(web)
    flood(docker)
    return agent.id


def renewing(eins):
    """The id of the agent that eins means to replace, as far as the state knows."""
    return eins.state().get("agent", {}).get("renewing")


def others(docker, view):
    """The view without the agent and without the container that was restarted: what must not change."""
    return {name: seen for name, seen in view.items() if name != "ecs-agent" and "-web-" not in name}


def test_a_few_events_do_not_cost_the_agent_its_life(docker, agent, outage):
    web = docker.run("web", DEAF, stop_timeout=0)
    outage.before()
    before = docker.seen("ecs-agent")
    outage.begin()
    docker.crash_and_restart(web)
    agent.exec_storm(20)
    outage.end()
    assert not docker.exists(web) and docker.seen("ecs-agent") == before


def test_without_a_removal_nothing_can_be_missed(docker, agent, outage):
    docker.run("quiet")
    outage.before()
    before = docker.view()
    outage.begin()
    flood(docker)
    outage.end()
    assert docker.view() == before


def test_a_fresh_agent_takes_the_place_of_one_that_missed_events(docker, agent, ecs_init, missed, eins, outage):
    before = others(docker, docker.view())
    before = {name: seen._replace(policy="no") for name, seen in before.items()}
    result = outage.end()
    assert agent.id != missed and agent.status == "running", result
    assert ecs_init.exits == [137], "it was killed, not stopped: after a polite exit ecs-init would not bring another"
    assert others(docker, docker.view()) == before and len(docker.names()) == 2, result
    assert not renewing(eins), result
    fresh = agent.id
    outage.before()
    assert agent.id == fresh and agent.status == "running"


def test_the_agent_is_killed_only_when_all_else_is_done(docker, agent, ecs_init, missed, outage):
    since = time.time()
    outage.end()
    done = [(event.action, event.name) for event in events(docker, since)]
    agents = [i for i, (_, name) in enumerate(done) if name == "ecs-agent"]
    tasks = [i for i, (_, name) in enumerate(done) if "-web-" in name or "-quiet-" in name]
    assert max(tasks) < min(agents), done


@pytest.mark.parametrize("removed", [True, False], ids=["removed", "finished"])
def test_a_container_that_a_person_removed_or_that_finished_may_have_been_missed_too(docker, agent, ecs_init, eins, outage, removed):
    eins.conf["docker"]["agent_wait"] = LONG
    web = docker.run("web")
    outage.before()
    outage.begin()
    old = agent.id
    (docker.remove if removed else docker.finish)(web)
    flood(docker)
    outage.end()
    assert agent.id != old and ecs_init.exits == [137] and docker.exists(web) != removed


def test_without_ecs_init_the_old_agent_is_started_again(docker, agent, missed, eins, outage):
    eins.conf["docker"]["agent_wait"] = 1
    before = docker.seen("ecs-agent")
    result = outage.end()
    after = docker.seen("ecs-agent")
    assert after.id == missed and after.status == "running" and after.started_at != before.started_at, result
    assert not renewing(eins), result


def test_keep_never_renews(docker, agent, missed, eins, outage):
    eins.conf["docker"]["recovery"] = "keep"
    before = docker.seen("ecs-agent")
    outage.end()
    assert docker.seen("ecs-agent") == before._replace(status="running")


@pytest.fixture
def interrupted(docker, agent, missed, region, eins):
    """A check that was killed while it waited for the fresh agent. Returns the old agent's id."""
    region.mode = "forbidden"
    eins.conf["docker"]["agent_wait"] = 5 * LONG
    check = eins.popen()
    wait_for(lambda: agent.status in ("exited", "gone"), LONG, "the old agent is killed")
    check.kill()
    check.wait()
    return missed


def test_a_renewal_that_was_interrupted_is_finished_by_the_next_check(docker, agent, interrupted, eins, outage):
    assert renewing(eins) == interrupted and agent.status == "exited"
    eins.conf["docker"]["agent_wait"] = 1
    result = outage.end()
    assert agent.id == interrupted and agent.status == "running", result
    assert len(docker.names()) == 2 and not renewing(eins), result


def test_a_renewal_that_was_interrupted_still_waits_for_ecs_init(docker, agent, interrupted, eins, outage):
    with EcsInit(agent) as ecs_init:
        outage.end()
        assert agent.id != interrupted and agent.status == "running", ecs_init.exits
        assert not renewing(eins)


def test_a_fresh_agent_that_came_meanwhile_ends_the_renewal(docker, agent, interrupted, eins, outage):
    fresh = agent.start()
    before = docker.view()
    outage.end()
    assert docker.view() == before and agent.id == fresh
    assert not renewing(eins)
