# SPDX-License-Identifier: MIT-0
"""At home under a real systemd: installed as the README says, started by its timer, run by its own user under all of its hardening."""
import os
import re
import signal
import time

import pytest

from support.containers import DEAF
from support.events import events
from support.home import BUILD, ENGINE, LONG, SERVICE, STATE, TIMER, installed
from support.wait import wait_for

FAST = "[Timer]\nOnUnitInactiveSec=\nOnBootSec=1s\nOnUnitInactiveSec=1s\n"  # as the timer's own comment says


@pytest.fixture(scope="module")
def home(engine, certificates):
    engine.ensure()
    engine.remove_all()
    with installed(engine, certificates) as home:
        yield home


@pytest.fixture
def fast(home, docker, agent):
    """Installed, enabled, connected, with a check every second; the agent runs and nothing else does."""
    home.region.mode = "forbidden"
    home.start_docker()
    if not home.guest.init:
        home.guest.boot()
    if not home.guest.exists(f"/etc/systemd/system/{TIMER}.d/override.conf"):
        home.guest.write(f"/etc/systemd/system/{TIMER}.d/override.conf", FAST)
    home.guest.run("systemctl", "daemon-reload")
    home.guest.run("systemctl", "enable", "--now", TIMER)
    home.guest.run("systemctl", "restart", TIMER)
    home.wait_check(2)
    home.wait_phase("connected")
    return home


def settled(home, names, policy):
    return wait_for(lambda: all(home.engine.policy(name) == policy for name in names), LONG, lambda: f"{names} have {policy}\n{home.lines()}")


HELD, FREE = ("on-failure", 0), ("no", 0)


def test_checks_come_20_seconds_after_one_another_and_leave_no_line(home, docker, agent):
    home.region.mode = "forbidden"
    home.guest.run("systemctl", "enable", "--now", TIMER)
    runs = []

    def ended():
        begin, end = home.run_of_service()
        if end >= begin > 0 and (not runs or runs[-1] != (begin, end)):
            runs.append((begin, end))
        return len(runs) == 3
    wait_for(ended, 4 * LONG, lambda: f"three checks: {runs}\n{home.lines()}")
    gaps = [later[0] - earlier[1] for earlier, later in zip(runs, runs[1:])]
    assert all(20 <= gap < 20 + LONG for gap in gaps), runs
    # How late a check may come is systemd's promise: this machine may be later by seconds.
    assert wait_for(lambda: home.due_after(), LONG, "the timer waits") == pytest.approx(20, abs=0.001)
    assert home.guest.show(TIMER, "AccuracyUSec")["AccuracyUSec"] == "100ms"
    assert home.lines() == [], "neither eins-check nor systemd has anything to say"
    home.wait_status_text("connected since .*: 0 containers of ECS run")
    assert home.guest.show(SERVICE, "Result")["Result"] == "success" and home.state("phase") == "connected"


def test_an_outage_is_taken_over_and_given_back_by_the_services_own_user(fast, docker, agent):
    seen = fast.lines()
    names = [docker.run(f"web{i}") for i in range(3)]
    restarted = docker.run("restarted")
    fast.wait_check(2)
    before = docker.view()
    fast.region.mode = "refused"
    agent.wait_status("paused", LONG)
    settled(fast, [*names, restarted], HELD)
    fast.wait_check(2)
    docker.crash_and_restart(restarted)
    fast.wait_status_text("outage 1 since .*: 4 containers kept, 4 of them run, the agent is paused")
    fast.region.mode = "forbidden"
    agent.wait_status("running", LONG)
    fast.wait_phase("connected")
    fast.wait_check()  # then the one that did it has said so, and has ended
    assert {name: seen for name, seen in docker.view().items() if name != restarted} == \
        {name: seen for name, seen in before.items() if name != restarted}
    assert not docker.exists(restarted)
    assert fast.guest.run("stat", "--format=%U:%G %a", STATE, "/var/lib/eins", "/var/log/eins/eins.log").out.split("\n")[:3] == \
        ["eins:eins 644", "eins:eins 755", "eins:eins 644"]
    lines = fast.new_lines(seen)
    assert all(priority in (4, 5) for priority, _ in lines), lines
    for word in ("outage 1 begins", "pause the agent: done", "outage 1 ends", "unpause the agent: done", "remove: done", *names):
        assert any(word in message for _, message in lines), (word, lines)
    assert len(lines) == 7 + 9, f"one line for each thing that was done, and no other: {lines}"


def test_the_hardening_is_what_it_is_said_to_be(fast):
    exposure = fast.guest.run("systemd-analyze", "security", "--no-pager", SERVICE).out
    figure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", exposure).group(1))
    assert figure <= 1.3, exposure
    for unit in (SERVICE, TIMER):
        path = fast.guest.show(unit, "FragmentPath")["FragmentPath"]
        verified = fast.guest.run("systemd-analyze", "verify", "--man=yes" if fast.guest.exists("/usr/bin/man") else "--man=no", path)
        assert not verified.out + verified.err, verified


def test_a_reboot_in_an_outage_brings_everything_back(fast, docker, agent):
    names = [docker.run("polite"), docker.run("deaf", DEAF)]
    finished = docker.run("finished")
    fast.wait_check(2)
    docker.finish(finished)
    fast.region.mode = "refused"
    agent.wait_status("paused", LONG)
    settled(fast, names, HELD)
    fast.guest.power_off()
    docker.stop()
    docker.start()
    agent.start()  # ecs-init's work
    fast.let_in()
    fast.guest.boot()
    agent.wait_status("paused", LONG)
    for name in names:
        docker.wait_status(name, "running", LONG)
    settled(fast, names, HELD)
    assert docker.status(finished) == "exited"
    fast.region.mode = "forbidden"
    agent.wait_status("running", LONG)
    wait_for(lambda: not any(map(docker.exists, names)), LONG, "what was restarted is removed, for ECS to launch anew")
    fast.wait_phase("connected")


def test_a_network_that_comes_late_after_boot_is_no_outage(fast, docker, agent):
    web = docker.run("web")
    fast.wait_check(2)
    outages, before = fast.state("outages"), docker.view()
    fast.guest.power_off()
    fast.region.mode = "refused"
    seen_at = time.time()
    fast.guest.boot(uptime=1)
    wait_for(lambda: int(fast.state("fall_count")) >= 3, LONG, "some checks have found no region")
    fast.region.mode = "forbidden"
    wait_for(lambda: fast.state("fall_count") == "0", LONG, "the network has come")
    assert (fast.state("outages"), fast.state("phase"), docker.view()) == (outages, "connected", before)
    assert not [event for event in events(docker, seen_at) if "pause" in str(event)] and docker.status(web) == "running"
    fast.guest.reboot()  # for the tests after this one it has been up for long


def test_without_docker_every_failing_check_says_so_once_and_starts_nothing(fast, docker, agent):
    fast.stop_checks()  # else one that meets the end of Docker may have something else to say
    seen = fast.lines()
    docker.stop()
    fast.guest.run("systemctl", "start", TIMER)
    fast.wait_check(3)
    fast.stop_checks()
    lines = fast.new_lines(seen)
    ours = [line for line in lines if f"{ENGINE}/docker.sock" in line[1]]
    checks = [line for line in lines if "status=69" in line[1]]
    assert ours and {priority for priority, _ in ours} == {3} and len(ours) == len(checks), lines
    assert not docker.up
    fast.start_docker()


def test_what_an_operators_check_leaves_the_service_can_use(fast, docker, agent):
    fast.stop_checks()
    fast.guest.remove(STATE, STATE + ".lock", "/var/log/eins/eins.log")
    docker.run("web")
    fast.region.mode = "refused"
    fast.guest.run("/usr/sbin/eins-check" if fast.guest.exists("/usr/sbin/eins-check") else "/usr/local/sbin/eins-check")
    assert fast.state("phase") == "disconnected"
    seen = fast.lines()
    fast.guest.run("systemctl", "start", TIMER)
    fast.region.mode = "forbidden"
    fast.wait_phase("connected")
    agent.wait_status("running", LONG)
    fast.wait_check()
    assert not [line for line in fast.new_lines(seen) if line[0] < 4], fast.new_lines(seen)
    assert "outage 1 ends" in fast.guest.read("/var/log/eins/eins.log")


def test_a_check_that_takes_long_is_neither_killed_nor_doubled(fast, docker, agent):
    """More than five seconds for a stop, where a check is due every second."""
    slow = docker.run("slow", DEAF, stop_timeout=2 * LONG)
    fast.wait_check(2)
    fast.region.mode = "refused"
    settled(fast, [slow], HELD)
    docker.crash_and_restart(slow)
    seen, seen_at = fast.lines(), time.time()
    fast.region.mode = "forbidden"

    def asked():
        return [event.time for event in events(docker, seen_at) if (event.action, event.name, event.signal) == ("kill", slow, signal.SIGTERM)]
    wait_for(asked, LONG, "it is asked to stop")
    pid = fast.guest.show(SERVICE, "MainPID")["MainPID"]
    wait_for(lambda: time.time() > asked()[0] + 5, LONG, "a check was due some times")
    assert pid != "0" and fast.guest.show(SERVICE, "MainPID")["MainPID"] == pid and docker.policy(slow) == FREE
    os.kill(docker.inspect(slow)["State"]["Pid"], signal.SIGKILL)  # for the engine it has stopped
    wait_for(lambda: not docker.exists(slow), LONG, "it is removed")
    agent.wait_status("running", LONG)
    fast.wait_check()
    assert len(asked()) == 1 and not [line for line in fast.new_lines(seen) if line[0] < 4], (asked(), fast.new_lines(seen))


def test_eins_is_removed_in_the_middle_of_an_outage_and_leaves_nothing_frozen(fast, docker, agent):
    names = [docker.run("web"), docker.run("worker")]
    fast.wait_check(2)
    fast.region.mode = "refused"
    agent.wait_status("paused", LONG)
    settled(fast, names, HELD)
    before = {name: (seen.id, seen.started_at) for name, seen in docker.view().items()}
    wait_for(lambda: fast.guest.run("make", "-s", "-C", BUILD, "uninstall", code=None).returncode == 0, LONG, "no check is in the way")
    agent.wait_status("running", LONG)
    assert all(docker.policy(name) == FREE for name in names)
    assert {name: (seen.id, seen.started_at) for name, seen in docker.view().items()} == before
    assert fast.guest.run("systemctl", "is-active", TIMER, code=None).out.strip() != "active"
    left = fast.guest.run("find", "/etc", "/usr", "/lib/systemd", "-regex", r".*/\(ecs-\)?eins[^/]*").out.split()
    assert sorted(left) == ["/etc/eins", "/etc/eins/eins.conf", f"/etc/systemd/system/{TIMER}.d"], "what an operator has written stays"
    fast.install()
