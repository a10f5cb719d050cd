# SPDX-License-Identifier: MIT-0
"""Trouble at a chosen moment of a check: a host that can be put back to where a transition begins, and strace to disturb it there.

    with Scene(connected, engine, region, eins) as scene:  # the next check goes into an outage
        expected = scene.undisturbed()
        for call in changing(scene.record()):
            scene.reset()
            scene.inject(call.name, "signal=KILL", call.nth)
            scene.converge(expected)
"""
import collections
import os
import re
import tempfile

from .agent import NAME as AGENT
from .agent import Agent
from .scripted_faults import error
from .wait import wait_for

ALL_POINTS = os.environ.get("EINS_ALL_POINTS") == "1"
CODES = (0, 1, 69, 70, 74, 75, 78)  # of the contract, for a check

# What changes something, or talks. `read` and `close` do neither; openat counts where it may create or change something.
CHANGING = ("write", "writev", "pwrite64", "sendto", "sendmsg", "recvfrom", "socket", "connect", "rename", "renameat", "renameat2", "link",
            "unlink", "unlinkat", "mkdir", "fsync", "fdatasync", "ftruncate", "fchmod", "fchown", "utimensat", "flock")
WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT")
HANGS = 80  # seconds
LISTENS = 0x10000  # in /proc/net/unix: __SO_ACCEPTCON
KEPT = {"eins.conf", "eins.log", "state.ini", "state.ini.lock"}
# In the state; they differ from run to run, and the last ones count what went wrong.
TIMES = {"since", "paused_at", "renew_since", "checksum", "began", "ended", "cause", "outage_seconds", "last_start",
         "errors_incomplete", "errors_docker", "errors_probe", "errors_state"}

Call = collections.namedtuple("Call", "name nth text")  # text: the call and its result, paths instead of descriptors


class Scene:
    """A host just before a transition, on a scripted engine. arrange(engine, region, eins) leads there and returns the region's mode for the
    transition and the names: container -> what the test calls it. arm(engine), if given, sets the engine's faults after each reset. The
    transition is eins-check called with these arguments."""

    def __init__(self, arrange, engine, region, eins, arm=None, arguments=()):
        self.engine, self.region, self.eins, self._arm = engine, region, eins, arm
        self._arguments = arguments
        self._temporary = tempfile.TemporaryDirectory(prefix="eins-strace-")
        self._trace = self._temporary.name + "/trace"
        self._arrange = arrange
        self._arrive()
        self._files = {name: content for name, (_, content) in eins.files().items() if name != "eins.log"}
        self._world = self._snapshot()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._temporary.cleanup()

    def _arrive(self):
        mode, roles = self._arrange(self.engine, self.region, self.eins)
        self.roles = {**roles, AGENT: AGENT}
        self.before = self.engine.view()
        self.region.mode = mode

    def _snapshot(self):
        return self.engine.world.snapshot()

    def reset(self):
        """Back to the moment before the transition: Docker, the state, no log."""
        self.engine.heal()
        self.engine.world.restore(self._world)
        for name in os.listdir(self.eins.folder):
            if name not in self._files and name != "eins.conf":
                os.unlink(os.path.join(self.eins.folder, name))
        for name, content in self._files.items():
            with open(os.path.join(self.eins.folder, name), "wb") as file:
                file.write(content)
        if self._arm:
            self._arm(self.engine)

    # -- running -------------------------------------------------------------------------------------------------------

    def undisturbed(self):
        """What a transition leaves that nothing disturbs."""
        self.reset()
        self.eins.check(*self._arguments)
        return self.outcome()

    def without_events(self):
        """The same where Docker's event log cannot be read: then the agent, if something was removed, is renewed, which is safe always."""
        self.reset()
        self.engine.fault("^GET /events", error(500, "no events"), times=None)
        self.eins.check(*self._arguments)
        return self.outcome()

    def record(self):
        """Every system call of an undisturbed run, in order, as Calls, from the moment on at which main reads its configuration."""
        self.reset()
        self._strace("trace=all")
        counts, calls = collections.Counter(), []
        for line in self.trace():
            found = re.match(r"\d+ +(\w+)\(", line)
            if found:
                counts[found.group(1)] += 1
                calls.append(Call(found.group(1), counts[found.group(1)], line.partition(" ")[2].strip()))
        begin = next(i for i, call in enumerate(calls) if self.eins.conf_file in call.text and call.name == "openat")
        return calls[begin:]

    def inject(self, name, what, nth):
        """A run whose nth call of that name is disturbed: "signal=KILL", "error=EIO". Returns its Result; see trace()."""
        return self._strace(f"trace={name}", f"inject={name}:{what}:when={nth}", fast="signal" not in what)

    def settle(self):
        """After a check that has ended in the middle of its work: an engine finishes what it was asked, whoever is gone. Whatever of that came
        later, it would be done to the next check's world."""
        wait_for(lambda: not connections(self.engine), HANGS, lambda: f"nobody is served any more: {connections(self.engine)}")

    def trace(self):
        """The lines that strace wrote in the last run; "(INJECTED)" marks where."""
        with open(self._trace, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()

    def injected(self):
        """The call that was made to fail in the last run, as text, or None when it did not get there."""
        return next((line.partition(" ")[2].strip() for line in self.trace() if "(INJECTED)" in line), None)

    def _strace(self, *expressions, fast=False):
        """fast: no stop at other calls than the one that is traced; strace 6.1 then injects no signals."""
        saved = self.eins.prefix, self.eins.env
        self.eins.env = {**self.eins.env, "ASAN_OPTIONS": "detect_leaks=0"}  # it looks for leaks with ptrace, too
        # Without timeout(1), which kills both, a check that hangs would outlive its strace.
        self.eins.prefix = ["timeout", "-s", "KILL", str(HANGS), "strace", "-f", "-qq", "-yy", "-s200", "-o", self._trace,
                            *(["--seccomp-bpf"] if fast else [])]
        for expression in expressions:
            self.eins.prefix += ["-e", expression]
        try:
            result = self.eins.run(*self._arguments)
        finally:
            self.eins.prefix, self.eins.env = saved
        self.settle()
        assert result.seconds < HANGS, f"it hangs, disturbed by {expressions}\n{result}"
        return result

    # -- comparing -----------------------------------------------------------------------------------------------------

    def outcome(self):
        """What a transition has led to, in terms that are the same for every run: Docker's view, the state, the files."""
        view = {self._role(name): self._shown(name, seen) for name, seen in self.engine.view().items()}
        files = set(os.listdir(self.eins.folder)) - KEPT
        return {"docker": view, "state": self._state(), "files left": sorted(files)}

    def converge(self, expected, *others, checks=2):
        """Normal checks, one or two, lead to `expected` (or to one of the others). Returns how many it took."""
        results = []
        for number in range(1, checks + 1):
            results.append(self.eins.run(*self._arguments))
            if results[-1].code == 0 and self.outcome() in (expected, *others):
                return number
        raise AssertionError("\n".join([f"not as undisturbed after {checks} checks:", *differences(expected, self.outcome()),
                                        *map(str, results)]))

    def _role(self, name):
        return self.roles.get(name, name)

    def _shown(self, name, seen):
        old = self.before.get(name)
        same = bool(old) and old.id == seen.id
        return (seen.status, seen.policy, seen.retries, "same id" if same else "new id",
                "not restarted" if same and old.started_at == seen.started_at else "restarted")

    def _state(self):
        roles = {seen.id: self._role(name) for name, seen in self.before.items()}
        moments = {seen.started_at: "as before" for seen in self.before.values()}
        state = {}
        for section, keys in (self.eins.state() or {}).items():
            kind, _, container_id = section.partition(":")
            shown = {key: self._role(roles.get(moments.get(value, value), moments.get(value, value))) for key, value in keys.items()}
            state[f"{kind} {roles.get(container_id, container_id)}"] = {key: value for key, value in shown.items() if key not in TIMES}
        return state


class LiveScene(Scene):
    """The same on a real engine, which is put back by living through the story again."""

    def _snapshot(self):
        return None

    def reset(self):
        self.region.mode = "forbidden"
        self.eins.check()  # whatever the last run has left undone
        os.unlink(self.eins.state_file)
        self._arrive()


def connections(engine):
    """The ends of them that the engine still holds, or has not taken yet."""
    name = os.path.join(os.path.basename(engine.folder), os.path.basename(engine.socket))
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
        found = [line.split() for line in file if line.endswith(f"/{name}\n")]
    return [fields for fields in found if not int(fields[3], 16) & LISTENS]


def differences(expected, found, path=""):
    """Lines that say where two outcomes differ."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = sorted({*expected, *found}, key=str)
        return [line for key in keys for line in differences(expected.get(key), found.get(key), f"{path}/{key}")]
    return [] if expected == found else [f"  {path}: {found!r} instead of {expected!r}"]


def changing(calls):
    """Those of the recorded calls that change something or talk."""
    return [call for call in calls if call.name in CHANGING or call.name == "openat" and WRITING.search(call.text)]


# -- scenes: what arrange() may be. Each can begin where a transition has ended -------------------------------------------------------------


def connected(engine, region, eins):
    """Four containers and the agent; the next check finds no region."""
    return "refused", _baseline(engine, region, eins)


def just_died(engine, region, eins):
    """The same, and one of the four has failed just before the check, when Docker had not been told to restart it."""
    roles = _baseline(engine, region, eins)
    engine.crash(next(iter(roles)))
    return "refused", roles


def in_outage(engine, region, eins):
    """Four containers held, two of them restarted by Docker, and the agent paused; the next check finds the region again."""
    roles = _baseline(engine, region, eins)
    region.mode = "refused"
    eins.check()
    restart(engine, list(roles)[:2])
    return "forbidden", roles


def events_lost(engine, region, eins):
    """The same after so many events that the agent cannot be thawed safely: it must be renewed."""
    mode, roles = in_outage(engine, region, eins)
    engine.add_execs(list(roles)[2], 100)
    return mode, roles


def ecs_init(engine):
    """arm: whoever kills the agent gets a fresh one."""
    def renew(call):
        reply = call.perform()
        Agent(engine).start()
        return reply
    engine.fault(f"^POST /containers/{AGENT}/kill", renew, times=None)


def restart(engine, names):
    """They crash, and Docker starts them again."""
    before = {name: engine.seen(name) for name in names}
    for name in names:
        engine.crash(name)
    for name in names:
        engine.wait_restarted(name, before[name])


def _baseline(engine, region, eins):
    """Connected, nothing owed, and a b c d and the agent run: what is missing is made. Returns the roles."""
    region.mode = "forbidden"
    eins.check()
    policies = {"a": ("", 0), "b": ("no", 0), "c": ("on-failure", 3), "d": ("always", 0)}
    there = {name.split("-")[3]: name for name in engine.names() if name.startswith("ecs-demo-1-")}
    roles = {there.get(role) or engine.run(role, policy=name, retries=retries): role for role, (name, retries) in policies.items()}
    if AGENT not in engine.names():
        Agent(engine).start()
    eins.check()
    return roles


def report(capsys, record_property, name, text):
    """A line for people, and the same in the XML report."""
    record_property(name, text)
    with capsys.disabled():
        print(f"\n  {name}: {text}")


def well(engine, region, eins):
    """Four containers and the agent; the region can be reached, and nothing is to be done."""
    return "forbidden", _baseline(engine, region, eins)
