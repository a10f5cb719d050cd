# SPDX-License-Identifier: MIT-0
"""What runs inside an engine: task containers as ECS makes them, looked at and disturbed as a host disturbs them."""
import collections
import concurrent.futures
import os
import secrets
import signal

from . import image
from .api import ApiError
from .wait import wait_for

# Programs by how they take SIGTERM: see the table in FACTS.md, "Daemon restart and reboot".
POLITE = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait $!"]
EXIT_143 = ["sh", "-c", "trap 'exit 143' TERM; sleep 1000000 & wait $!"]
DEAF = ["sleep", "1000000"]  # as process 1 it has no handler: only SIGKILL ends it
FAILING = ["sh", "-c", "exit 3"]  # at once, every time
FRAGILE = ["sh", "-c", "[ -e /tmp/broken ] && exit 1; exec sleep 1000000"]  # see Containers.crash_loop

LABEL = "com.amazonaws.ecs."

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
        try:
            self.inspect(name)
            return True
        except ApiError as error:
            if error.status == 404:
                return False
            raise

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

    # -- doing ---------------------------------------------------------------------------------------------------------

    def start_container(self, name):
        self.api.post(f"/containers/{name}/start")

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
        return self.api.get(f"/exec/{exec_id}/json")["ExitCode"], output.decode("utf-8", "replace")

    def crash(self, name):
        """The program dies as in a segmentation fault or out of memory: SIGKILL from the host, which Docker did not ask for. Returns when
        Docker has noticed."""
        before = self.inspect(name)["State"]
        if not before["Pid"]:
            raise AssertionError(f"{name} does not run: {before}")
        os.kill(before["Pid"], signal.SIGKILL)

        def noticed():
            now = self.inspect(name)["State"]
            return now["Pid"] != before["Pid"] or now["Status"] != before["Status"]
        wait_for(noticed, 20, f"the engine notices that {name} has crashed")

    def crash_and_restart(self, name):
        """A crash after which Docker starts it again. Returns when it runs."""
        before = self.seen(name)
        self.crash(name)
        self.wait_restarted(name, before)

    def finish(self, name):
        """The program ends by itself, in the way in which it takes SIGTERM, without Docker being asked. Returns when it is down."""
        def asked():
            if self.status(name) == "exited":
                return True
            try:
                self.exec(name, "kill", "-TERM", "1")  # again and again: its shell may not have set its trap yet
            except ApiError as error:
                if error.status not in (404, 409, 500):  # it has ended in the meantime, in one of several ways to say so
                    raise
            return self.status(name) == "exited"
        wait_for(asked, 60, lambda: f"{name} has ended by itself: {self.inspect(name)['State']}", 0.2)

    def wait_status(self, name, status, timeout=20):
        wait_for(lambda: self.status(name) == status, timeout, lambda: f"{name} is {status}: {self.inspect(name)['State']}")

    def crash_loop(self, name):
        """Makes a FRAGILE one, which Docker restarts, fail again and again from now on. Returns when it is in backoff, for 1.6 s or more."""
        self.exec(name, "touch", "/tmp/broken")
        self.crash(name)
        self.wait_backoff(name)

    def wait_backoff(self, name, restarts=4, timeout=20):
        """Waits until it has been restarted so often and waits for the next time."""
        def backs_off():
            return self.seen(name).restart_count >= restarts and self.status(name) == "restarting"
        wait_for(backs_off, timeout, lambda: f"{name} is in backoff: {self.inspect(name)['State']}")

    def wait_restarted(self, name, since, timeout=20):
        """Waits until it runs with another StartedAt than `since` (a Seen): backoff is over."""
        def restarted():
            now = self.seen(name)
            return now.status == "running" and now.started_at != since.started_at
        wait_for(restarted, timeout, lambda: f"{name} is running again: {self.inspect(name)['State']}")

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
        for volume in self.api.get("/volumes")["Volumes"] or ():
            self.api.delete("/volumes/" + volume["Name"], force=1)
