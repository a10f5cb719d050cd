# SPDX-License-Identifier: MIT-0
"""While the region cannot be reached: the agent sleeps, Docker restarts what fails, and what should be down stays down."""
import os
import time

import pytest

from support.containers import DEAF, EXIT_143, LONG
from support.events import events, flood
from support.wait import wait_for

KEPT = ("on-failure", 0)
CLOCK_REALTIME_COARSE = 5  # that of files, which goes from tick to tick; Python has no name for it


def up(docker):
    """The names of what runs, the agent left out."""
    return {name for name, seen in docker.view().items() if seen.status == "running" and name != "ecs-agent"}


def settled(docker):
    """The view, without the policies of what is down: when they are given back is for test_recovery and test_restart_of_docker."""
    return {name: seen if seen.status != "exited" else seen._replace(policy="", retries=0) for name, seen in docker.view().items()}


def nothing_changes(docker, outage, checks=3):
    before = settled(docker)
    for _ in range(checks):
        result = outage.again()
        assert settled(docker) == before, result


# -- Docker takes over ---------------------------------------------------------------------------------------------


def test_the_agent_is_paused_first_and_then_docker_restarts_what_fails(docker, agent, region, eins, outage):
    web, database = docker.run("web"), docker.run("database", DEAF)
    outage.before()
    before, since = docker.view(), time.time()
    region.mode = "refused"
    result = eins.check("--retries=3")
    expected = {name: seen._replace(policy="on-failure", retries=3) for name, seen in before.items()}
    expected["ecs-agent"] = before["ecs-agent"]._replace(status="paused")
    assert docker.view() == expected, result
    done = [(event.action, event.name) for event in events(docker, since)]
    assert done[0] == ("pause", "ecs-agent") and set(done[1:]) == {("update", web), ("update", database)}, result


def test_a_connected_check_touches_nothing_and_notes_what_runs(docker, agent, eins, outage):
    web = docker.run("web")
    docker.wait_status(docker.run("job", ["true"]), "exited")
    before, since = docker.view(), time.time()
    result = outage.before()
    assert docker.view() == before and not events(docker, since), result
    assert set(eins.containers()) == {web}, result


def test_what_crashes_is_restarted_by_docker_and_stays(docker, agent, outage):
    names = [docker.run("polite"), docker.run("deaf", DEAF), docker.run("143", EXIT_143)]
    outage.begin()
    for name in names:
        docker.crash_and_restart(name)
    before = docker.seen(names[2])
    docker.terminate(names[2])  # it ends with an error of its own, 143
    docker.wait_restarted(names[2], before)
    nothing_changes(docker, outage)


def test_what_is_new_in_the_outage_is_taken_over_by_the_next_check(docker, agent, outage):
    outage.begin()
    late = docker.run("late")
    outage.again()
    assert docker.policy(late) == KEPT
    nothing_changes(docker, outage)


def test_restart_policies_that_bring_it_back_anyway_are_left(docker, agent, outage):
    names = {policy: docker.run(policy, policy=policy) for policy in ("always", "unless-stopped", "on-failure", "no")}
    names["few"] = docker.run("few", policy="on-failure", retries=5)
    outage.begin()
    policies = {key: docker.policy(name) for key, name in names.items()}
    assert policies == {"always": ("always", 0), "unless-stopped": ("unless-stopped", 0), "on-failure": KEPT, "no": KEPT, "few": KEPT}
    nothing_changes(docker, outage)


def test_containers_that_are_not_of_ecs_or_opted_out_are_never_touched(docker, agent, outage):
    docker.run_plain("someone-elses", policy="on-failure", retries=7)
    docker.run_plain("without-policy")
    docker.run("opted-out", labels={"eins.enable": "false"})
    docker.run("opted-out-always", labels={"eins.enable": "false"}, policy="always")
    down = [docker.run("crashed-opted-out", DEAF, labels={"eins.enable": "false"}), docker.run_plain("crashed", DEAF)]
    outage.before()
    for name in down:
        docker.crash(name)
    before = docker.view()
    before["ecs-agent"] = before["ecs-agent"]._replace(status="paused")
    for step in (outage.begin, outage.again):
        result = step()
        assert docker.view() == before, result
    before["ecs-agent"] = before["ecs-agent"]._replace(status="running")
    result = outage.end()
    assert docker.view() == before, result


def test_a_paused_task_container_is_kept_and_stays_paused(docker, agent, outage):
    web = docker.run("web")
    docker.pause(web)
    outage.before()
    before = docker.seen(web)
    outage.begin()
    assert docker.seen(web) == before._replace(policy="on-failure")
    nothing_changes(docker, outage)
    outage.end()
    assert docker.seen(web) == before


def test_a_container_that_docker_removes_when_it_ends_is_left_with_a_warning(docker, agent, outage):
    job = docker.run("job", DEAF, host_config={"AutoRemove": True})
    before = docker.seen(job)
    result = outage.begin()
    assert [line for line in result.log if " WARNING " in line and "AutoRemove" in line], result
    assert docker.seen(job) == before, result
    assert "AutoRemove" not in outage.again().log_text  # said once
    outage.end()
    assert docker.seen(job) == before


# -- what stays down -----------------------------------------------------------------------------------------------


def test_what_ends_with_0_stays_down(docker, agent, outage):
    job = docker.run("job")
    outage.begin()
    docker.finish(job)
    assert docker.exit_code(job) == 0
    nothing_changes(docker, outage)
    assert docker.status(job) == "exited"


def test_what_a_person_stops_stays_down_however_many_checks_follow(docker, agent, outage):
    stopped = [docker.run("stopped"), docker.run("stopped-143", EXIT_143), docker.run("stopped-deaf", DEAF, stop_timeout=1)]
    killed = [docker.run("killed"), docker.run("killed-deaf", DEAF)]
    outage.before()
    outage.begin()
    for name in stopped:
        docker.stop_container(name)
    for name in killed:
        docker.kill_container(name)
    nothing_changes(docker, outage, checks=5)
    assert not up(docker)
    assert [docker.exit_code(name) for name in stopped + killed] == [0, 143, 137, 137, 137]


def test_what_a_person_starts_again_is_kept_again(docker, agent, outage):
    web = docker.run("web")
    outage.begin()
    docker.stop_container(web)
    outage.again()
    docker.start_container(web)
    outage.again()
    assert docker.status(web) == "running" and docker.policy(web) == KEPT
    docker.crash_and_restart(web)
    nothing_changes(docker, outage)


def test_what_has_used_up_its_retries_stays_down(docker, agent, eins, outage):
    eins.conf["docker"]["retries"] = 1
    web = docker.run("web", DEAF)
    outage.begin()
    docker.crash_and_restart(web)
    docker.crash(web)
    docker.wait_status(web, "exited")
    nothing_changes(docker, outage)


def test_what_was_down_before_stays_down(docker, agent, outage):
    crashed, job, stopped = docker.run("crashed", DEAF), docker.run("job"), docker.run("stopped", EXIT_143)
    docker.crash(crashed)
    docker.finish(job)
    docker.stop_container(stopped)
    outage.before()
    before = docker.view()
    before["ecs-agent"] = before["ecs-agent"]._replace(status="paused")
    result = outage.begin()
    assert docker.view() == before, result
    nothing_changes(docker, outage)


# -- between the last connected check and the first of the outage --------------------------------------------------------


def test_what_failed_before_the_outage_was_noticed_is_revived_and_nothing_else(docker, agent, eins, outage):
    crashed, failed = docker.run("crashed", DEAF), docker.run("failed", EXIT_143)
    stopped, killed, job = docker.run("stopped", EXIT_143), docker.run("killed", DEAF), docker.run("job")
    outage.before()
    docker.crash(crashed)
    docker.finish(failed)
    docker.stop_container(stopped)
    docker.kill_container(killed)
    docker.finish(job)
    assert [docker.exit_code(name) for name in (crashed, failed, stopped, killed, job)] == [137, 143, 143, 137, 0]
    before = docker.view()
    result = outage.begin()
    assert up(docker) == {crashed, failed}, result
    for name in (crashed, failed):
        assert docker.policy(name) == KEPT and eins.containers()[name]["revived"] == "1", result
    for name in (stopped, killed, job):
        assert docker.seen(name) == before[name], result
    nothing_changes(docker, outage)


def test_a_signal_that_is_a_message_is_no_stop(docker, agent, outage):
    """`docker kill --signal=HUP` makes many servers read their configuration anew; Docker takes any signal for the wish that it ends."""
    web = docker.run("web", ["sh", "-c", "trap : HUP; trap 'exit 3' TERM; while :; do sleep 1000000 & wait $!; done"])
    outage.before()
    docker.api.post(f"/containers/{web}/kill", signal="HUP")
    docker.crash(web)
    result = outage.begin()
    assert up(docker) == {web}, result


def test_a_death_that_docker_has_no_event_of_any_more_is_taken_for_a_persons_will(docker, agent, outage):
    web = docker.run("web", DEAF)
    outage.before()
    docker.crash(web)
    flood(docker)
    before = docker.seen(web)
    result = outage.begin()
    assert docker.seen(web) == before, result
    assert [line for line in result.log if " WARNING " in line and web in line], result
    nothing_changes(docker, outage)


# -- the agent -----------------------------------------------------------------------------------------------------------


def test_without_an_agent_containers_are_kept_and_one_that_comes_is_paused(docker, agent, outage):
    docker.remove("ecs-agent")
    web = docker.run("web")
    outage.before()
    outage.begin()
    assert docker.policy(web) == KEPT
    agent.start()
    outage.again()
    assert agent.status == "paused"
    nothing_changes(docker, outage)


def test_an_agent_that_is_down_is_not_started(docker, agent, outage):
    docker.stop_container("ecs-agent")
    before = docker.view()
    outage.begin()
    outage.end()
    assert docker.view() == before


def test_an_agent_that_ecs_init_recreates_is_paused_again(docker, agent, ecs_init, outage):
    outage.before()
    outage.begin()
    old = agent.id
    docker.api.post(f"/containers/{old}/kill")
    new = agent.wait_new(old)
    outage.again()
    assert agent.id == new and agent.status == "paused"
    nothing_changes(docker, outage)


def test_an_agent_that_a_person_unpauses_is_paused_again(docker, agent, outage):
    outage.begin()
    agent.unpause()
    outage.again()
    assert agent.status == "paused"
    outage.end()
    assert agent.status == "running"


@pytest.mark.parametrize("seen_before", [True, False], ids=["seen_while_connected", "just_before_the_outage"])
def test_an_agent_that_somebody_paused_before_stays_so_with_a_warning(docker, agent, outage, seen_before):
    web = docker.run("web")
    outage.before()
    agent.pause()
    results = [outage.before()] if seen_before else []
    results += [outage.begin(), outage.again()]
    assert agent.status == "paused" and docker.policy(web) == KEPT
    results += [outage.end(), outage.before()]
    assert agent.status == "paused" and docker.policy(web) == ("no", 0)
    warnings = [line for result in results for line in result.log if " WARNING " in line and "not by eins" in line]
    assert warnings and warnings[0] in results[0].log, results
    assert len(warnings) == 1, "said once"


def test_an_agent_that_was_paused_in_the_outage_is_given_back_whoever_did_it(docker, agent, outage):
    outage.begin()
    agent.create()
    agent.start()
    agent.pause()
    outage.again()
    outage.end()
    assert agent.status == "running"


# -- when --------------------------------------------------------------------------------------------------------------------


def test_docker_is_touched_only_after_fall_failures_and_rise_answers_in_a_row(docker, agent, region, eins):
    eins.conf["region"].update(fall=3, rise=2)
    docker.run("web")
    eins.check()
    connected = docker.view()
    taken_over = {name: seen._replace(policy="on-failure") for name, seen in connected.items()}
    taken_over["ecs-agent"] = connected["ecs-agent"]._replace(status="paused")
    bad, good = "http_503", "forbidden"
    for mode, expected in [(bad, connected), (bad, connected), (good, connected), (bad, connected), (bad, connected), (bad, taken_over),
                           (good, taken_over), (bad, taken_over), (good, taken_over), (good, connected)]:
        region.mode = mode
        result = eins.check()
        docker.settle("ecs-agent")
        assert docker.view() == expected, result


def test_a_host_that_has_just_booted_is_given_time_for_its_network(docker, agent, eins, outage):
    """In a time namespace, where the machine has booted a moment ago."""
    def booted(seconds):
        return ["unshare", "--time", "--fork", "--boottime", str(seconds - int(time.clock_gettime(time.CLOCK_BOOTTIME)))]
    docker.run("web")
    outage.before()
    connected = docker.view()
    outage.region.mode = "refused"
    eins.prefix = booted(1)
    result = eins.check()
    assert eins.phase == "connected" and docker.view() == connected, result
    assert "has just booted" in result.log_text and "ecs-offline" not in result.log_text, result
    eins.prefix = booted(65)
    outage.begin()
    assert agent.status == "paused"
    eins.prefix = booted(1)
    outage.again()
    assert agent.status == "paused"


def tick(path):
    """Waits until what is written to the file now has a later time than its last change."""
    changed = os.stat(path).st_mtime_ns
    wait_for(lambda: time.clock_gettime_ns(CLOCK_REALTIME_COARSE) > changed, LONG, "the clock of files goes on")


def untouched(eins):
    names = set(os.listdir(eins.folder)) - {"state.ini", "eins.conf"}
    return {name: (info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns) for name in names for info in [os.stat(eins.folder + "/" + name)]}


def test_an_uneventful_check_writes_nothing_but_the_time(docker, agent, eins, outage):
    eins.conf["log"]["level"] = "INFO"
    docker.run("web")
    for first, uneventful in [(outage.before, outage.before), (outage.begin, outage.again)]:
        first()
        docker_before, since = docker.view(), time.time()
        content, status, others = eins.files()["state.ini"][1], os.stat(eins.state_file), untouched(eins)
        tick(eins.state_file)
        result = uneventful()
        now = os.stat(eins.state_file)
        assert untouched(eins) == others, "lock and log, to the time of their last change"
        assert eins.files()["state.ini"][1] == content and now.st_ino == status.st_ino and now.st_mtime_ns > status.st_mtime_ns
        assert not result.log and not result.out and not result.err, result
        assert docker.view() == docker_before and not events(docker, since)
        assert sorted(eins.files()) == ["eins.log", "state.ini", "state.ini.lock"][0 if eins.log_lines() else 1:]
