# SPDX-License-Identifier: MIT-0
"""The story that most tests tell: connected, an outage, the region is back."""
from .agent import NAME


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
        result = self.eins.check(code=code)
        if self.eins.phase != phase:
            raise AssertionError(f"the phase is {self.eins.phase}, not {phase}\n{result}")
        return result
