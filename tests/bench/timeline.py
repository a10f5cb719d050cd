#!/usr/bin/python3
# SPDX-License-Identifier: MIT-0
"""A real outage as a picture, once with eins and once without: python3 tests/bench/timeline.py outage.svg, as root, in a build folder.

Two runs of the same story on a private Docker Engine. Three containers write a heartbeat; the region goes, one of them crashes, the region comes
back. A stand-in plays ECS: while the agent runs and the region is there, it launches anew what is down. The picture is drawn from what was
recorded, and from nothing else; --record keeps that as JSON, --draw makes the picture from such a file.
"""
import argparse
import concurrent.futures
import contextlib
import glob
import json
import os
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from picture import picture  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.api import ApiError  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.eins import PATIENT, Eins  # noqa: E402
from support.engine import Engine  # noqa: E402
from support.region import Region  # noqa: E402
from support.wait import wait_for  # noqa: E402

BEAT = 0.1  # seconds
LONG = 60  # seconds: against a hang
LAUNCH = 0.58  # seconds in which a real ECS launches anew what its agent has seen end: FACTS.md, "The real agent after an outage"
TASKS = ("web", "worker", "cache")
CRASHES = "worker"
# Each run of the program has a file of its own, named after the task, the container and the run; a line is the kernel's uptime.
PROGRAM = f"""trap 'exit 0' TERM
file=/beat/$1.$(hostname).$(cat /proc/sys/kernel/random/uuid)
while read -r now _ </proc/uptime; do
    echo "$now" >>"$file"
    sleep {BEAT}
done"""


def uptime():
    """Seconds, by the same clock as the containers' /proc/uptime."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Stage:
    """One run: what happens in it, and what was seen of it. Times are in seconds since `began`."""

    def __init__(self, engine, region, eins, times, folder):
        self.engine, self.region, self.eins, self.times, self.folder = engine, region, eins, times, folder
        self.agent = Agent(engine)
        self.containers = {}  # task -> the full name of its container
        self.seen_agent, self.checks, self.changes = [], [], [(0, "reachable")]
        self.began = None
        self._over = threading.Event()

    def play(self):
        """Returns the record."""
        self.agent.start()
        for task in TASKS:
            self._launch(task)
        wait_for(lambda: all(self._runs(task) == 1 for task in TASKS), LONG, "every container has a heartbeat")
        self.began = uptime()
        helpers = [self._watch] + ([self._check] if self.eins else [])
        with concurrent.futures.ThreadPoolExecutor(len(helpers)) as pool:
            futures = [pool.submit(helper) for helper in helpers]
            try:
                self._tell(futures)
            finally:
                self._over.set()
            for future in futures:
                future.result()
        return self._record()

    def _tell(self, helpers):
        """At the times that were asked for, or later where the story is late: it comes out on a busy machine, too."""
        times = self.times
        self._until(times.before, helpers)
        began = self._region("refused", "unreachable")
        self._until(began + times.crash, helpers)
        if self.eins:
            self._wait(lambda: self._agent_was_last("paused") and self.engine.policy(self.containers[CRASHES])[0] == "on-failure", helpers,
                       "eins has taken over")
        self.crashed = self._now()
        self.engine.crash(self.containers[CRASHES])
        self._until(began + times.outage, helpers)
        if self.eins:
            self._wait(lambda: self._runs(CRASHES) == 2, helpers, "Docker has restarted it")
        ended = self._region("forbidden", "reachable")
        self._until(ended + times.after, helpers)
        self._wait(lambda: self._runs(CRASHES) == (3 if self.eins else 2) and self._agent_was_last("running"), helpers,
                   "ECS has launched it anew")

    def _wait(self, condition, helpers, what):
        """As long as nothing breaks."""
        def met():
            self._until(0, helpers)
            return condition()
        wait_for(met, LONG, what)

    def _until(self, moment, helpers):
        """Lets time pass, as long as nothing breaks."""
        done, _ = concurrent.futures.wait(helpers, max(0, moment - self._now()), concurrent.futures.FIRST_COMPLETED)
        for future in done:
            future.result()

    def _region(self, mode, word):
        """Returns when that was."""
        self.region.mode = mode
        self.changes.append((self._now(), word))
        return self.changes[-1][0]

    def _now(self):
        return round(uptime() - self.began, 3)

    # -- who lives on such a host -------------------------------------------------------------------------------------------

    def _watch(self):
        """Notes what the agent does, and is ECS: through an agent that runs it learns what is down."""
        missed = {}
        while not self._over.wait(0.05):
            status = self.agent.status
            if not self.seen_agent or self.seen_agent[-1][1] != status:
                self.seen_agent.append((self._now() if self.seen_agent else 0, status))
            if status == "running" and self.region.mode == "forbidden":
                for task in TASKS:
                    if self._is_up(task):
                        missed.pop(task, None)
                    elif self._now() >= missed.setdefault(task, self._now()) + LAUNCH:
                        self._launch(task)

    def _is_up(self, task):
        try:
            return self.engine.status(self.containers[task]) in ("running", "restarting")
        except ApiError as error:
            if error.status != 404:
                raise
            return False

    def _launch(self, task):
        command = ["sh", "-c", PROGRAM, "sh", task]
        self.containers[task] = self.engine.run(task, command, host_config={"Binds": [self.folder + ":/beat"]})

    def _check(self):
        """What the timer does."""
        while True:
            began = self._now()
            result = self.eins.check()
            self.checks.append({"from": began, "to": self._now(), "code": result.code, "phase": self.eins.phase})
            if self._over.wait(max(0, began + self.times.interval - self._now())):
                return

    # -- what was seen --------------------------------------------------------------------------------------------------------

    def _files(self, task):
        return glob.glob(f"{self.folder}/{task}.*")

    def _runs(self, task):
        """How many there were of it, each with two heartbeats at least."""
        count = 0
        for path in self._files(task):
            with open(path, encoding="ascii") as file:
                count += len(file.readlines()) > 1
        return count

    def _agent_was_last(self, status):
        return self.seen_agent[-1:] and self.seen_agent[-1][1] == status

    def _record(self):
        length = self._now()
        return {
            "eins": bool(self.eins),
            "length": length,
            "crash": {"task": CRASHES, "at": self.crashed},
            "region": _spans(self.changes, length),
            "agent": _spans(self.seen_agent, length),
            "checks": self.checks,
            "tasks": {task: self._lives(task) for task in TASKS},
        }

    def _lives(self, task):
        """The task's runs, in their order, each from its first heartbeat to its last."""
        lives = []
        for path in self._files(task):
            _, container, _ = os.path.basename(path).split(".")
            with open(path, encoding="ascii") as file:
                beats = [round(float(line) - self.began, 2) for line in file]
            pauses = [round(later - earlier, 2) for earlier, later in zip(beats, beats[1:])]
            lives.append({"container": container, "from": max(0, beats[0]), "to": beats[-1], "beats": len(beats), "longest_pause": max(pauses)})
        lives.sort(key=lambda life: life["from"])
        for life, before in zip(lives, [None, *lives]):
            life["by"] = "ecs" if before is None or before["container"] != life["container"] else "docker"
        return lives


def _spans(changes, length):
    """(when, state) pairs as spans."""
    ends = [when for when, _ in changes[1:]] + [length]
    return [{"from": when, "to": end, "state": state} for (when, state), end in zip(changes, ends)]


def examine(record, longest):
    """A picture is made of a story that came out, not of one that broke."""
    for run in record["runs"]:
        runs = {task: [life["by"] for life in lives] for task, lives in run["tasks"].items()}
        story = ["ecs", "docker", "ecs"] if run["eins"] else ["ecs", "ecs"]
        expected = {task: story if task == CRASHES else ["ecs"] for task in TASKS}
        agent = [span["state"] for span in run["agent"]]
        assert runs == expected, f"the containers ran {runs}, expected {expected}"
        assert agent == (["running", "paused", "running"] if run["eins"] else ["running"]), f"the agent was {agent}"
        pauses = {task: life["longest_pause"] for task, lives in run["tasks"].items() for life in lives}
        assert max(pauses.values()) < longest, f"this machine is too busy: the heartbeats paused {pauses} s"


def play(times, with_eins):
    with contextlib.ExitStack() as stack:
        beats = stack.enter_context(tempfile.TemporaryDirectory(prefix="eins-beat-"))
        engine = stack.enter_context(Engine())  # ends before that folder goes: the containers write to it
        certificates = Certificates(stack.enter_context(tempfile.TemporaryDirectory(prefix="eins-ca-")))
        region = stack.enter_context(Region(certificates))
        eins = stack.enter_context(Eins(engine, region)) if with_eins else None
        if eins:
            eins.conf["region"].update(PATIENT)
        stage = Stage(engine, region, eins, times, beats)
        return engine.api.get("/version")["Version"], stage.play()


def record_both(times):
    runs = []
    for with_eins in (True, False):
        print(f"{'with' if with_eins else 'without'} eins: {times.before + times.outage + times.after:g} s ...", flush=True)
        docker, run = play(times, with_eins)
        runs.append(run)
    return {"docker": docker.split("+")[0], "beat": BEAT, "launch": LAUNCH, "interval": times.interval, "runs": runs}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("picture", help="the SVG file to write")
    parser.add_argument("--record", metavar="FILE", help="also write what was recorded, as JSON")
    parser.add_argument("--draw", metavar="FILE", help="play nothing, draw what --record has written")
    for name, seconds, what in (("before", 9, "before the outage"), ("outage", 32, "the outage"), ("crash", 7, "from its begin to the crash"),
                                ("after", 10, "after it"), ("interval", 2, "from one check to the next"),
                                ("pause", 1, "between two heartbeats at most, or this machine is too busy for a picture")):
        parser.add_argument("--" + name, metavar="S", type=float, default=seconds, help=f"{what}, seconds (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.draw:
        with open(arguments.draw, encoding="utf-8") as file:
            record = json.load(file)
    else:
        record = record_both(arguments)
    if arguments.record:
        with open(arguments.record, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
            file.write("\n")
    examine(record, arguments.pause)
    with open(arguments.picture, "w", encoding="utf-8") as file:
        file.write(picture(record))


if __name__ == "__main__":
    main()
