# SPDX-License-Identifier: MIT-0
"""Docker or the whole host is restarted in an outage: what ran comes back, what was down stays down, and at its end they are told apart.

The kernel's boot id cannot change here. The engine's pid file does; with a power loss it is gone, as everything in /run.
"""
import concurrent.futures

import pytest

from support import scripted_faults as faults
from support.containers import DEAF, EXIT_143, FRAGILE, LONG, POLITE
from support.host import Host
from support.wait import wait_for

PROGRAMS = {"polite": POLITE, "143": EXIT_143, "deaf": DEAF}  # they end with 0, 143 and 137 when dockerd is asked to end


def stop(docker):
    docker.stop()


def kill(docker):
    docker.kill()


def power_loss(docker):
    docker.power_loss()


every_death = pytest.mark.parametrize("death", [stop, kill, power_loss])


@pytest.fixture
def with_live_restore(docker):
    """The power goes before and after: the fastest way for an engine, still empty, to start with other settings."""
    docker.power_loss()
    docker.start(live_restore=True)
    yield
    docker.power_loss()


@pytest.fixture(params=[False, True], ids=["", "live_restore"])
def live_restore(request):
    if request.param:
        request.getfixturevalue("with_live_restore")
    return request.param


def restart(docker, death):
    death(docker)
    docker.start()


def run_each(docker):
    return [docker.run(name, program, stop_timeout=0 if program is DEAF else None) for name, program in PROGRAMS.items()]


def down_in_every_way(docker):
    """Containers that are down before an outage, each for another reason."""
    job, stopped = docker.run("job"), docker.run("stopped", EXIT_143)
    killed, crashed = docker.run("killed", DEAF), docker.run("crashed", DEAF)
    docker.finish(job)
    docker.stop_container(stopped)
    docker.kill_container(killed)
    docker.crash(crashed)
    return [job, stopped, killed, crashed]


def all_up(docker, names):
    states = {name: docker.seen(name) for name in names}
    return all(seen.status == "running" and seen.policy == "on-failure" for seen in states.values()), states


def started_at(docker, names):
    return {name: docker.seen(name).started_at for name in names}


# -- in an outage ------------------------------------------------------------------------------------------------------------


@every_death
def test_what_ran_comes_back_and_goes_when_the_outage_ends(docker, live_restore, agent, ecs_init, outage, death):
    names = run_each(docker)
    outage.before()
    outage.begin()
    before = started_at(docker, names)
    restart(docker, death)
    agent.wait_status("paused" if live_restore and death is not power_loss else "running")
    result = outage.again()
    up, states = all_up(docker, names)
    assert up, f"{states}\n{result}"
    assert agent.status == "paused", result
    view = docker.view()
    outage.again()
    assert docker.view() == view, "the second check has nothing left to do"
    restarted = {name for name, since in started_at(docker, names).items() if since != before[name]}
    if not live_restore or death is power_loss:
        assert restarted == set(names)
    else:
        assert not restarted, "live-restore lets them run"
    result = outage.end()
    agent.wait_status("running")
    assert set(docker.names()) == {"ecs-agent", *names} - restarted, result


@every_death
def test_what_was_down_before_stays_down(docker, agent, ecs_init, eins, outage, death):
    """It was down before the outage, ended with 0 in it, or had used up its retries."""
    eins.conf["docker"]["retries"] = 1
    down = down_in_every_way(docker)
    job, worn, running = docker.run("job"), docker.run("worn", DEAF), docker.run("running")
    outage.before()
    outage.begin()
    docker.finish(job)
    docker.crash_and_restart(worn)
    docker.crash(worn)
    docker.wait_status(worn, "exited")
    outage.again()
    before = docker.view()
    restart(docker, death)
    agent.wait_status("running")
    result = outage.again()
    assert docker.status(running) == "running", result
    for name in [*down, job, worn]:
        assert docker.seen(name).status == "exited" and docker.seen(name).started_at == before[name].started_at, result
    outage.end()
    assert set(docker.names()) == {"ecs-agent", job, *down}, "what was restarted before it was down is for ECS to launch anew"


@pytest.mark.parametrize("death", [stop, power_loss])
def test_what_a_person_stopped_in_the_outage_stays_down(docker, agent, ecs_init, outage, death):
    """With on-failure left on it, dockerd would launch it at its start: it takes any exit code but 0 for a failure (FACTS.md)."""
    stopped, killed = docker.run("stopped", EXIT_143), docker.run("killed", DEAF)
    outage.before()
    outage.begin()
    docker.stop_container(stopped)
    docker.kill_container(killed)
    outage.again()
    restart(docker, death)
    agent.wait_status("running")
    outage.again()
    assert [docker.status(name) for name in (stopped, killed)] == ["exited", "exited"]


def test_a_start_that_fails_after_dockerd_was_killed_is_tried_again(certificates):
    """By then the engine is no longer new, and its log still has the stops of its own beginning, which look like a person's."""
    with Host(certificates) as host:
        web = host.engine.run("web")
        host.before()
        host.begin()
        host.engine.new_generation()
        host.engine.world.ring.clear()
        host.engine.stop_container(web)
        host.engine.fault(f"^POST /containers/{web}/start", faults.error(500, "not yet"))
        host.again(code=1)
        result = host.again()
        assert host.engine.status(web) == "running", result


def test_what_was_in_backoff_when_the_power_went_comes_back(docker, agent, ecs_init, outage):
    """Docker records such a one as ended with 0, and leaves it down."""
    loops = docker.run("loops", FRAGILE)
    outage.begin()
    docker.crash_loop(loops)
    outage.again()
    docker.wait_backoff(loops)
    restart(docker, power_loss)
    before = docker.seen(loops)
    outage.again()
    wait_for(lambda: docker.seen(loops).started_at != before.started_at, 20, "it was started")


def test_policies_of_its_own_come_back_after_a_restart_too(docker, with_live_restore, agent, ecs_init, outage):
    few, always = docker.run("few", policy="on-failure", retries=5), docker.run("always", policy="always")
    outage.before()
    before = docker.view()
    outage.begin()
    restart(docker, kill)
    outage.again()
    outage.end()
    assert {name: docker.seen(name) for name in (few, always)} == {name: before[name] for name in (few, always)}


def test_what_is_frozen_while_docker_restarts_hears_no_more_events(docker, with_live_restore):
    """Why the agent is renewed in the next test."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        stream = pool.submit(docker.api.raw, "GET", "/events")
        wait_for(lambda: docker.api.get("/info")["NEventsListener"] == 1, 20, "somebody listens")
        restart(docker, kill)
        assert docker.api.get("/info")["NEventsListener"] == 0
        with pytest.raises(ConnectionError):
            stream.result(20)


@pytest.mark.parametrize("gone", ["restarted", "finished", ""])
def test_an_agent_that_stayed_frozen_while_docker_restarted_is_renewed_if_there_is_anything_to_learn(
        docker, with_live_restore, agent, ecs_init, eins, outage, gone):
    eins.conf["docker"]["agent_wait"] = LONG
    web = docker.run("web")
    outage.before()
    outage.begin()
    old = agent.id
    restart(docker, kill)
    agent.wait_status("paused")
    if gone == "restarted":
        docker.crash_and_restart(web)
    elif gone == "finished":
        docker.finish(web)
    result = outage.end()
    assert ecs_init.exits == ([137] if gone else []) and (agent.id == old) != bool(gone), result
    agent.wait_status("running")
    assert docker.exists(web) == (gone != "restarted")


def test_a_second_restart_is_like_the_first(docker, agent, ecs_init, outage):
    names = run_each(docker)
    outage.before()
    outage.begin()
    for _ in range(2):
        restart(docker, power_loss)
        agent.wait_status("running")
        result = outage.again()
        up, states = all_up(docker, names)
        assert up and agent.status == "paused", f"{states}\n{result}"
    outage.end()
    assert docker.names() == ["ecs-agent"]


# -- outage and restart come together ----------------------------------------------------------------------------------------


@every_death
def test_a_restart_into_an_outage_brings_back_what_the_last_check_saw(docker, agent, ecs_init, outage, death):
    down = down_in_every_way(docker)
    names = run_each(docker)
    outage.before()
    before = docker.view()
    restart(docker, death)
    agent.wait_status("running")
    result = outage.begin()
    up, states = all_up(docker, names)
    assert up and agent.status == "paused", f"{states}\n{result}"
    for name in down:
        assert docker.seen(name) == before[name], result
    view = docker.view()
    outage.again()
    assert docker.view() == view
    assert all(docker.seen(name).restart_count == 0 for name in names)
    result = outage.end()
    agent.wait_status("running")
    assert set(docker.names()) == {"ecs-agent", *down}, result


def test_with_live_restore_a_restart_into_an_outage_disturbs_nothing(docker, with_live_restore, agent, ecs_init, outage):
    names = run_each(docker)
    outage.before()
    before = docker.view()
    restart(docker, kill)
    outage.begin()
    outage.end()
    assert {name: docker.seen(name) for name in names} == {name: before[name] for name in names}


def test_while_connected_a_restart_is_ecs_own_business(docker, agent, ecs_init, outage):
    run_each(docker)
    outage.before()
    restart(docker, power_loss)
    agent.wait_status("running")
    before = docker.view()
    outage.before()
    assert docker.view() == before
    outage.begin()
    assert agent.status == "paused"
    assert {name: seen for name, seen in docker.view().items() if name != "ecs-agent"} == \
        {name: seen for name, seen in before.items() if name != "ecs-agent"}, "they were down at the last connected look"


# -- the end of an outage and a restart ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("live_restore, death", [(False, stop), (False, power_loss), (True, kill)], indirect=["live_restore"])
def test_with_docker_down_when_the_region_returns_the_next_check_finishes(docker, live_restore, agent, ecs_init, outage, death):
    names = run_each(docker)
    outage.before()
    before = docker.view()
    outage.begin()
    death(docker)
    result = outage.end(code=69)
    assert "Docker cannot be reached" in result.log_text, result
    outage.end(code=69)
    docker.start()
    result = outage.end()
    agent.wait_status("running")
    left = {name: seen for name, seen in docker.view().items() if name != "ecs-agent"}
    assert all(seen.policy == "no" for seen in left.values()), result
    if live_restore and death is not power_loss:
        assert left == {name: before[name] for name in names}, result
    else:
        assert all(seen.started_at == before[name].started_at and seen.status == "exited" for name, seen in left.items()), \
            "what dockerd has restarted goes, what it has left down is for ECS to launch anew"


def test_one_that_ran_on_its_last_retry_comes_back(docker, agent, ecs_init, eins, outage):
    """It had not used it up: the power went first."""
    eins.conf["docker"]["retries"] = 1
    web = docker.run("web", DEAF)
    outage.before()
    outage.begin()
    before = docker.seen(web)
    docker.crash(web)
    docker.wait_restarted(web, before)
    outage.again()
    restart(docker, power_loss)
    agent.wait_status("running")
    outage.again()
    assert docker.status(web) == "running"
