# SPDX-License-Identifier: MIT-0
"""Whole outages, each played on a real engine and on the scripted one: what Docker shows, what the state holds and what the log says after every
check must be the same, so that what other tests prove on the scripted engine holds for a real one."""
import concurrent.futures
import re

import pytest

from support.agent import EcsInit
from support.containers import DEAF, EXIT_143, LONG
from support.host import FREE, HELD, Host
from support.wait import wait_for


class Trace:
    """What a host looks like after each check, in words that are the same on every engine."""

    def __init__(self, host):
        self.host = host
        self.pages = []
        self._first = {}

    def check(self, step, code=0):
        """One check, and a page about it when Docker knows what has come of it."""
        result = step(code=code)
        self.host.engine.settle(self.host.agent.name)
        self.pages.append({"check": step.__name__, "docker": self.docker(), "state": self._state(), "log": self._log(result)})
        return result

    def docker(self):
        return {short(name): self._seen(seen) for name, seen in sorted(self.host.engine.view().items())}

    def _seen(self, seen):
        first = self._first.setdefault(seen.id, seen.started_at)
        return seen.status, seen.policy, seen.retries, "restarted" if seen.started_at != first else "as ever", seen.restart_count

    def _state(self):
        state = self.host.eins.state()
        agent = {key: value for key, value in state["agent"].items() if key == "paused_by_eins"} | {"has an id": bool(state["agent"].get("id"))}
        containers, now = {}, {seen.id: seen.started_at for seen in self.host.engine.view().values()}
        for name, entry in sorted(self.host.eins.containers().items()):
            identity = entry.pop("id")
            moments = {key: entry[key] and ("first" if entry[key] == self._first.get(identity) else
                                            "now" if entry[key] == now.get(identity) else "another")
                       for key in ("started_at", "last_start") if key in entry}
            containers[short(name)] = {**entry, **moments, "name": short(name)}
        return {"phase": state["state"]["phase"], "outages": state["state"]["outages"], "agent": agent, "containers": containers}

    @staticmethod
    def _log(result):
        messages = [line.split("] ", 1)[1] for line in result.log if " INFO " in line or " WARNING " in line or " ERROR " in line]
        return sorted(re.sub(r"-[0-9a-f]{20}\b|\([0-9a-f]{12}\)", "", message) for message in messages if message.startswith("container "))


def short(name):
    return name.removeprefix("ecs-demo-1-").rpartition("-")[0] if name.startswith("ecs-demo-1-") else name


def fill_event_log(host):
    """With what concerns nobody: updates of a container that is not ECS's."""
    noise = host.engine.run_plain("noise", DEAF)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: host.engine.api.post(f"/containers/{noise}/update", {"RestartPolicy": {"Name": "no"}}), range(300)))


# -- the stories ---------------------------------------------------------------------------------------------------------------------------


def a_crash_is_restarted_and_replaced(host, check):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    check(host.before)
    check(host.begin)
    host.assert_disconnected([web, worker])
    host.crash(worker)
    check(host.again)
    check(host.end)
    host.assert_connected([web], gone=[worker])


def nothing_happens(host, check):
    web = host.engine.run("web")
    other = host.engine.run_plain("not-of-ecs", DEAF, policy="on-failure", retries=4)
    for step in (host.before, host.begin, host.again, host.end, host.before):
        check(step)
    host.assert_connected([web])
    assert host.engine.policy(other) == ("on-failure", 4)


def every_policy_comes_back(host, check):
    names = [host.engine.run(policy or "none", DEAF, policy=policy) for policy in ("", "no", "always", "unless-stopped", "on-failure")]
    names.append(host.engine.run("three-times", DEAF, policy="on-failure", retries=3))
    names.append(host.engine.run("auto-remove", DEAF, host_config={"AutoRemove": True}))
    check(host.before)
    before = host.engine.view()
    check(host.begin)
    assert host.engine.view() != before
    check(host.end)
    assert host.engine.view() == before


def one_that_finishes_stays_down(host, check):
    web, job = host.engine.run("web"), host.engine.run("job")
    check(host.before)
    check(host.begin)
    host.engine.finish(job)
    check(host.again)
    assert host.engine.status(job) == "exited" and host.engine.exit_code(job) == 0
    check(host.end)
    host.assert_connected([web, job])
    assert host.engine.status(job) == "exited"


def one_that_has_used_up_its_retries_stays_down(host, check):
    host.eins.conf["docker"]["retries"] = 2
    web, worker = host.engine.run("web"), host.engine.run("worker", DEAF)
    check(host.before)
    check(host.begin)
    for _ in range(2):
        host.crash(worker)
    host.engine.crash(worker)
    host.engine.wait_status(worker, "exited")
    check(host.again)
    assert host.engine.status(worker) == "exited" and host.engine.seen(worker).restart_count == 2
    check(host.end)
    host.assert_connected([web], gone=[worker])


def one_that_a_person_stops_stays_down(host, check):
    web, deaf = host.engine.run("web"), host.engine.run("deaf", DEAF, stop_timeout=0)
    failing = host.engine.run("failing", EXIT_143)
    check(host.before)
    check(host.begin)
    for name in (deaf, failing):
        host.engine.stop_container(name)
    check(host.again)
    assert host.engine.status(deaf) == host.engine.status(failing) == "exited"
    check(host.end)
    host.assert_connected([web, deaf, failing])
    assert host.engine.status(deaf) == host.engine.status(failing) == "exited"


def one_that_a_person_removes_is_forgotten(host, check):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    check(host.before)
    check(host.begin)
    host.engine.remove(worker)
    check(host.again)
    check(host.end)
    host.assert_connected([web], gone=[worker])


def one_that_a_person_restarts_is_replaced(host, check):
    web, worker = host.engine.run("web"), host.engine.run("worker", DEAF, stop_timeout=0)
    check(host.before)
    check(host.begin)
    host.engine.api.post(f"/containers/{worker}/restart")
    check(host.again)
    check(host.end)
    host.assert_connected([web], gone=[worker])


def keep_replaces_nothing(host, check):
    host.eins.conf["docker"]["recovery"] = "keep"
    web, worker = host.engine.run("web"), host.engine.run("worker")
    check(host.before)
    check(host.begin)
    host.crash(worker)
    check(host.end)
    host.assert_connected([web, worker])


def one_that_died_before_the_outage_was_noticed_is_revived_and_replaced(host, check):
    web, worker = host.engine.run("web"), host.engine.run("worker", DEAF, stop_timeout=0)
    check(host.before)
    host.engine.crash(worker)
    host.engine.wait_status(worker, "exited")
    check(host.begin)
    host.assert_disconnected([web, worker])
    assert host.engine.status(worker) == "running" and host.eins.containers()[worker]["revived"] == "1"
    check(host.end)
    host.assert_connected([web], gone=[worker])


def one_that_waits_for_its_restart_is_replaced(host, check):
    web, worker = host.engine.run("web"), host.engine.run("worker", DEAF)
    check(host.before)
    check(host.begin)
    for _ in range(5):
        host.crash(worker)

    def waits():
        """For 3.2 s or more; when that was missed it crashes once more."""
        if host.engine.status(worker) == "running":
            host.engine.crash(worker)
        return host.engine.status(worker) == "restarting"
    wait_for(waits, LONG, f"{worker} waits for its restart")
    check(host.end)
    host.assert_connected([web], gone=[worker])


def a_new_container_of_the_outage_is_taken_over_too(host, check):
    web = host.engine.run("web")
    check(host.before)
    check(host.begin)
    late = host.engine.run("late")
    check(host.again)
    host.assert_disconnected([web, late])
    check(host.end)
    host.assert_connected([web, late])


def somebody_elses_pause_is_left_alone(host, check):
    web = host.engine.run("web")
    check(host.before)
    host.agent.pause()
    check(host.before)
    check(host.begin)
    assert host.engine.policy(web) == HELD
    check(host.end)
    assert host.agent.status == "paused" and host.engine.policy(web) == FREE


def an_agent_that_comes_unpaused_is_paused_again(host, check):
    web = host.engine.run("web")
    check(host.before)
    check(host.begin)
    host.agent.unpause()
    check(host.again)
    host.agent.start()
    check(host.again)
    host.assert_disconnected([web])
    check(host.end)
    host.assert_connected([web])


def an_agent_that_has_lost_events_is_renewed(host, check):
    host.eins.conf["docker"]["agent_wait"] = LONG
    web, worker = host.engine.run("web"), host.engine.run("worker")
    with EcsInit(host.agent, first_delay=0.3) as ecs_init:
        check(host.before)
        check(host.begin)
        old = host.agent.id
        host.crash(worker)
        fill_event_log(host)
        check(host.end)
        host.assert_connected([web], gone=[worker])
        assert host.agent.id != old and ecs_init.exits == [137]


def an_agent_that_nobody_renews_is_started_again(host, check):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    check(host.before)
    check(host.begin)
    host.crash(worker)
    fill_event_log(host)
    old = host.agent.id
    check(host.end)
    host.assert_connected([web], gone=[worker])
    assert host.agent.id == old


def one_outage_follows_another(host, check):
    web = host.engine.run("web")
    check(host.before)
    for i in range(2):
        check(host.begin)
        worker = host.engine.run(f"worker{i}")
        check(host.again)
        host.crash(worker)
        check(host.end)
        host.assert_connected([web], gone=[worker])


STORIES = [value for value in list(globals().values()) if getattr(value, "__code__", None) and value.__code__.co_varnames[:2] == ("host", "check")]


def play(story, certificates, engine):
    """Returns the pages of its trace."""
    with Host(certificates, timeout=LONG, engine=engine) as host:
        trace = Trace(host)
        trace.docker()
        story(host, trace.check)
        return trace.pages


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_story_goes_the_same_way_on_both_engines(story, certificates, docker, scripted):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ours, theirs = pool.map(lambda engine: play(story, certificates, engine), [scripted, docker])
    assert ours and ours == theirs
