# SPDX-License-Identifier: MIT-0
"""Killed at any system call that changes something or talks, the next check ends in the same place as if nothing had happened.

The calls of an undisturbed run are counted; then the whole transition is run again and again, and the Nth call of each kind is never made:
SIGKILL comes instead. EINS_ALL_POINTS=1 does on a real engine, and for the rarer stories, what is otherwise done for a sample.
"""
import collections
import itertools
import os
import re
import time

import pytest

from support import injection
from support.eins import Eins
from support.host import Host
from support.injection import ALL_POINTS, LiveScene, Scene
from support.scripted_engine import ScriptedEngine

KILLED = -9
SURELY_DONE = 500  # no transition makes as many calls of one kind


@pytest.fixture
def host():
    """A scripted engine and an eins-check of its own."""
    with ScriptedEngine() as engine:
        yield engine


@pytest.fixture
def survey(region, capsys, record_property, request):
    """survey(arrange, engine): kills at every point (of `names`, and only each `step`th), and says how many there were."""
    def run(arrange, engine, kind=Scene, names=None, step=1, arm=None, arguments=(), **docker):
        with Eins(engine, region) as eins:
            eins.conf["docker"].update(docker)
            with kind(arrange, engine, region, eins, arm, arguments) as scene:
                text = Survey(scene, names, step).run()
        injection.report(capsys, record_property, request.node.name, text)
    return run


class Survey:
    def __init__(self, scene, names, step):
        self.scene, self.names, self.step = scene, names, step
        self.points = collections.Counter()
        self.checks = collections.Counter()
        self.failures = []

    def run(self):
        began = time.monotonic()
        self.expected = self.scene.undisturbed()
        calls = [call for call in injection.changing(self.scene.record()) if not self.names or call.name in self.names]
        for name, same in itertools.groupby(sorted(calls), key=lambda call: call.name):
            self._kill_at_each(name, [call.nth for call in same])
        assert not self.failures, "\n\n".join([f"{len(self.failures)} of {self.points.total()} kill points:", *self.failures[:5]])
        assert self.points.total() >= len(calls) * 0.7 / self.step, f"only {self.points}, of {len(calls)} calls"
        kinds = ", ".join(f"{name} {count}" for name, count in self.points.most_common())
        return (f"{self.points.total()} kill points in {time.monotonic() - began:.0f} s ({kinds}); "
                f"{self.checks[1]} as if nothing had happened after one check, {self.checks[2]} after two")

    def _kill_at_each(self, name, recorded):
        """The calls that were recorded, and those after them: how a run's requests overlap is never quite the same."""
        further = () if name == "openat" else range(recorded[-1] + 1, SURELY_DONE)
        for nth in itertools.chain(recorded[::self.step], further):
            self.scene.reset()
            result = self.scene.inject(name, "signal=KILL", nth)
            if result.code != KILLED:
                assert result.code == 0, f"undisturbed at {name} {nth}, and yet:\n{result}"
                if nth > recorded[-1]:
                    return
                continue
            self.points[name] += 1
            try:
                self.checks[self.scene.converge(self.expected)] += 1
            except AssertionError as failure:
                self.failures.append(f"killed at {name} {nth}: {failure}")


def test_into_an_outage(survey, host):
    survey(injection.connected, host)


def test_into_an_outage_just_after_a_crash(survey, host):
    survey(injection.just_died, host)


def test_out_of_an_outage(survey, host):
    survey(injection.in_outage, host)


def test_out_of_an_outage_with_a_fresh_agent(survey, host):
    """The agent is killed; a check that dies before the new one came finds it, and does not kill that, too."""
    survey(injection.events_lost, host, names=None if ALL_POINTS else ("sendto", "rename"), arm=injection.ecs_init)


def test_out_of_an_outage_with_nobody_who_brings_a_fresh_agent(survey, host):
    """The old one is started by its id after agent_wait."""
    names = None if ALL_POINTS else ("rename",)
    survey(injection.events_lost, host, names=names, agent_wait=1)


def test_out_of_an_outage_with_adoption(survey, host):
    """What was restarted runs on, wherever the check is killed, and there is a fresh agent in the end."""
    survey(injection.in_outage, host, arm=injection.ecs_init, recovery="adopt")


def test_a_reset_in_an_outage(survey, host):
    """Before eins is removed: what it held is given back by the next reset."""
    survey(injection.in_outage, host, arguments=("--reset",))


def test_into_an_outage_on_a_real_engine(survey, docker):
    survey(injection.connected, docker, LiveScene, *(() if ALL_POINTS else (("sendto", "rename"), 2)))


def test_out_of_an_outage_on_a_real_engine(survey, docker):
    survey(injection.in_outage, docker, LiveScene, *(() if ALL_POINTS else (("sendto", "rename"), 4)))


def test_the_intent_is_safe_from_a_power_loss_before_docker_is_touched(certificates, tmp_path):
    """No kill shows what the disk has not got yet. So here the calls are read: the file, its name, its folder, and then Docker."""
    with Host(certificates) as host:
        host.engine.run("web")
        host.before()
        host.eins.prefix = ["strace", "-f", "-qq", "-y", "-s", "40", "-o", str(tmp_path / "trace"), "-e", "trace=/sync$|^rename|^sendto$"]
        host.begin()
    name = re.escape(os.path.basename(host.eins.state_file))
    folder = re.escape(host.eins.folder)
    steps = [rf"sync\(\d+<{folder}/\.{name}\.\w+", rf'rename\w*\(.*{name}"', rf"sync\(\d+<{folder}>", r'sendto\(.*"POST ']
    calls = (tmp_path / "trace").read_text()
    first = [re.search(step, calls) for step in steps]
    assert all(first) and sorted(first, key=lambda found: found.start()) == first, calls
