# SPDX-License-Identifier: MIT-0
"""A host with all that eins-check meets on it: on a scripted engine, with a region of its own, so that many can live side by side."""
import concurrent.futures
import contextlib
import re

from .agent import Agent
from .eins import Eins
from .region import Region
from .scripted_engine import ScriptedEngine

AT_ONCE = 24  # stories
HELD = ("on-failure", 0)
FREE = ("no", 0)
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")  # all but the line feed


class Host:
    """engine, region, eins and a running agent. `timeout` is Docker's, in seconds, and long: only where the engine is silent on purpose should a
    check wait for its end. Further options are ScriptedEngine's.

    With another engine, a real one, that one is used and left to its owner.
    """

    def __init__(self, certificates, timeout=60, engine=None, **options):
        with contextlib.ExitStack() as stack:
            self.engine = engine or stack.enter_context(ScriptedEngine(**options))
            self.region = stack.enter_context(Region(certificates))
            self.eins = stack.enter_context(Eins(self.engine, self.region))
            self.eins.conf["docker"].update(timeout=timeout, agent_wait=1)
            self.agent = Agent(self.engine)
            self.agent.start()
            self._stack = stack.pop_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    # -- the story; each step is one check ---------------------------------------------------------------------------------------------

    def before(self, code=0):
        return self._step("forbidden", code)

    def begin(self, code=0):
        return self._step("refused", code)

    def again(self, code=0):
        return self._step(self.region.mode, code)

    def end(self, code=0):
        return self._step("forbidden", code)

    def _step(self, mode, code):
        self.region.mode = mode
        result = self.eins.check(code=code)
        assert not CONTROL.search(result.out + result.err + result.log_text), f"raw control characters\n{result}"
        return result

    def crash(self, name):
        """The program dies, and Docker starts it again."""
        before = self.engine.seen(name)
        self.engine.crash(name)
        self.engine.wait_restarted(name, before)

    # -- how it stands --------------------------------------------------------------------------------------------------------------------

    def policies(self, names):
        return {name: self.engine.policy(name) for name in names}

    def assert_disconnected(self, names):
        """All of a whole outage's beginning is done."""
        assert self.eins.phase == "disconnected"
        assert self.agent.status == "paused"
        assert self.policies(names) == dict.fromkeys(names, HELD)
        kept = {name: entry["takeover"] for name, entry in self.eins.containers().items() if "takeover" in entry}
        assert kept == dict.fromkeys(names, "set")

    def assert_connected(self, names, gone=()):
        """All is given back, and nothing is owed: names run with no policy, the others were removed."""
        assert self.eins.phase == "connected"
        assert self.agent.status == "running"
        assert self.policies(names) == dict.fromkeys(names, FREE)
        assert not [name for name in gone if self.engine.exists(name)]
        assert self.owed() == []

    def owed(self):
        """What the state still wants to do."""
        kept = [name for name, entry in self.eins.containers().items() if "takeover" in entry]
        return kept + [key for key in ("paused_by_eins", "renewing") if self.eins.state()["agent"].get(key, "0") not in ("", "0")]


def all_at_once(stories):
    """Calls them, by name; most of the time they wait. Tells all those that fail."""
    failures = []
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {name: pool.submit(story) for name, story in stories.items()}
        for name, future in futures.items():
            try:
                future.result()
            except AssertionError as error:
                failures.append(f"== {name}: {error}")
    assert not failures, "\n".join(failures)
