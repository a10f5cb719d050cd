# SPDX-License-Identifier: MIT-0
"""What Docker does by itself, and what its log says of that: the same stories, on the scripted engine and on a real dockerd, end alike."""
import contextlib
import os
import signal
import time

import pytest

from support import image
from support.api import ApiError
from support.comparison import logged, look, on_both, soon, wait_backoff, wait_logged
from support.containers import DEAF, FAILING, POLITE
from support.scripted_engine import ScriptedEngine
from support.wait import wait_for


def crash_is_restarted(engine, say):
    name = engine.run("x", DEAF, policy="on-failure")
    before = engine.seen(name)
    say(name)
    engine.crash(name)
    engine.wait_restarted(name, before)


def crash_without_a_policy_is_final(engine, say):
    name = engine.run("x", DEAF)
    say(name)
    engine.crash(name)
    engine.wait_status(name, "exited")


def a_policy_set_while_it_runs_counts(engine, say):
    name = engine.run("x", DEAF)
    before = engine.seen(name)
    say(name)
    engine.set_policy(name, "on-failure", 3)
    engine.crash(name)
    engine.wait_restarted(name, before)


def a_policy_taken_back_counts(engine, say):
    name = engine.run("x", DEAF, policy="always")
    say(name)
    engine.set_policy(name, "no")
    engine.crash(name)
    engine.wait_status(name, "exited")


def a_policy_set_on_a_stopped_one_starts_nothing(engine, say):
    began = time.time()
    name = engine.run("x", ["false"])
    engine.wait_status(name, "exited")
    wait_logged(engine, engine.id(name), began, "die")
    say(name)
    engine.set_policy(name, "on-failure")
    engine.set_policy(name, "always")


def a_policy_taken_back_in_backoff_lets_it_run_once_more(engine, say):
    def taken_back():
        name = engine.run("x", FAILING, policy="always")
        wait_backoff(engine, name, 5)
        say(name)
        engine.set_policy(name, "no")
        now = engine.seen(name)
        return name if (now.status, now.restart_count) == ("restarting", 5) else None
    name = wait_for(taken_back, 120, "it was done before the restart that it waits for")
    engine.wait_status(name, "exited", 60)


def retries_are_counted(engine, say):
    say(engine.create("fails", FAILING, policy="on-failure", retries=2))
    engine.start_container("fails")
    wait_for(lambda: engine.status("fails") == "exited", 20, "it has given up")


def success_is_final(engine, say):
    say(engine.create("succeeds", ["true"], policy="on-failure"))
    engine.start_container("succeeds")
    engine.wait_status("succeeds", "exited")


def success_is_restarted_under_always(engine, say):
    name = engine.run("x", POLITE, policy="always")
    before, pid = engine.seen(name), engine.inspect(name)["State"]["Pid"]
    say(name)

    def ended():
        now = engine.seen(name)
        if now.status != "running" or now.started_at != before.started_at:
            return True
        if isinstance(engine, ScriptedEngine):
            engine.finish(name)
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)  # again and again: its shell may not have set its trap yet
        return False
    wait_for(ended, 60, "it has ended with 0")
    engine.wait_restarted(name, before)


def a_stop_is_final_even_under_always(engine, say):
    name = engine.run("x", DEAF, policy="always", stop_timeout=0)
    say(name)
    engine.stop_container(name)


def a_stop_waits_as_long_as_the_container_says(engine, say):
    name = engine.run("x", DEAF, stop_timeout=1)
    say(name)
    began = time.monotonic()
    engine.stop_container(name)
    assert 0.9 <= time.monotonic() - began < 10, "not as long as by default"


def a_kill_is_final_even_under_always(engine, say):
    name = engine.run("x", DEAF, policy="always")
    say(name)
    engine.api.post(f"/containers/{name}/kill")
    engine.wait_status(name, "exited")


def a_crash_after_any_signal_is_final(engine, say):
    """One that Docker was asked to deliver: it turns the restart manager off, even if the program goes on."""
    name = engine.run("x", DEAF, policy="always")
    engine.api.post(f"/containers/{name}/kill", signal="HUP")
    say(name)
    engine.crash(name)
    engine.wait_status(name, "exited")


def a_start_by_request_counts_from_0(engine, say):
    name = engine.run("x", DEAF, policy="on-failure", stop_timeout=0)
    before = engine.seen(name)
    engine.crash(name)
    engine.wait_restarted(name, before)
    assert engine.seen(name).restart_count == 1
    say(name)
    engine.api.post(f"/containers/{name}/restart")


def auto_remove_refuses_a_policy_and_goes_with_the_process(engine, say):
    name = engine.run("x", DEAF, stop_timeout=0, host_config={"AutoRemove": True})
    say(name)
    with pytest.raises(ApiError) as refusal:
        engine.set_policy(name, "on-failure")
    assert refusal.value.status == 409
    engine.set_policy(name, "no")
    engine.stop_container(name)
    wait_for(lambda: not engine.exists(name), 20, "it is gone")


def a_program_that_is_missing(engine, say):
    engine.create("missing-program", ["/nonesuch"])
    say("missing-program")
    with pytest.raises(ApiError) as refusal:
        engine.start_container("missing-program")
    assert refusal.value.status == 400


def a_network_has_events_of_its_own(engine, say):
    """They share the log, so that a crash and its restart are four entries, not two."""
    body = {"Image": image.NAME, "Cmd": DEAF, "HostConfig": {"NetworkMode": "none", "RestartPolicy": {"Name": "on-failure"}}}
    engine.api.post("/containers/create", body, name="networked")
    engine.start_container("networked")
    before = engine.seen("networked")
    say("networked")
    engine.crash("networked")
    engine.wait_restarted("networked", before)
    engine.api.post("/containers/networked/stop", t=0)


def health_checks_leave_three_events(engine, say):
    name = engine.run("x", DEAF)
    say(name)
    engine.exec(name, "true")


SCENARIOS = [value for value in list(globals().values()) if getattr(value, "__code__", None) and value.__code__.co_varnames[:2] == ("engine", "say")]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_restarts_and_events_are_alike(scenario, scripted, docker):
    def play(engine):
        begun = []

        def say(name):
            begun[:] = engine.id(name), engine.inspect(name)["State"]["StartedAt"], time.time()
        scenario(engine, say)
        return begun

    def outcome(engine, begun):
        container_id, started_at, since = begun
        seen = look(engine, container_id)
        if isinstance(seen, dict):
            facts = engine.inspect(container_id)
            seen.update(restarts=facts["RestartCount"], restarted=facts["State"]["StartedAt"] != started_at)
            seen["Error"] = seen["Error"].rpartition("exec:")[2].removesuffix(": unknown")  # its beginning and end are containerd's and runc's
        return seen, logged(engine, container_id, since)
    ours, theirs = on_both(play, scripted, docker)
    expected = outcome(scripted, ours)
    assert soon(expected, lambda: outcome(docker, theirs)) == expected
