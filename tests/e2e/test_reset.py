# SPDX-License-Identifier: MIT-0
"""Before eins is removed, also in the middle of an outage: a host that was frozen must not stay so."""
import os

import pytest

from support import scripted_faults as faults
from support.containers import DEAF
from support.host import FREE, HELD, Host
from support.wait import wait_for


@pytest.fixture
def host(certificates):
    with Host(certificates) as host:
        yield host


def reset(eins, *arguments, code=0):
    return eins.check("--reset", *arguments, code=code)


def test_a_reset_in_an_outage_gives_all_back_removes_nothing_and_forgets(docker, agent, eins, outage):
    restarted, stopped = docker.run("restarted"), docker.run("stopped", DEAF)
    docker.run("few", policy="on-failure", retries=5)
    docker.run("always", policy="always")
    docker.run_plain("someone-elses", policy="on-failure")
    outage.before()
    policies = {name: docker.policy(name) for name in docker.names()}
    outage.begin()
    docker.crash_and_restart(restarted)
    docker.kill_container(stopped)
    before = docker.view()
    result = reset(eins)
    assert {name: docker.policy(name) for name in docker.names()} == policies, result
    agent.wait_status("running")
    assert {name: (seen.id, seen.started_at) for name, seen in docker.view().items()} == \
        {name: (seen.id, seen.started_at) for name, seen in before.items()}, result
    assert eins.state() is None, result
    assert "eins is to be removed" in result.err and "its state is forgotten" in result.err, "the operator is told"
    assert not [line for line in result.log if " ERROR " in line], result


def test_a_reset_takes_the_metrics_away_which_would_look_like_those_of_a_check_that_hangs(host):
    metrics = os.path.join(host.eins.folder, "eins.prom")
    host.eins.conf["metrics"] = {"file": metrics}
    host.before()
    assert os.path.exists(metrics)
    reset(host.eins)
    assert not os.path.exists(metrics)


def test_a_reset_needs_no_region(host):
    web = host.engine.run("web")
    host.before()
    host.begin()
    del host.eins.conf["region"]
    reset(host.eins)
    assert host.engine.policy(web) == FREE and host.agent.status == "running" and host.eins.state() is None


def test_an_agent_that_somebody_else_paused_stays_so(host):
    host.before()
    host.agent.pause()
    host.again()
    reset(host.eins)
    assert host.agent.status == "paused" and host.eins.state() is None


@pytest.mark.parametrize("content", [None, "[eins]\nversion = 1\n"], ids=["lost", "corrupt"])
def test_a_reset_without_a_state_gives_the_agent_back_and_removes_nothing(host, content):
    web = host.engine.run("web")
    host.before()
    host.begin()
    host.crash(web)
    os.unlink(host.eins.state_file)
    if content:
        with open(host.eins.state_file, "w", encoding="utf-8") as file:
            file.write(content)
    host.eins.conf["region"]["rise"] = 3
    result = reset(host.eins)
    assert host.engine.policy(web) == FREE and host.engine.status(web) == "running", result
    assert host.agent.status == "running" and host.eins.state() is None, result


def test_what_could_not_be_given_back_stays_in_the_state_for_another_reset(host):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    host.begin()
    host.engine.fault(f"POST /containers/{worker}/update", faults.error(500, "no"), times=None)
    result = reset(host.eins, code=1)
    assert "run it again" in result.err and host.agent.status == "running", result
    assert host.policies([web, worker]) == {web: FREE, worker: HELD} and host.owed() == [worker]
    host.engine.heal()
    reset(host.eins)
    assert host.policies([web, worker]) == {web: FREE, worker: FREE} and host.eins.state() is None


def test_without_docker_a_reset_keeps_what_is_owed_and_forgets_what_is_not(host):
    web = host.engine.run("web")
    host.before()
    host.begin()
    docker = host.eins.conf["docker"]["host"]
    host.eins.conf["docker"]["host"] = "unix:///nonesuch/docker.sock"
    result = reset(host.eins, code=69)
    assert "/nonesuch/docker.sock" in result.err and "run it again" in result.err and host.owed(), result
    host.eins.conf["docker"]["host"] = docker
    host.end()
    host.eins.conf["docker"]["host"] = "unix:///nonesuch/docker.sock"
    reset(host.eins)
    assert host.eins.state() is None and host.engine.policy(web) == FREE
    reset(host.eins, code=69)
    assert host.eins.state() is None, "one that knows nothing leaves nothing"


@pytest.mark.parametrize("arguments", [["--dry-run"], ["--dry-run", "--verbose"]])
def test_a_dry_reset_changes_nothing_and_says_what_a_reset_would_do(host, arguments):
    web = host.engine.run("web")
    host.before()
    host.begin()
    before, view = host.eins.files(), host.engine.view()
    host.engine.forget()
    result = reset(host.eins, *arguments)
    assert (host.eins.files(), host.engine.view()) == (before, view) and not host.engine.changes, result
    for words in ("Dry run", web, "on-failure -> no", "unpause the agent", "eins is to be removed"):
        assert words in result.out, result


def test_a_reset_waits_for_nobody_and_names_the_check_that_runs(host):
    host.before()
    host.eins.conf["docker"]["timeout"] = 600  # it hangs for longer than this machine may
    fault = host.engine.fault("GET /containers/json", faults.hang())
    check = host.eins.popen()
    wait_for(lambda: fault.fired, 60, "it hangs")
    result = reset(host.eins, code=75)
    assert f"process {check.pid} " in result.err, result
    check.kill()
    check.wait()
