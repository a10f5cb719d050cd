# SPDX-License-Identifier: MIT-0
"""Into an outage and out of it: how soon the agent is paused, how long a takeover and a recovery last."""
import concurrent.futures
import http.client
import json
import os
import queue
import socket
import statistics
import time

from support.containers import DEAF, LABEL
from support.engine import Engine
from support.host import Host
from verdicts import log_time

PAUSE_GOAL = 0.050  # seconds
TAKEOVER_GOAL = 1.2
PARALLEL = 8
STOP_TIMEOUT = 10  # seconds, Docker's default; that of ECS is 30
RECOVERY_GOAL = 1.1  # stop timeouts
REPEATS = 5
VERDICT = "Docker takes over from ECS"


def bench(table, certificates):
    table.section("Into an outage")
    for count in (1, 50, 300):
        with Host(certificates, timeout=30) as host:
            for i in range(count):
                host.engine.run(f"web{i}")
            host.before()
            delays = [_pause_delay(host) for _ in range(3)]
        table.row(f"from the verdict to the agent's pause, {count} containers, scripted engine",
                  f"{statistics.median(delays) * 1e3:.0f} ms", f"{PAUSE_GOAL * 1e3:.0f} ms", statistics.median(delays) <= PAUSE_GOAL)
    with Engine(root=os.environ.get("EINS_ENGINE_ROOT", "")) as engine, Host(certificates, engine=engine, timeout=30) as host:
        _takeover(table, host)
        engine.remove_all()
        host.agent.start()
        _recovery(table, host)


def _pause_delay(host):
    host.engine.forget()
    to_epoch = time.time() - time.monotonic()
    result = host.begin()
    (verdict,) = [log_time(line) for line in result.log if VERDICT in line]
    pause = host.engine.matching("/pause$")[0].began + to_epoch
    host.end()
    return pause - verdict


# -- 50 containers ------------------------------------------------------------------------------------------------------------------------


def _takeover(table, host, count=50):
    host.eins.conf["docker"]["parallel"] = PARALLEL
    host.eins.conf["log"]["level"] = "INFO"
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(host.engine.run, [f"web{i}" for i in range(count)]))
    host.before()
    ours, theirs = [], []
    for i in range(REPEATS):
        for by_hand in (False, True) if i % 2 else (True, False):
            if by_hand:
                with Client(host.engine.socket, PARALLEL) as client:
                    theirs.append(client.take_over())
                    client.give_back()
            else:
                ours.append(host.begin().seconds)
                host.end()
    ratio = statistics.median(ours) / statistics.median(theirs)
    version = host.engine.api.get("/version")["Version"]
    table.row(f"{count} containers taken over with parallel = {PARALLEL}, Docker {version}: the whole check", f"{statistics.median(ours):.2f} s")
    table.row(f"against a client by hand, {PARALLEL} connections, requests alone ({statistics.median(theirs):.2f} s)", f"{ratio:.2f} times",
              f"{TAKEOVER_GOAL}", ratio <= TAKEOVER_GOAL)


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker", timeout=60)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


class Client:
    """Does to Docker what a takeover does, as directly as can be: connections kept alive, no plan, no state."""

    def __init__(self, path, connections):
        self._idle = queue.SimpleQueue()
        for _ in range(connections):
            self._idle.put(_Connection(path))
        self._pool = concurrent.futures.ThreadPoolExecutor(connections)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._pool.shutdown()
        while not self._idle.empty():
            self._idle.get().close()

    def take_over(self):
        """Returns seconds."""
        began = time.monotonic()
        self._ask("GET", "/_ping")
        self._list()
        self._ask("POST", "/containers/ecs-agent/pause")
        self._ids = self._list()
        self._all("GET", "/json")
        self._all("POST", "/update", "on-failure")
        return time.monotonic() - began

    def replace(self):
        """Stops and removes all. Returns seconds."""
        began = time.monotonic()
        self._ids = self._list()
        self._all("POST", "/update", "no")
        self._all("POST", "/stop")
        self._all("DELETE", "?v=1")
        return time.monotonic() - began

    def give_back(self):
        self._all("POST", "/update", "no")
        self._ask("POST", "/containers/ecs-agent/unpause")

    def _list(self):
        return [entry["Id"] for entry in json.loads(self._ask("GET", "/containers/json?all=1")) if LABEL + "cluster" in entry["Labels"]]

    def _all(self, method, action, policy=None):
        body = policy and json.dumps({"RestartPolicy": {"Name": policy, "MaximumRetryCount": 0}})
        list(self._pool.map(lambda one: self._ask(method, f"/containers/{one}{action}", body), self._ids))

    def _ask(self, method, path, body=None):
        connection = self._idle.get()
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            reply = connection.getresponse()
            text = reply.read()
        finally:
            self._idle.put(connection)
        if reply.status >= 300:
            raise RuntimeError(f"{method} {path}: {reply.status} {text!r}")
        return text


# -- 20 that ignore SIGTERM ---------------------------------------------------------------------------------------------------------------


def _recovery(table, host, count=20):
    names = [host.engine.run(f"deaf{i}", DEAF, stop_timeout=STOP_TIMEOUT) for i in range(count)]
    host.before()
    host.begin()
    before = {name: host.engine.seen(name) for name in names}
    for name in names:
        host.engine.crash(name)
    for name in names:
        host.engine.wait_restarted(name, before[name])
    since = time.time()
    result = host.end()
    assert not [name for name in names if host.engine.exists(name)], result
    events = _events(host.engine, since, time.time())
    first_stop = min(when for when, action, _ in events if action == "kill")
    last_removal = max(when for when, action, _ in events if action == "destroy")
    (unpaused,) = [when for when, action, name in events if action == "unpause" and name == "ecs-agent"]
    for i in range(count):
        host.engine.run(f"deaf{i}", DEAF, stop_timeout=STOP_TIMEOUT)
    with Client(host.engine.socket, count) as client:
        by_hand = client.replace()
    table.section(f"Out of an outage, {count} restarted containers that ignore SIGTERM, stop timeout {STOP_TIMEOUT} s")
    table.row("the whole check", f"{result.seconds:.2f} s", f"{STOP_TIMEOUT * RECOVERY_GOAL:.1f} s", result.seconds <= RECOVERY_GOAL * STOP_TIMEOUT)
    table.row(f"against a client by hand, all at once: policies back, stop, remove ({by_hand:.2f} s)", f"{result.seconds / by_hand:.2f} times")
    table.row("from its begin to the first SIGTERM, to the last removal", f"{first_stop - since:.2f}, {last_removal - since:.2f} s")
    table.row("from the last removal to the agent's unpause", f"{(unpaused - last_removal) * 1e3:.0f} ms")
    table.row("from the stop timeout's end to the agent's unpause", f"{unpaused - first_stop - STOP_TIMEOUT:.2f} s")


def _events(engine, since, until):
    """(seconds since the epoch, action, container's name)"""
    status, text = engine.api.raw("GET", "/events", query={"since": f"{since:.6f}", "until": f"{until:.6f}"})
    assert status == 200, text
    events = [json.loads(line) for line in text.splitlines()]
    return [(event["timeNano"] / 1e9, event["Action"], event["Actor"]["Attributes"].get("name")) for event in events]
