# SPDX-License-Identifier: MIT-0
"""What a recovery costs a workload: the longest silence of a container that was restarted in the outage, with `replace` and with `adopt`.

    cd BUILD && /usr/bin/python3 SOURCE/tests/bench/recovery.py

On a private engine, as root. The workload writes a heartbeat every 100 ms, through its restart in the outage, the recovery and, with `replace`,
its replacement. A stand-in plays ECS: while the region is there and the agent is awake it launches a task whose container is gone or down.
"""
import os
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.agent import Agent, EcsInit  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.eins import Eins  # noqa: E402
from support.engine import Engine  # noqa: E402
from support.outage import Outage  # noqa: E402
from support.region import Region  # noqa: E402
from support.wait import wait_for  # noqa: E402

LAUNCH = 0.58  # seconds from the agent's report to the new container: measured with a real agent, FACTS.md
BEATS_AFTER = 30
BEAT = "trap 'exit 0' TERM; while :; do cut -d' ' -f1 /proc/uptime >>/beat/NAME; usleep 100000 & wait $!; done"


class Service:
    """One task of one container, and the file that its heartbeats go to whichever container it is."""

    def __init__(self, engine, name, folder):
        self.engine, self.name, self.folder = engine, name, folder
        self.launch()

    def launch(self):
        inside = self.folder[len(self.engine.root):]
        self.container = self.engine.run(self.name, ["sh", "-c", BEAT.replace("NAME", self.name)], host_config={"Binds": [inside + ":/beat"]})

    def is_up(self):
        return self.engine.exists(self.container) and self.engine.status(self.container) in ("running", "restarting")

    def beats(self):
        with open(os.path.join(self.folder, self.name), encoding="ascii") as file:
            return [float(line) for line in file.read().split()]

    def wait_beats(self, count):
        """That many more have been written."""
        before = len(self.beats())
        wait_for(lambda: len(self.beats()) >= before + count, 30, f"{count} more heartbeats of {self.name}")


class Ecs:
    """Launches what is not up, a moment after an agent that is awake can have told of it."""

    def __init__(self, region, agent, services):
        self._region, self._agent, self._services = region, agent, services
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        down = {}
        while not self._over.wait(0.02):
            awake = self._region.mode == "forbidden" and self._agent.status == "running"
            for service in self._services:
                if not awake or service.is_up():
                    down.pop(service, None)
                elif time.monotonic() - down.setdefault(service, time.monotonic()) > LAUNCH:
                    service.launch()


def longest(beats, begin, end):
    """The longest time without a heartbeat between two moments, in seconds."""
    moments = [begin, *[beat for beat in beats if begin <= beat <= end], end]
    return max(later - earlier for earlier, later in zip(moments, moments[1:]))


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def play(engine, certificates, recovery):
    """One outage. Returns lines of a table: for each service, before and after the recovery."""
    folder = tempfile.mkdtemp(prefix="beats-", dir=engine.folder)
    agent = Agent(engine)
    agent.start()
    services = [Service(engine, name, folder) for name in ("restarted", "untouched")]
    with Region(certificates) as region, Eins(engine, region) as eins, EcsInit(agent), Ecs(region, agent, services):
        eins.conf["docker"]["recovery"] = recovery
        outage = Outage(region, eins)
        outage.before()
        outage.begin()
        engine.crash_and_restart(services[0].container)
        for service in services:
            service.wait_beats(BEATS_AFTER)
        before = [engine.seen(service.container) for service in services]
        begin = now()
        outage.end()
        for service in services:
            service.wait_beats(BEATS_AFTER)
        end = now()
        after = [engine.seen(service.container) for service in services]
    rows = []
    for service, old, new in zip(services, before, after):
        rows.append((recovery, service.name, old.id[:12], new.id[:12], old.started_at[11:23], new.started_at[11:23],
                     f"{longest(service.beats(), begin, end):.2f} s"))
    engine.remove_all()
    return rows


def main():
    with tempfile.TemporaryDirectory() as folder, Engine(root=os.environ.get("EINS_ENGINE_ROOT", "")) as engine:
        certificates = Certificates(folder)
        rows = [("recovery", "container", "id before", "id after", "started", "started after", "longest silence")]
        for recovery in ("replace", "adopt"):
            rows += play(engine, certificates, recovery)
        print("Docker", engine.api.get("/version")["Version"])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


if __name__ == "__main__":
    main()
