# SPDX-License-Identifier: MIT-0
"""Stand-ins for the ECS agent and for ecs-init, with the habits that matter to eins (FACTS.md, "The ECS agent and ecs-init")."""
import datetime
import threading
import time

from .api import ApiError
from .containers import LONG, POLITE
from .wait import wait_for

NAME = "ecs-agent"
POLITE_EXITS = (0, 5)  # after these ecs-init believes that it was meant to end


class Agent:
    """The container `ecs-agent`: no labels, no restart policy, exits 0 on SIGTERM. Its id changes whenever ecs-init makes a new one."""

    def __init__(self, engine, name=NAME, cmd=POLITE):
        self.engine = engine
        self.name = name
        self.cmd = cmd

    def create(self):
        """As ecs-init does: what has the name is removed by force first. Returns the new id; the container is not started yet."""
        self.engine.remove(self.name)
        return self.engine.create(self.name, self.cmd)

    def start(self):
        """Makes one and starts it. Returns its id."""
        agent_id = self.create()
        self.engine.start_container(agent_id)
        return agent_id

    @property
    def id(self):
        return self.engine.id(self.name)

    @property
    def status(self):
        """State.Status, or "gone"."""
        try:
            return self.engine.status(self.name)
        except ApiError as error:
            if error.status != 404:
                raise
            return "gone"

    def pause(self):
        self.engine.pause(self.name)

    def unpause(self):
        self.engine.unpause(self.name)

    def exec_storm(self, count=30):
        """Fills the engine's event log as health checks do: three or four events each (create, start, die)."""
        target = self.engine.run_plain("eins-storm")
        try:
            for _ in range(count):
                self.engine.exec(target, "true")
        finally:
            self.engine.remove(target)

    def wait_status(self, status, timeout=LONG):
        wait_for(lambda: self.status == status, timeout, lambda: f"the agent is {status}, not {self.status}")

    def wait_new(self, old_id, timeout=LONG):
        """Waits for a running agent that is not old_id. Returns its id."""
        def fresh():
            return self.status == "running" and self.id != old_id
        wait_for(fresh, timeout, lambda: f"a new agent runs (it is {self.status})")
        return self.id


class EcsInit:
    """ecs-init, as a thread: waits for the agent, and recreates it unless it exits politely.

    first_delay is the pause before the first new one; it doubles each time and is never reset, up to 15 s, as measured. It ends its loop,
    with ended_politely True, after an exit of 0 or 5; such an exit while the engine goes down is forgiven, because
    `PartOf=docker.service` brings ecs-init back with the engine. `exits` lists what the agents exited with, `ids` every agent that it made.
    """

    def __init__(self, agent, first_delay=0.5):
        self.agent = agent
        self.delay = first_delay
        self.ended_politely = False
        self.exits = []
        self.ids = []
        self.error = None
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ecs-init", daemon=True)

    def __enter__(self):
        self.ids.append(self.agent.id if self.agent.status == "running" else self.agent.start())
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()
        if self.agent.engine.up:
            self.agent.engine.remove(self.agent.name)

    def stop(self):
        """Stops looking after the agent, which stays as it is: a host without ecs-init."""
        self._leaving.set()
        self._thread.join()  # it is as patient as each of its requests is
        if self.error:
            raise self.error

    def _run(self):
        try:
            while not self._leaving.is_set():
                self._round()
        except Exception as error:  # shown by stop(): an exception in a thread would go unnoticed
            self.error = error

    def _round(self):
        """Once around the loop: wait for the end of the current agent, then decide."""
        end = self._wait_end(self.ids[-1])
        if end is None:
            return
        code, finished = end
        self.exits.append(code)
        if code in POLITE_EXITS and not any(start <= finished <= back for start, back in self.agent.engine.downtimes):
            self.ended_politely = True
            self._leaving.set()
            return
        if self._leaving.wait(self.delay):
            return
        self.delay = min(2 * self.delay, 15)
        self._make()

    def _make(self):
        """Makes the next agent as soon as the engine takes requests again."""
        while not self._leaving.wait(0.05):
            try:
                new_id = self.agent.create()
                self.ids.append(new_id)
                self.agent.engine.start_container(new_id)
                return
            except (OSError, ApiError):  # the engine is down, or somebody else is at this container: ecs-init tries again, too
                continue

    def _wait_end(self, agent_id):
        """(exit code, when) of that agent, with code -1 when it was removed; None when it is time to leave."""
        while not self._leaving.wait(0.05):
            try:
                state = self.agent.engine.inspect(agent_id)["State"]
            except ApiError as error:
                if error.status != 404:
                    raise
                return -1, time.time()
            except OSError:  # no engine: what became of the agent shows when there is one again
                continue
            if state["Status"] in ("exited", "dead"):
                return state["ExitCode"], datetime.datetime.fromisoformat(state["FinishedAt"]).timestamp()
        return None
