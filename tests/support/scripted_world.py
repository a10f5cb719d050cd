# SPDX-License-Identifier: MIT-0
"""The containers of a scripted engine and what may happen to them: the state machine of FACTS.md ("State codes", "Restart policies") in memory.

tests/e2e/test_scripted_engine_is_honest*.py hold it against a real dockerd. What differs between versions is as recorded in tests/unit/data.
"""
import collections
import copy
import re
import secrets
import signal
import threading
import time

from .scripted_box import Box, Clock, Policy, RestartManager, nanoseconds, rfc3339

RING = 256  # entries of the engine's event log
FAKE_PID = 1 << 23  # above any pid the kernel gives: nobody can be hit by a signal meant for one of ours
NONE_NETWORK = "7" * 64
POLICIES = ("no", "always", "on-failure", "unless-stopped")


class Refused(Exception):
    """The engine's answer when it does not do what was asked."""

    def __init__(self, status, message=""):
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message


class World:
    """All verbs take a name or an id, return nothing or the answer's document, and raise Refused. `backoff` is (first, longest) in seconds."""

    def __init__(self, api):
        """api: the newest version of it that the engine speaks, as a pair of numbers; it tells the engine's age."""
        self.modern = api >= (1, 44)  # Docker 25: other words, `stop` before `die`, no policy shown as "no"
        self.legacy_events = api < (1, 52)  # status, id and from at the top
        self._shows_ids = api >= (1, 48)  # in a refusal to remove, where 25 to 27 have names
        self.backoff = (0.1, 60)
        self.races = 0
        self.changed = threading.Condition(threading.RLock())
        self.ring = collections.deque(maxlen=RING)
        self.closing = False
        self._boxes = {}
        self._last_event = 0
        self._clock = Clock()

    def close(self):
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        self._clock.close()

    # -- looking -------------------------------------------------------------------------------------------------------------------------

    def boxes(self):
        """The newest first, as listed."""
        with self.changed:
            return list(reversed(self._boxes.values()))

    def find(self, name):
        """By id, name, or the beginning of one id."""
        with self.changed:
            if name in self._boxes:
                return self._boxes[name]
            found = [box for box in self._boxes.values() if box.name == name.lstrip("/")] or \
                    [box for box in self._boxes.values() if name and box.id.startswith(name)]
            if len(found) == 1:
                return found[0]
        raise Refused(404, f"No such container: {name}")

    def snapshot(self):
        """Everything, for restore(): at a moment at which nothing is under way, no restart and no program's end."""
        with self.changed:
            return copy.deepcopy((self._boxes, self.ring))

    def restore(self, saved):
        """Puts everything back as it was, ids and StartedAt included; what was under way is void."""
        with self.changed:
            for box in self._boxes.values():
                box.run += 1
            self._boxes, self.ring = copy.deepcopy(saved)
            self.races = 0
            self.changed.notify_all()

    # -- the API's verbs -----------------------------------------------------------------------------------------------------------------

    def create(self, name, body):
        host = body.get("HostConfig") or {}
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", name):
            raise Refused(400, f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        wanted = host.get("RestartPolicy") or {}
        policy = self._checked(wanted.get("Name") or "no", wanted.get("MaximumRetryCount") or 0)
        if not self.modern and not wanted.get("Name"):
            policy = Policy("", 0)
        with self.changed:
            for box in self._boxes.values():
                if box.name == name:
                    raise Refused(409, f'Conflict. The container name "/{name}" is already in use by container "{box.id}". You have to remove '
                                       "(or rename) that container to be able to reuse that name.")
            box = Box(name, body.get("Cmd") or ["sleep", "1000000"], body.get("Labels") or {}, policy, body.get("StopTimeout"),
                      bool(host.get("AutoRemove")), not body.get("NetworkDisabled"))
            self._boxes[box.id] = box
            self._emit(box, "create")
        return {"Id": box.id, "Warnings": []}

    def update(self, name, body):
        wanted = body.get("RestartPolicy") or {}
        policy = Policy(wanted.get("Name") or "", wanted.get("MaximumRetryCount") or 0)
        if self.modern:
            self._checked(*policy)
        with self.changed:
            box = self.find(name)
            self._checked(*policy)
            if box.dead or box.removing:
                raise Refused(500, f'Cannot update container {box.id}: container is marked for removal and cannot be "update"')
            if policy.name and policy.name != "no" and box.auto_remove:
                raise Refused(409, f"Cannot update container {box.id}: Restart policy cannot be updated because AutoRemove is enabled for the "
                                   "container")
            if policy.name:
                box.manager.policy = policy
                if self.races and box.running and not box.restarting:
                    self.races -= 1
                    raise Refused(500, f"Cannot update container {box.id}: cannot update a stopped container: unknown")
                box.policy = policy
            self._emit(box, "update")
        return {"Warnings": None}

    def pause(self, name):
        with self.changed:
            box = self.find(name)
            if not box.running:
                raise Refused(409, self._not_running(box))
            if box.paused:
                raise Refused(409, f"Container {box.id} is already paused")
            if box.restarting:
                raise Refused(409, f"Container {box.id} is restarting, wait until the container is running")
            box.paused = True
            self._emit(box, "pause")

    def unpause(self, name):
        with self.changed:
            box = self.find(name)
            if not box.paused:
                raise Refused(500, f"Container {box.id} is not paused")
            box.paused = False
            self._emit(box, "unpause")

    def start(self, name):
        with self.changed:
            box = self.find(name)
            if box.paused:
                raise Refused(409, "cannot start a paused container, try unpause instead")
            if box.running:
                raise Refused(304)
            if box.dead or box.removing:
                raise Refused(409, "container is marked for removal and cannot be started")
            self._start_afresh(box)

    def stop(self, name, seconds=None):
        with self.changed:
            box = self.find(name)
            if not box.running:
                raise Refused(304)
            self._stop(box, seconds)

    def restart(self, name, seconds=None):
        with self.changed:
            box = self.find(name)
            if box.running:
                self._stop(box, seconds)
            self._start_afresh(box)
            self._emit(box, "restart")

    def kill(self, name, word=""):
        with self.changed:
            try:
                box = self.find(name)
            except Refused as error:
                raise Refused(404, f"{self._cannot_kill(name)}: {error.message}") from None
            number = self._signal_number(box, word)
            if not box.running:
                raise Refused(409, f"{self._cannot_kill(box.id)}: {self._not_running(box)}")
            if box.restarting:
                self._give_up(box)  # no event at all
            else:
                self._signal(box, number)

    def remove(self, name, force=False):
        with self.changed:
            box = self.find(name)
            if box.removing:
                raise Refused(409, f"removal of container {name} is already in progress")
            if box.running and not force:
                raise Refused(409, self._cannot_remove(box))
            if box.restarting:
                self._give_up(box)
            elif box.running:
                self._signal(box, signal.SIGKILL)
            self._destroy(box)

    # -- what happens to containers without anybody's asking -----------------------------------------------------------------------------------

    def end(self, name, code, oom=False):
        """The program ends by itself, or the host kills it. Docker did not ask for it: the restart policy decides."""
        with self.changed:
            box = self.find(name)
            if not box.running or box.restarting:
                raise AssertionError(f"{name} is {box.status}: no process to end")
            self._die(box, code, oom)

    def force_status(self, name, status):
        """`dead` and `removing` are states that nobody gets a real engine into on demand."""
        with self.changed:
            box = self.find(name)
            box.run += 1
            box.running = box.paused = box.restarting = False
            box.dead, box.removing, box.pid = status == "dead", status == "removing", 0
            self.changed.notify_all()

    def add_execs(self, name, count):
        """What `count` health checks leave in the event log: three entries each."""
        with self.changed:
            box = self.find(name)
            for _ in range(count):
                self.exec(box, "true")

    def exec(self, box, command):
        with self.changed:
            exec_id = secrets.token_hex(32)
            self._emit(box, f"exec_create: {command} ", execID=exec_id)
            self._emit(box, f"exec_start: {command} ", execID=exec_id)
            self._emit(box, "exec_die", execID=exec_id, exitCode="0")

    # -- how -------------------------------------------------------------------------------------------------------------------------------

    def _start_afresh(self, box):
        """By request, in contrast to a restart by the manager: counters begin again."""
        box.manager = RestartManager(box.policy)
        box.restart_count = 0
        self._start(box)

    def _start(self, box):
        self._network(box, "connect")
        if box.program.missing:
            box.exit_code = 127
            box.error = ("failed to create task for container: " if self.modern else "") + \
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: " \
                f'"{box.cmd[0]}": stat {box.cmd[0]}: no such file or directory: unknown'
            self._network(box, "disconnect")
            raise Refused(400, box.error)
        box.run += 1
        box.running, box.restarting = True, False
        box.pid = FAKE_PID + secrets.randbelow(1 << 20)
        box.exit_code, box.error, box.started_at = 0, "", rfc3339(time.time_ns())
        box.oom_killed = box.oom_killed and not self.modern
        self._emit(box, "start")
        self.changed.notify_all()
        if box.program.lasts is not None:
            self._clock.after(box.program.lasts, self._end_run, box, box.run, box.program.code)

    def _end_run(self, box, run, code):
        with self.changed:
            if box.run == run and box.paused:
                self._clock.after(0.05, self._end_run, box, run, code)  # frozen: it ends when it is thawed
            elif box.run == run:
                self._die(box, code)

    def _stop(self, box, seconds):
        if box.restarting:
            self._give_up(box)
            self._emit(box, "stop")
            return
        run, box.being_stopped = box.run, True
        self._signal(box, signal.SIGTERM)
        grace = seconds if seconds is not None else 10 if box.stop_timeout is None else box.stop_timeout
        if not self.changed.wait_for(lambda: box.run != run or self.closing, grace if grace >= 0 else None):
            self._signal(box, signal.SIGKILL)

    def _signal(self, box, number):
        """Any signal that comes through the API ends the restart manager's work, as long as the image names no STOPSIGNAL."""
        box.manager.cancelled = True
        self._emit(box, "kill", signal=str(int(number)))
        if number == signal.SIGKILL:
            self._die(box, 137)
            return
        if box.paused:
            box.paused = False
            self._emit(box, "unpause")
        if number == signal.SIGTERM and box.program.term_code is not None:
            if box.program.term_after:
                self._clock.after(box.program.term_after, self._end_run, box, box.run, box.program.term_code)
            else:
                self._die(box, box.program.term_code)

    def _die(self, box, code, oom=False):
        ran = (time.time_ns() - nanoseconds(box.started_at)) / 1e9
        wait = box.manager.wait_after(code, ran, *self.backoff)
        if oom:
            self._emit(box, "oom")
        box.oom_killed = oom
        box.run += 1
        box.paused, box.pid, box.exit_code, box.finished_at = False, 0, code, rfc3339(time.time_ns())
        box.running = box.restarting = wait is not None
        stopped, box.being_stopped = box.being_stopped, False
        steps = ["disconnect", "stop", "die"] if self.modern else ["die", "disconnect", "stop"]
        for step in steps:
            if step == "die":
                self._emit(box, "die", **({"execDuration": str(int(ran))} if self.modern else {}), exitCode=str(code))
            elif step == "disconnect":
                self._network(box, "disconnect")
            elif stopped:
                self._emit(box, "stop")
        if wait is not None:
            box.restart_count += 1
            self._clock.after(wait, self._restart, box, box.run)
        elif box.auto_remove:
            self._destroy(box)
        self.changed.notify_all()

    def _restart(self, box, run):
        """What the manager had decided at the exit: a change of policy in the meantime does not call it off."""
        with self.changed:
            if box.run == run and box.restarting:
                self._start(box)

    def _give_up(self, box):
        """Of a container that waits for its restart."""
        box.run += 1
        box.running = box.restarting = False
        self.changed.notify_all()

    def _destroy(self, box):
        if self._boxes.pop(box.id, None):
            self._emit(box, "destroy")
            self.changed.notify_all()

    # -- events ------------------------------------------------------------------------------------------------------------------------------

    def _emit(self, box, action, **attributes):
        legacy = {"status": action, "id": box.id, "from": "busybox"} if self.legacy_events else {}
        self._log(legacy, "container", action, box.id, {**box.labels, **attributes, "image": "busybox", "name": box.name})

    def _network(self, box, action):
        """These share the log: a crash and its restart are four entries, not two."""
        if box.network:
            self._log({}, "network", action, NONE_NETWORK, {"container": box.id, "name": "none", "type": "null"})

    def _log(self, legacy, kind, action, actor, attributes):
        with self.changed:
            self._last_event = max(time.time_ns(), self._last_event + 1)
            self.ring.append({**legacy, "Type": kind, "Action": action, "Actor": {"ID": actor, "Attributes": dict(sorted(attributes.items()))},
                              "scope": "local", "time": self._last_event // 10**9, "timeNano": self._last_event})
            self.changed.notify_all()

    # -- the words of each version ------------------------------------------------------------------------------------------------------------

    def _checked(self, name, retries):
        if name and name not in POLICIES:
            raise Refused(400, f"invalid restart policy: unknown policy '{name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
                          if self.modern else f"invalid restart policy '{name}'")
        if name and retries < 0:
            raise Refused(400, ("invalid restart policy: " if self.modern else "") + "maximum retry count cannot be negative")
        if name and retries and name != "on-failure":
            raise Refused(400, "invalid restart policy: maximum retry count can only be used with 'on-failure'" if self.modern else
                          f"maximum retry count cannot be used with restart policy '{name}'")
        return Policy(name, retries)

    def _signal_number(self, box, word):
        if not word:
            return signal.SIGKILL
        try:
            return signal.Signals(int(word)) if word.isdigit() else signal.Signals["SIG" + word.upper().removeprefix("SIG")]
        except (KeyError, ValueError):
            raise Refused(400, f"{self._cannot_kill(box.id)}: invalid signal: {word}" if self.modern else f"Invalid signal: {word}") from None

    def _cannot_kill(self, name):
        return f"{'cannot' if self.modern else 'Cannot'} kill container: {name}"

    def _not_running(self, box):
        return f"{'container' if self.modern else 'Container'} {box.id} is not running"

    def _cannot_remove(self, box):
        if self.modern:
            why = "paused and must be unpaused first" if box.paused else f"{box.status}: stop the container before removing or force remove"
            return f'cannot remove container "{box.id if self._shows_ids else "/" + box.name}": container is {why}'
        how = "Unpause and then stop" if box.paused else "Stop"
        return f"You cannot remove a {box.status} container {box.id}. {how} the container before attempting removal or force remove"
