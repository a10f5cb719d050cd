# SPDX-License-Identifier: MIT-0
"""What runs inside an engine: task containers as ECS makes them, looked at and disturbed as a host disturbs them."""
import collections
import concurrent.futures
import os
import secrets
import signal

from . import image, processes
from .api import ApiError
from .wait import wait_for

# Programs by how they take SIGTERM: see the table in FACTS.md, "Daemon restart and reboot".
POLITE = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait $!"]
EXIT_143 = ["sh", "-c", "trap 'exit 143' TERM; sleep 1000000 & wait $!"]
DEAF = ["sleep", "1000000"]  # as process 1 it has no handler: only SIGKILL ends it
FAILING = ["sh", "-c", "exit 3"]  # at once, every time
FRAGILE = ["sh", "-c", "[ -e /tmp/broken ] && exit 1; exec sleep 1000000"]  # see Containers.crash_loop

LABEL = "com.amazonaws.ecs."
LONG = 60  # seconds; a bound, for a machine that stands still for a while

Seen = collections.namedtuple("Seen", "id status policy retries started_at restart_count")


def ecs_labels(name, family="demo", revision=1):
    """The labels that the ECS agent gives every container of a task (FACTS.md, "The ECS agent and ecs-init")."""
    return {
        LABEL + "cluster": "test",
        LABEL + "container-name": name,
        LABEL + "task-arn": "arn:aws:ecs:eu-central-1:123456789012:task/test/" + secrets.token_hex(16),
        LABEL + "task-definition-family": family,
        LABEL + "task-definition-version": str(revision),
    }


class Containers:
    """Containers of one engine. They are named by name or id; everything raises ApiError as the engine's answer demands."""

    def __init__(self, api):
        self.api = api

    # -- making --------------------------------------------------------------------------------------------------------

    def run(self, name, cmd=POLITE, labels=None, policy="", retries=0, stop_timeout=None, host_config=None):
        """Creates and starts a task container. Returns its full name: ecs-demo-1-NAME-HEX. labels are added to those of ECS."""
        full = f"ecs-demo-1-{name}-{secrets.token_hex(10)}"
        return self.run_plain(full, cmd, {**ecs_labels(name), **(labels or {})}, policy, retries, stop_timeout, host_config)

    def run_plain(self, name, cmd=POLITE, labels=None, policy="", retries=0, stop_timeout=None, host_config=None):
        """Creates and starts a container with exactly this name and these labels: one that is not ECS's. Returns the name."""
        self.create(name, cmd, labels, policy, retries, stop_timeout, host_config)
        self.start_container(name)
        return name

    def create(self, name, cmd=POLITE, labels=None, policy="", retries=0, stop_timeout=None, host_config=None):
        """Returns the id. stop_timeout in seconds; a test should not wait the engine's own 10 s for DEAF without a reason."""
        body = {
            "Image": image.NAME, "Cmd": cmd, "Labels": labels or {}, "NetworkDisabled": True,
            "HostConfig": {"NetworkMode": "none", "RestartPolicy": {"Name": policy, "MaximumRetryCount": retries}, **(host_config or {})},
        }
        if stop_timeout is not None:
            body["StopTimeout"] = stop_timeout
        return self.api.post("/containers/create", body, name=name)["Id"]

    # -- looking -------------------------------------------------------------------------------------------------------

    def inspect(self, name):
        return self.api.get(f"/containers/{name}/json")

    def exists(self, name):
        return self._facts(name) is not None

    def id(self, name):
        return self.inspect(name)["Id"]

    def status(self, name):
        return self.inspect(name)["State"]["Status"]

    def exit_code(self, name):
        return self.inspect(name)["State"]["ExitCode"]

    def policy(self, name):
        """(name, retries). The empty name of engines before 25 is "no" (FACTS.md)."""
        policy = self.inspect(name)["HostConfig"]["RestartPolicy"]
        return policy["Name"] or "no", policy["MaximumRetryCount"]

    def seen(self, name):
        """What a check may change of a container, and what tells whether it was restarted."""
        facts = self.inspect(name)
        policy = facts["HostConfig"]["RestartPolicy"]
        return Seen(facts["Id"], facts["State"]["Status"], policy["Name"] or "no", policy["MaximumRetryCount"],
                    facts["State"]["StartedAt"], facts["RestartCount"])

    def view(self):
        """Every container as name -> Seen: equal before and after means that nothing was touched."""
        found = {}
        for name in self.names():
            try:
                found[name] = self.seen(name)
            except ApiError as error:
                if error.status != 404:  # it has gone since the list
                    raise
        return found

    def names(self):
        """One that is on its way out is listed for a moment without its name: it counts as gone."""
        return sorted(entry["Names"][0].lstrip("/") for entry in self.api.get("/containers/json", all=1) if entry["Names"])

    def _facts(self, name):
        """What an inspection shows; None when it is gone."""
        try:
            return self.inspect(name)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    def _state(self, name):
        facts = self._facts(name)
        return facts and facts["State"]

    # -- doing ---------------------------------------------------------------------------------------------------------

    def start_container(self, name):
        """Returns when it hears what it has a handler for. Where a machine stands still at the wrong moment, containerd loses the shim that it is
        just starting, and Docker says so: then once more."""
        def started():
            try:
                self.api.post(f"/containers/{name}/start")
            except ApiError as error:
                if error.status != 500 or "shim" not in error.message or "OCI runtime" in error.message:
                    raise
                return False
            return True
        wait_for(started, LONG, f"{name} is started")
        self.wait_hears(name)

    def stop_container(self, name):
        """As a person does with `docker stop`."""
        self.api.post(f"/containers/{name}/stop")

    def kill_container(self, name):
        """As a person does with `docker kill`. Returns when it is down."""
        self.api.post(f"/containers/{name}/kill")
        self.wait_status(name, "exited")

    def remove(self, name):
        """Removes it with its anonymous volumes, whatever its state. One that is gone, or going, is fine."""
        try:
            self.api.delete(f"/containers/{name}", force=1, v=1)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    def pause(self, name):
        self.api.post(f"/containers/{name}/pause")

    def unpause(self, name):
        self.api.post(f"/containers/{name}/unpause")
        self.settle(name)

    def set_policy(self, name, policy, retries=0):
        """As a person does with `docker update`."""
        self.api.post(f"/containers/{name}/update", {"RestartPolicy": {"Name": policy, "MaximumRetryCount": retries}})

    def exec(self, name, *cmd):
        """Runs a command inside. Returns (exit code, output)."""
        body = {"Cmd": list(cmd), "AttachStdout": True, "AttachStderr": True, "Tty": True}
        exec_id = self.api.post(f"/containers/{name}/exec", body)["Id"]
        status, output = self.api.raw("POST", f"/exec/{exec_id}/start", '{"Detach": false, "Tty": true}', "application/json")
        if status != 200:
            raise ApiError("POST", "/exec/start", status, output.decode("utf-8", "replace"))

        def ended():
            """Its output ends a moment before Docker has heard of its own end."""
            facts = self.api.get(f"/exec/{exec_id}/json")
            return not facts["Running"] and facts
        return wait_for(ended, LONG, f"{cmd} has ended in {name}")["ExitCode"], output.decode("utf-8", "replace")

    def crash(self, name):
        """The program dies as in a segmentation fault or out of memory: SIGKILL from the host, which Docker did not ask for. Returns when
        Docker has noticed."""
        before = self._running(name)
        os.kill(before["Pid"], signal.SIGKILL)

        def noticed():
            now = self.inspect(name)["State"]
            return now["Pid"] != before["Pid"] or now["Status"] != before["Status"]
        wait_for(noticed, LONG, f"the engine notices that {name} has crashed")

    def crash_and_restart(self, name):
        """A crash after which Docker starts it again. Returns when it runs."""
        before = self.seen(name)
        self.crash(name)
        self.wait_restarted(name, before)

    def terminate(self, name):
        """The program ends by itself, in the way in which it takes SIGTERM: from the host, so that Docker was not asked. Not by an exec in it,
        of which nothing may be left to ask for when the container is down first."""
        os.kill(self._running(name)["Pid"], signal.SIGTERM)

    def finish(self, name):
        """As terminate(); returns when it is down."""
        self.terminate(name)
        self.wait_status(name, "exited")

    def _running(self, name):
        """The state of one that has a process."""
        state = self.inspect(name)["State"]
        if not state["Pid"]:
            raise AssertionError(f"{name} does not run: {state}")
        return state

    # -- waiting -------------------------------------------------------------------------------------------------------

    def wait_hears(self, name):
        """Waits until a program that has its own way to take SIGTERM has come as far as to its trap: as process 1 it is deaf until then."""
        def hears():
            state = self._state(name)
            return not state or not state["Pid"] or processes.hears(state["Pid"], signal.SIGTERM)
        facts = self._facts(name)
        if facts and " TERM" in " ".join(facts["Config"]["Cmd"] or ()):
            wait_for(hears, LONG, f"{name} hears SIGTERM")

    def settle(self, name):
        """Waits until Docker has heard all that containerd had to tell of this container's pauses.

        It hears of each once more after it has answered the request. Where that comes late, one that was unpaused in the meantime is shown as
        paused again, for a moment. What containerd tells of one container comes in order: after an exec that has ended nothing older comes.
        """
        def told():
            state = self._state(name)
            if not state or state["Status"] not in ("running", "paused") or not processes.alive(state["Pid"]):
                return True
            if processes.frozen(state["Pid"]) or state["Status"] == "paused":
                return processes.frozen(state["Pid"]) and state["Status"] == "paused"
            try:
                self.exec(name, "true")
            except ApiError as error:
                if error.status not in (404, 409):
                    raise
                return False
            return True
        wait_for(told, LONG, lambda: f"Docker knows whether {name} is paused: {self._state(name)}")

    def wait_status(self, name, status, timeout=LONG):
        wait_for(lambda: self.status(name) == status, timeout, lambda: f"{name} is {status}: {self.inspect(name)['State']}")

    def crash_loop(self, name):
        """Makes a FRAGILE one, which Docker restarts, fail again and again from now on. Returns when it is in backoff, for 3.2 s or more."""
        self.exec(name, "touch", "/tmp/broken")
        self.crash(name)
        self.wait_backoff(name)

    def wait_backoff(self, name, restarts=6, timeout=LONG):
        """Waits until it has been restarted so often and waits for the next time."""
        def backs_off():
            return self.seen(name).restart_count >= restarts and self.status(name) == "restarting"
        wait_for(backs_off, timeout, lambda: f"{name} is in backoff: {self.inspect(name)['State']}")

    def wait_restarted(self, name, since, timeout=LONG):
        """Waits until it runs with another StartedAt than `since` (a Seen), and hears SIGTERM if it ever does: backoff is over."""
        def restarted():
            now = self.seen(name)
            return now.status == "running" and now.started_at != since.started_at
        wait_for(restarted, timeout, lambda: f"{name} is running again: {self.inspect(name)['State']}")
        self.wait_hears(name)

    def remove_all(self, timeout=60):
        """An empty engine: containers and volumes."""
        refusals = []

        def remove(container_id):
            try:
                self.remove(container_id)
            except ApiError as error:  # "did not receive an exit event", "device or resource busy": a busy machine's; it is tried again
                refusals.append(str(error))

        def sweep():
            ids = [entry["Id"] for entry in self.api.get("/containers/json", all=1)]
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(remove, ids))
            return not self.api.get("/containers/json", all=1)
        wait_for(sweep, timeout, lambda: f"all containers are removed: {self.names()} {refusals[-3:]}")
        wait_for(self._no_volumes, timeout, "all volumes are removed")

    def _no_volumes(self):
        """One that whoever removes its container has not let go of yet is in use."""
        for volume in self.api.get("/volumes")["Volumes"] or ():
            try:
                self.api.delete("/volumes/" + volume["Name"], force=1)
            except ApiError as error:
                if error.status not in (404, 409):
                    raise
        return not self.api.get("/volumes")["Volumes"]
