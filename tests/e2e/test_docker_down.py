# SPDX-License-Identifier: MIT-0
"""Docker is not there, not there yet, gone in the middle, slow, or full. What is not done stays in the state, and the next check does it."""
import concurrent.futures
import contextlib
import os
import signal
import socket

import pytest

from support import scripted_faults as faults
from support.containers import DEAF
from support.host import FREE, HELD, Host
from support.wait import wait_for

TIMEOUT = 5  # seconds, the least it takes, as configured for a Docker that is silent on purpose
BOUND = 25  # for one request, on a busy machine, and less than Docker's own default
SLOW = [0.2] + ([5] if os.environ.get("EINS_LONG") == "1" else [])  # seconds for each reply; 5 takes minutes


@pytest.fixture
def host(certificates):
    with Host(certificates) as host:
        yield host


@contextlib.contextmanager
def impatient(eins):
    """Only for as long as nobody answers: any other time, an answer may be late because the machine is."""
    patient = eins.conf["docker"].get("timeout")
    eins.conf["docker"]["timeout"] = TIMEOUT
    yield
    eins.conf["docker"]["timeout"] = patient


@contextlib.contextmanager
def no_socket(host):
    host.eins.conf["docker"]["host"] = f"unix://{host.eins.folder}/missing.sock"
    yield "missing.sock", "connect"
    host.eins.conf["docker"]["host"] = host.engine.host


@contextlib.contextmanager
def refusing_socket(host):
    """A file that a killed dockerd has left."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(host.eins.folder + "/left.sock")
    host.eins.conf["docker"]["host"] = f"unix://{host.eins.folder}/left.sock"
    yield "left.sock", "connect"
    host.eins.conf["docker"]["host"] = host.engine.host


@contextlib.contextmanager
def starting(host):
    """Socket activation: systemd accepts, and dockerd does not answer yet."""
    host.engine.fault(".", faults.hang(), times=None)
    with impatient(host.eins):
        yield host.engine.host, f"within {TIMEOUT} s"
    host.engine.heal()


@contextlib.contextmanager
def forbidding(host):
    host.engine.fault(".", faults.plain_error(403, "authorization denied by plugin"), times=None)
    yield host.engine.host, "authorization denied by plugin"
    host.engine.heal()


@contextlib.contextmanager
def full(host):
    host.engine.fault(".", faults.error(500, "write /var/lib/docker/tmp: no space left on device"), times=None)
    yield host.engine.host, "no space left on device"
    host.engine.heal()


DOWN = [no_socket, refusing_socket, starting, forbidding, full]


def name_of(function):
    return function.__name__


def assert_says(result, *words):
    assert "Docker cannot be reached" in result.log_text, result
    assert all(word in result.log_text for word in words), result
    assert result.seconds < BOUND, result


# -- not there ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("down", DOWN, ids=name_of)
def test_an_outage_that_begins_without_docker_is_taken_over_when_docker_is_back(host, down):
    names = [host.engine.run(name) for name in ("web", "db")]
    host.before()
    with down(host) as words:
        assert_says(host.begin(code=69), *words)
        assert host.eins.phase == "disconnected" and host.eins.state()["state"]["outages"] == "1"
    host.again()
    host.assert_disconnected(names)
    assert host.eins.state()["state"]["outages"] == "1", "it is still the same outage"


@pytest.mark.parametrize("down", DOWN, ids=name_of)
def test_an_outage_that_ends_without_docker_is_ended_when_docker_is_back(host, down):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    host.begin()
    host.crash(worker)
    with down(host) as words:
        assert_says(host.end(code=69), *words)
        assert host.eins.phase == "connected" and set(host.owed()) == {web, worker, "paused_by_eins"}
    host.again()
    host.assert_connected([web], gone=[worker])


@pytest.mark.parametrize("down", [no_socket, full], ids=name_of)
def test_probes_are_counted_while_docker_is_down(host, down):
    host.eins.conf["region"].update(fall=2, rise=2)
    web = host.engine.run("web")
    host.before()
    phases = []
    with down(host):
        for step, code in [(host.begin, 0), (host.again, 69), (host.again, 69), (host.end, 69), (host.again, 69), (host.begin, 0), (host.again, 69)]:
            step(code=code)
            phases.append(host.eins.phase)
    assert phases == ["connected", "disconnected", "disconnected", "disconnected", "connected", "connected", "disconnected"]
    host.again()
    host.assert_disconnected([web])
    host.end()
    host.again()
    host.assert_connected([web])


@pytest.mark.parametrize("down", [no_socket, forbidding], ids=name_of)
def test_the_baseline_survives_connected_checks_without_docker(host, down):
    web = host.engine.run("web")
    host.before()
    with down(host) as words:
        assert_says(host.before(code=69), *words)
        assert host.eins.containers()[web]["running"] == "1"
    host.engine.crash(web, 3)
    host.begin()
    assert host.engine.status(web) == "running", "what ran at the last good look and has crashed since is started"


def test_an_engine_that_answers_late_is_waited_for(host):
    web = host.engine.run("web")
    host.engine.fault("_ping", faults.delay(1), times=None)
    host.before()
    assert host.begin().seconds >= 1
    host.assert_disconnected([web])


# -- gone in the middle, request by request ---------------------------------------------------------------------------------------------------


def test_whatever_request_docker_dies_at_the_next_check_does_the_rest(certificates):
    """Of a whole outage, one host for each number of requests that are answered; afterwards nobody listens any more."""
    def story(requests, dies):
        with Host(certificates) as host:
            web, worker = host.engine.run("web"), host.engine.run("worker")
            host.before()
            if dies == "begin":
                host.engine.fault(".", faults.reset(), nth=requests + 1, times=None)
                begun = host.begin(code=(0, 1, 69))
                assert host.eins.phase == "disconnected", begun
                host.engine.heal()
                host.again()
            else:
                begun = host.begin()
            host.assert_disconnected([web, worker])
            host.crash(worker)
            started = host.engine.seen(web).started_at
            if dies == "end":
                host.engine.forget()
                host.engine.fault(".", faults.reset(), nth=requests + 1, times=None)
                begun = host.end(code=(0, 1, 69))
                host.engine.heal()
                host.again()
            else:
                host.end()
            host.assert_connected([web], gone=[worker])
            assert host.engine.seen(web).started_at == started
            return begun.code
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        begins = list(pool.map(lambda requests: story(requests, "begin"), range(9)))
        ends = list(pool.map(lambda requests: story(requests, "end"), range(11)))
    assert begins == [69, 69, 69, 69, 1, 1, 1, 1, 0]  # ping, list, pause and list again, 2 inspections, 2 updates
    assert ends == [69, 69, 1, 1, 1, 1, 1, 1, 1, 1, 0]  # ping, list, 2 inspections, events, 2 updates, stop, removal, unpause


@pytest.fixture
def survivable(docker):
    """The real engine, with live-restore: what runs does not notice that dockerd dies."""
    docker.ensure(live_restore=True)
    return docker


# -- gone in the middle, for real ---------------------------------------------------------------------------------------------------------------


def test_dockerd_is_killed_while_a_container_is_stopped_and_the_next_check_does_the_rest(survivable, agent, outage, eins):
    docker = survivable
    web, worker = docker.run("web"), docker.run("worker", DEAF, stop_timeout=30)
    outage.before()
    outage.begin()
    before, kept = docker.seen(worker), docker.seen(web)
    docker.crash(worker)
    docker.wait_restarted(worker, before)
    outage.region.mode = "forbidden"
    check = eins.popen()
    wait_for(lambda: docker.policy(web) == docker.policy(worker) == FREE, 20, "policies are given back, the stop is under way")
    docker.kill()
    check.communicate(timeout=60)
    assert check.returncode == 1 and eins.phase == "connected"
    eins.check(code=69)
    docker.start()
    docker.exec(worker, "true")  # it has survived
    docker.kill_container(worker)
    eins.check()
    agent.wait_status("running")
    assert not docker.exists(worker)
    assert docker.seen(web)[:5] == kept._replace(policy="no")[:5]
    outage.before()


def test_dockerd_is_killed_while_containers_are_taken_over_and_the_next_check_does_the_rest(survivable, agent, outage, eins):
    docker = survivable
    names = [docker.run(f"web{i}") for i in range(6)]
    outage.before()
    outage.region.mode = "refused"
    check = eins.popen()
    wait_for(lambda: agent.status == "paused", 20, "the agent is paused", 0.002)
    docker.kill()
    check.communicate(timeout=60)
    assert check.returncode in (0, 1, 69) and eins.phase == "disconnected"
    docker.start()
    outage.again()
    assert agent.status == "paused" and {docker.policy(name) for name in names} == {HELD}
    outage.end()
    agent.wait_status("running")
    assert {docker.policy(name) for name in names} == {FREE}


def test_a_dockerd_that_hangs_is_not_waited_for_and_goes_on_later(docker, agent, outage, eins):
    web = docker.run("web")
    outage.before()
    with open(docker.pid_file, encoding="ascii") as file:
        pid = int(file.read())
    os.kill(pid, signal.SIGSTOP)
    try:
        outage.region.mode = "refused"
        with impatient(eins):
            assert_says(eins.check(code=69), docker.host)
    finally:
        os.kill(pid, signal.SIGCONT)
    outage.again()
    assert agent.status == "paused" and docker.policy(web) == HELD
    outage.end()
    agent.wait_status("running")
    assert docker.policy(web) == FREE


# -- slow and full -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", SLOW)
def test_a_slow_engine_only_takes_longer(host, seconds):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.engine.fault(".", faults.delay(seconds), times=None)
    host.before()
    host.begin()
    host.assert_disconnected([web, worker])
    host.crash(worker)
    host.again()
    result = host.end()
    assert result.seconds > 8 * seconds, result
    host.assert_connected([web], gone=[worker])


def test_an_engine_with_a_full_disk_changes_nothing_and_is_tried_again(host):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    message = "write /var/lib/docker/containers/x/.tmp-hostconfig.json: no space left on device"
    host.before()
    host.engine.fault("^POST|^DELETE", faults.error(500, message), times=None)
    result = host.begin(code=1)
    assert result.log_text.count("no space left on device") >= 3, result
    assert result.seconds < 60 and host.policies([web, worker]) == dict.fromkeys([web, worker], FREE)
    host.engine.heal()
    host.again()
    host.assert_disconnected([web, worker])
    host.crash(worker)
    host.engine.fault("/update|/stop|^DELETE", faults.error(500, message), times=None)
    result = host.end(code=1)
    assert host.agent.status == "running", "ECS gets its agent back whatever else has failed"
    assert host.engine.exists(worker) and result.seconds < 60
    host.engine.heal()
    host.again()
    host.assert_connected([web], gone=[worker])
