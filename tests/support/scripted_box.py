# SPDX-License-Identifier: MIT-0
"""One container of a scripted engine: its program, its restart manager and its state; and the clock that its world runs by."""
import calendar
import collections
import heapq
import itertools
import re
import secrets
import threading
import time

NEVER = "0001-01-01T00:00:00Z"

Policy = collections.namedtuple("Policy", "name retries")


class Program:
    """What a command does, read off the few forms that tests use: `sleep N`, `true`, `sh -c "sleep 1; exit 3"`,
    `trap '[sleep N; ]exit N' TERM`. Any other one runs for ever and does not hear SIGTERM."""

    TRAP = re.compile(r"trap '(?:sleep ([\d.]+); *)?(?:exit (\d+))?' TERM;?")

    def __init__(self, cmd):
        text = " ".join(cmd)
        trap = self.TRAP.search(text)
        self.term_after = float(trap.group(1) or 0) if trap else 0
        self.term_code = int(trap.group(2)) if trap and trap.group(2) else None
        rest = self.TRAP.sub("", text)
        sleep = re.search(r"\bsleep ([\d.]+)", rest)
        leave = re.search(r"\bexit (\d+)", rest)
        self.code = int(leave.group(1)) if leave else int(cmd[:1] == ["false"])
        short = leave or cmd[:1] in (["true"], ["false"])
        self.lasts = None if "while" in rest else float(sleep.group(1)) if sleep else 0.02 if short else None
        self.missing = cmd[0].startswith("/") and not cmd[0].startswith("/bin/")


class RestartManager:
    """Docker's own: it, and not the policy that an inspection shows, decides what follows an exit."""

    def __init__(self, policy):
        self.policy = policy
        self.cancelled = False  # by any signal that was sent through the API
        self._count = 0
        self._wait = 0

    def wait_after(self, code, ran, first, longest):
        """Seconds until the restart after an exit with this code, or None when there is none."""
        self._wait = first if ran >= 10 or not self._wait else min(2 * self._wait, longest)
        name, retries = self.policy
        again = name == "always" or name == "unless-stopped" or name == "on-failure" and code != 0 and (not retries or self._count < retries)
        if self.cancelled or not again:
            return None
        self._count += 1
        return self._wait


class Box:
    """One container. Its fields are State's, in the engine's own sense: one that waits for its restart is `running`, too."""

    def __init__(self, name, cmd, labels, policy, stop_timeout, auto_remove, network):
        self.id = secrets.token_hex(32)
        self.name = name
        self.cmd = cmd
        self.program = Program(cmd)
        self.labels = labels
        self.policy = policy  # as inspected
        self.manager = RestartManager(policy)
        self.stop_timeout = stop_timeout
        self.auto_remove = auto_remove
        self.network = network  # not NetworkDisabled: it comes and goes with events of its own
        self.created = time.time_ns()
        self.running = self.paused = self.restarting = self.dead = self.removing = self.oom_killed = self.being_stopped = False
        self.pid = self.exit_code = self.restart_count = 0
        self.error = ""
        self.started_at = self.finished_at = NEVER
        self.run = 0  # counts starts and ends: what was scheduled for an earlier run is void

    @property
    def status(self):
        """As moby's StateString."""
        if self.running:
            return "paused" if self.paused else "restarting" if self.restarting else "running"
        if self.removing or self.dead:
            return "removing" if self.removing else "dead"
        return "created" if self.started_at == NEVER else "exited"


class Clock:
    """One thread that calls what was scheduled."""

    def __init__(self):
        self._due = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._leaving = False
        self._thread = threading.Thread(target=self._run, name="scripted-clock", daemon=True)
        self._thread.start()

    def after(self, seconds, function, *arguments):
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), function, arguments))
            self._changed.notify()

    def close(self):
        with self._changed:
            self._leaving = True
            self._changed.notify()
        self._thread.join(10)

    def _run(self):
        while True:
            with self._changed:
                while not self._leaving and (not self._due or self._due[0][0] > time.monotonic()):
                    self._changed.wait(min(self._due[0][0] - time.monotonic(), 3600) if self._due else None)
                if self._leaving:
                    return
                _, _, function, arguments = heapq.heappop(self._due)
            function(*arguments)


def rfc3339(nanoseconds):
    """As Go prints it: nanoseconds without trailing zeros."""
    seconds, fraction = divmod(nanoseconds, 10**9)
    text = f".{fraction:09d}".rstrip("0").rstrip(".")
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + text + "Z"


def nanoseconds(text):
    whole, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int((fraction or "0").ljust(9, "0"))
