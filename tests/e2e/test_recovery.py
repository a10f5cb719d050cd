# SPDX-License-Identifier: MIT-0
"""The region is back: what was restarted goes, everything else is as it was before, and ECS has its agent again, last of all."""
import pytest

from support.containers import DEAF, EXIT_143, FRAGILE, LABEL, LONG
from support.events import events, moment_after
from support.wait import wait_for

SIGTERM = 15
HASTY = 2  # seconds to stop in


def volumes(docker):
    return {volume["Name"] for volume in docker.api.get("/volumes")["Volumes"] or ()}


def with_volumes(name):
    """host_config of a container with an anonymous and a named volume."""
    return {"Mounts": [{"Type": "volume", "Target": "/scratch"}, {"Type": "volume", "Source": name, "Target": "/data"}]}


# -- what goes and what stays ------------------------------------------------------------------------------------------------


def test_after_an_outage_without_a_crash_everything_is_as_before(docker, agent, eins, outage):
    for policy in ("", "no", "always", "unless-stopped", "on-failure"):
        docker.run(policy or "empty", policy=policy)
    docker.run("few", policy="on-failure", retries=5)
    docker.run_plain("someone-elses")
    outage.before()
    before, state = docker.view(), eins.state()
    outage.begin()
    outage.again()
    result = outage.end()
    assert docker.view() == before, result
    assert {name: keys for name, keys in eins.state().items() if name.startswith("container")} == \
        {name: keys for name, keys in state.items() if name.startswith("container")}, result


def test_what_was_restarted_goes_with_its_anonymous_volumes_and_nothing_else(docker, agent, eins, outage):
    crashed = [docker.run("web", DEAF, stop_timeout=1, host_config=with_volumes("web-data")),
               docker.run("always", DEAF, stop_timeout=1, policy="always"),
               docker.run("few", DEAF, stop_timeout=1, policy="on-failure", retries=5)]
    docker.run("untouched", host_config=with_volumes("untouched-data"))
    docker.run_plain("someone-elses", DEAF, policy="always")
    outage.before()
    before, volumes_before = docker.view(), volumes(docker)
    scratch = {mount["Name"] for mount in docker.inspect(crashed[0])["Mounts"]} - {"web-data"}
    outage.begin()
    for name in [*crashed, "someone-elses"]:
        docker.crash_and_restart(name)
    expected = {name: seen for name, seen in before.items() if name not in crashed}
    expected["someone-elses"] = docker.seen("someone-elses")
    result = outage.end()
    assert docker.view() == expected, result
    assert scratch and volumes(docker) == volumes_before - scratch, result
    assert not set(eins.containers()) & set(crashed), result


def test_an_original_policy_comes_back_also_to_what_is_down(docker, agent, outage):
    """With on-failure left on it, the next start of dockerd would launch what ended with an error."""
    job, stopped, killed = docker.run("job"), docker.run("stopped", EXIT_143), docker.run("killed", DEAF)
    few = docker.run("few", policy="on-failure", retries=5)
    outage.before()
    outage.begin()
    docker.finish(job)
    for name in (stopped, few):
        docker.stop_container(name)
    docker.kill_container(killed)
    before = docker.view()
    result = outage.end()
    policies = {job: ("no", 0), stopped: ("no", 0), killed: ("no", 0), few: ("on-failure", 5)}
    for name, (policy, retries) in policies.items():
        assert docker.seen(name) == before[name]._replace(policy=policy, retries=retries), result


def test_what_had_used_up_its_retries_goes_too(docker, agent, eins, outage):
    eins.conf["docker"]["retries"] = 1
    web = docker.run("web", DEAF)
    outage.begin()
    docker.crash_and_restart(web)
    docker.crash(web)
    docker.wait_status(web, "exited")
    outage.end()
    assert not docker.exists(web)


def test_what_a_person_restarted_or_eins_revived_goes_too(docker, agent, outage):
    """RestartCount stays 0 then: only StartedAt tells."""
    restarted, revived = docker.run("restarted"), docker.run("revived", DEAF, stop_timeout=1)
    outage.before()
    docker.crash(revived)
    outage.begin()
    docker.api.post(f"/containers/{restarted}/restart")
    outage.again()
    assert [docker.seen(name).restart_count for name in (restarted, revived)] == [0, 0]
    result = outage.end()
    assert docker.names() == ["ecs-agent"], result


def test_what_waits_for_its_next_restart_goes_too(docker, agent, outage):
    """In backoff it has no process; taking its policy back would not keep it from starting once more."""
    loops = docker.run("loops", FRAGILE)
    outage.begin()
    docker.crash_loop(loops)
    outage.end()
    assert docker.names() == ["ecs-agent"]


def test_what_a_person_removed_in_the_outage_is_only_mentioned(docker, agent, eins, outage):
    web, other = docker.run("web"), docker.run("other")
    outage.before()
    before = docker.seen(other)
    outage.begin()
    docker.remove(web)
    outage.again()
    result = outage.end()
    assert [line for line in result.log if web in line], result
    assert docker.seen(other) == before and agent.status == "running", result
    assert set(eins.containers()) == {other}, result


def test_keep_gives_back_and_removes_nothing(docker, agent, eins, outage):
    eins.conf["docker"]["recovery"] = "keep"
    crashed, untouched = docker.run("crashed", DEAF), docker.run("untouched", policy="on-failure", retries=5)
    outage.before()
    before = docker.view()
    outage.begin()
    docker.crash_and_restart(crashed)
    before[crashed] = docker.seen(crashed)._replace(policy="no")
    result = outage.end()
    assert docker.view() == before, result
    assert docker.seen(untouched).retries == 5


def test_the_next_outage_begins_anew(docker, agent, outage):
    """What the first outage has left is not taken for restarted in the second one."""
    first, second = docker.run("first", DEAF, stop_timeout=0), docker.run("second", DEAF, stop_timeout=0)
    quiet = docker.run("quiet")
    outage.before()
    before = docker.seen(quiet)
    for name in (first, second):
        outage.begin()
        docker.crash_and_restart(name)
        outage.end()
        assert not docker.exists(name)
        assert docker.seen(quiet) == before and agent.status == "running"


def test_what_ecs_launches_after_the_outage_is_left_alone(docker, agent, outage):
    web = docker.run("web", DEAF, stop_timeout=0)
    outage.begin()
    docker.crash_and_restart(web)
    outage.end()
    docker.run("replacement")
    before = docker.view()
    outage.before()
    assert docker.view() == before


def test_an_agent_that_was_renamed_in_the_outage_is_unpaused_by_its_id(docker, agent, eins, outage):
    docker.run("web")
    outage.before()
    outage.begin()
    docker.api.post(f"/containers/{agent.id}/rename?name=old-agent")
    outage.again()
    result = outage.end()
    docker.settle("old-agent")
    assert docker.status("old-agent") == "running", result
    assert "WARNING" in result.log_text and "systemctl restart ecs" in result.log_text, result
    assert "it does not run, so ECS" not in eins.check().log_text, "it is said once"


# -- in which order ----------------------------------------------------------------------------------------------------------


def test_policies_come_first_and_the_agent_last(docker, agent, outage):
    names = [docker.run("crashed", DEAF, stop_timeout=0), docker.run("quiet")]
    outage.before()
    outage.begin()
    docker.crash_and_restart(names[0])
    since = moment_after(docker)
    outage.end()
    done = [event for event in events(docker, since) if event.action != "start"]  # it comes a moment after the inspection shows it
    assert {event.name for event in done[:2]} == set(names) and {event.action for event in done[:2]} == {"update"}, done
    agent_at = [event.name for event in done].index("ecs-agent")
    assert done[agent_at].action == "unpause" and {event.name for event in done[agent_at:]} == {"ecs-agent"}, done
    assert done[agent_at - 1].action == "destroy", done
    assert agent.status == "running"


def test_what_ignores_its_stop_is_stopped_side_by_side_each_in_its_own_time(docker, agent, eins, outage):
    """The slow ones have ten minutes, and end by themselves when all have been asked: there is no moment to be late for."""
    hasty = [docker.run(f"hasty-{i}", DEAF, stop_timeout=HASTY) for i in range(2)]
    slow = [docker.run(f"slow-{i}", DEAF, stop_timeout=10 * LONG) for i in range(4)]
    names = hasty + slow
    outage.begin()
    for name in names:
        docker.crash_and_restart(name)
    since = moment_after(docker)

    def asked():
        return {event.name: event.time for event in events(docker, since) if event.signal == SIGTERM}

    def ended():
        return {event.name: event.time for event in events(docker, since) if event.action == "die"}
    outage.region.mode = "forbidden"
    check = eins.popen()
    wait_for(lambda: set(asked()) == set(names), LONG, lambda: f"all are asked to stop, none of them waits for another: {asked()}")
    assert not set(ended()) & set(slow), "its time was cut short"
    for name in slow:
        docker.crash(name)
    _, errors = check.communicate(timeout=LONG)
    assert check.returncode == 0, errors
    assert set(ended()) == set(names)
    assert all(ended()[name] - asked()[name] >= HASTY - 0.1 for name in hasty), "its time was cut short"
    assert docker.names() == ["ecs-agent"]


@pytest.mark.parametrize("labels", [{LABEL + "container-name": "~internal~ecs~pause"}], ids=["internal_pause_container"])
def test_a_container_that_ecs_makes_for_itself_is_treated_like_any_other(docker, agent, outage, labels):
    web = docker.run("pause", DEAF, labels=labels, stop_timeout=0)
    outage.begin()
    docker.crash_and_restart(web)
    outage.end()
    assert not docker.exists(web)
