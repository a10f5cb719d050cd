# SPDX-License-Identifier: MIT-0
"""The story that most tests tell: connected, an outage, the region is back."""
import contextlib

from .agent import NAME
from .region import STATUS

PROMPT = ("refused", *STATUS)  # modes of a region that does what it does at once
PATIENCE = {"connect_timeout": 60, "timeout": 60}  # seconds


def make_patient(eins):
    """For where no region is slow on purpose: what it answers counts, however long the machine has stood still. Not where a test has set
    deadlines of its own."""
    region = eins.conf["region"]
    if not region.keys() & PATIENCE.keys():
        region.update(PATIENCE)


class Outage:
    """Ties a region and an Eins together: each step changes the region, runs one check and returns its Result."""

    def __init__(self, region, eins):
        self.region = region
        self.eins = eins

    def before(self):
        """A connected check: the baseline."""
        return self._step("forbidden", "connected")

    def begin(self, mode="refused"):
        return self._step(mode, "disconnected")

    def again(self):
        """One more check while it lasts."""
        return self._step(self.region.mode, "disconnected")

    def end(self, code=0):
        """Returns when Docker, too, has heard of the end of the agent's pause."""
        result = self._step("forbidden", "connected", code)
        if self.eins.engine.up:
            self.eins.engine.settle(self.eins.conf["docker"].get("agent", NAME))
        return result

    def _step(self, mode, phase, code=0):
        self.region.mode = mode
        with self._patience(mode):
            result = self.eins.check(code=code)
        if self.eins.phase != phase:
            raise AssertionError(f"the phase is {self.eins.phase}, not {phase}\n{result}")
        return result

    @contextlib.contextmanager
    def _patience(self, mode):
        before = dict(self.eins.conf["region"])
        if mode in PROMPT:
            make_patient(self.eins)
        try:
            yield
        finally:
            self.eins.conf["region"] = before
