# SPDX-License-Identifier: MIT-0
"""recovery = adopt: what Docker restarted in the outage runs on when the region is back, and a fresh agent takes it over."""
import pytest

from support import scripted_faults as faults
from support.agent import Agent
from support.containers import DEAF, LONG
from support.host import FREE, Host
from support.wait import wait_for

GREEDY = ["sh", "-c", "while [ ! -e /tmp/eat ]; do sleep 0.05; done; rm /tmp/eat; exec tail /dev/zero"]
MEMORY = 24 << 20  # bytes


@pytest.fixture
def adopt(eins):
    eins.conf["docker"].update(recovery="adopt", agent_wait=LONG)


@pytest.fixture
def host(certificates):
    with Host(certificates, timeout=LONG) as host:
        host.eins.conf["docker"].update(recovery="adopt", agent_wait=LONG)
        yield host


def brings_agents(host):
    """ecs-init, for a scripted engine: whoever kills the agent gets a fresh one."""
    def renew(call):
        reply = call.perform()
        Agent(host.engine).start()
        return reply
    host.engine.fault("POST /containers/ecs-agent/kill", renew, times=None)


def eat_memory(docker, name):
    """It takes more than it may have, the kernel ends it, and Docker starts it again. Returns when Docker has also heard why it ended."""
    before = docker.seen(name)
    docker.exec(name, "touch", "/tmp/eat")
    docker.wait_restarted(name, before)
    docker.settle(name)


def test_what_was_restarted_runs_on_and_a_fresh_agent_takes_it_over(docker, agent, ecs_init, adopt, eins, outage):
    web, few, always = docker.run("web", DEAF), docker.run("few", policy="on-failure", retries=5), docker.run("always", policy="always")
    docker.run("untouched")
    outage.before()
    before = docker.view()
    outage.begin()
    for name in (web, few, always):
        docker.crash_and_restart(name)
    running = docker.view()
    result = outage.end()
    after = docker.view()
    for name in (web, few, always):
        assert (after[name].id, after[name].started_at, after[name].status) == (running[name].id, running[name].started_at, "running"), result
        assert (after[name].policy, after[name].retries) == (before[name].policy, before[name].retries), result
    assert after["ecs-agent"].id != before["ecs-agent"].id and agent.status == "running" and ecs_init.exits == [137], result
    assert result.log_text.count("runs on: a fresh agent takes it over as it is") == 3, result
    assert not [line for line in result.log if " WARNING " in line and "runs on" in line], "it is no reason to be alarmed"
    outage.before()
    assert docker.view() == after, "and then nothing more happens to it"


def test_the_agent_is_only_thawed_when_nothing_was_restarted(docker, agent, adopt, outage):
    docker.run("web")
    outage.before()
    before = docker.view()
    outage.begin()
    outage.end()
    assert docker.view() == before


def test_without_ecs_init_the_old_agent_is_started_anew(docker, agent, adopt, eins, outage):
    eins.conf["docker"]["agent_wait"] = 1
    web = docker.run("web", DEAF)
    outage.before()
    before = docker.seen("ecs-agent")
    outage.begin()
    docker.crash_and_restart(web)
    running = docker.seen(web)
    outage.end()
    after = docker.seen("ecs-agent")
    assert after.id == before.id and after.started_at != before.started_at and after.status == "running"
    assert docker.seen(web) == running._replace(policy="no")


def test_what_ran_out_of_memory_is_restarted_where_docker_still_says_so(docker, agent, ecs_init, adopt, outage):
    """20.10 keeps OOMKilled on a container that runs again, and a fresh agent would take it for dead. 26 and later clear it."""
    greedy = docker.run("greedy", GREEDY, stop_timeout=0, host_config={"Memory": MEMORY, "MemorySwap": MEMORY})
    outage.before()
    outage.begin()
    eat_memory(docker, greedy)
    marked = docker.inspect(greedy)["State"]["OOMKilled"]
    before = docker.seen(greedy)
    result = outage.end()
    after = docker.seen(greedy)
    assert after.id == before.id and after.status == "running" and after.policy == "no", result
    assert (after.started_at != before.started_at) == marked, result
    assert docker.inspect(greedy)["State"]["OOMKilled"] is False, result
    assert ("out-of-memory" in result.log_text) == marked, result


def test_what_eins_had_revived_is_replaced(docker, agent, ecs_init, adopt, outage):
    """The agent may have seen its death, and what it has seen stop it never takes for running again."""
    died, web = docker.run("died", DEAF, stop_timeout=0), docker.run("web")
    outage.before()
    docker.crash(died)
    outage.begin()
    assert docker.status(died) == "running"
    before = docker.seen(web)
    result = outage.end()
    assert not docker.exists(died) and docker.seen(web) == before._replace(policy="no"), result
    assert "the agent may have seen that" in result.log_text and ecs_init.exits == [137], result


def test_what_came_back_after_a_power_cut_runs_on(docker, agent, adopt, outage):
    names = [docker.run("polite"), docker.run("deaf", DEAF)]
    outage.before()
    outage.begin()
    docker.power_loss()
    docker.start()
    agent.start()
    outage.again()
    running = {name: docker.seen(name) for name in names}
    assert all(seen.status == "running" for seen in running.values())
    outage.eins.conf["docker"]["agent_wait"] = 1
    outage.end()
    assert {name: docker.seen(name) for name in names} == {name: seen._replace(policy="no") for name, seen in running.items()}
    assert agent.status == "running"


def test_what_is_down_is_left_for_the_fresh_agent_to_find(host):
    brings_agents(host)
    web = host.engine.run("web")
    host.before()
    host.begin()
    host.crash(web)
    host.engine.finish(web)
    host.end()
    assert host.engine.status(web) == "exited" and host.engine.policy(web) == FREE and host.owed() == []
    assert host.engine.matching("POST /containers/ecs-agent/kill")


def test_one_that_cannot_be_restarted_is_replaced_by_the_next_check(host):
    brings_agents(host)
    greedy = host.engine.run("greedy")
    host.before()
    host.begin()
    before = host.engine.seen(greedy)
    host.engine.crash(greedy, oom=True)
    host.engine.wait_restarted(greedy, before)
    fault = host.engine.fault(f"POST /containers/{greedy}/restart", faults.error(500, "no"), times=None)
    result = host.end(code=1)
    assert fault.fired and host.agent.status == "running" and greedy in result.err, result
    host.again()
    assert not host.engine.exists(greedy) and host.owed() == []


def test_the_host_is_never_left_without_an_agent(host):
    """The check that renews it is killed, and nobody else brings one: the next one does."""
    web = host.engine.run("web")
    host.before()
    host.begin()
    host.crash(web)
    running = host.engine.seen(web)
    host.region.mode = "forbidden"
    check = host.eins.popen()
    wait_for(lambda: host.agent.status != "paused", LONG, "the old agent is killed")
    check.kill()
    check.wait()
    assert host.agent.status == "exited"
    host.eins.conf["docker"]["agent_wait"] = 1
    host.again()
    assert host.agent.status == "running" and host.owed() == []
    assert host.engine.seen(web) == running._replace(policy="no")


def test_a_dry_run_says_what_would_be_adopted_and_what_replaced(host):
    web, died = host.engine.run("web"), host.engine.run("died")
    host.before()
    host.engine.crash(died)
    host.begin()
    host.crash(web)
    host.region.mode = "forbidden"
    result = host.eins.dry_run()
    for words in ("runs on: a fresh agent takes it over as it is", "eins started it after it had failed", "kill the paused agent"):
        assert words in result.out.replace("\n", " ").replace("  ", " "), result
