# SPDX-License-Identifier: MIT-0
"""The engine's event log: what was done to containers, and in which order."""
import collections
import decimal
import json
import time

RING = 256  # entries that the log holds

Event = collections.namedtuple("Event", "action name signal time")  # time: seconds since the epoch


def events(engine, since):
    """The container events from `since` (seconds since the epoch) until now, the oldest first."""
    return [_event(entry) for entry in _entries(engine, since) if entry["Type"] == "container"]


def moment_after(engine):
    """A moment of the engine's own clock, just after everything that the log holds. Exact: a float is too coarse for it by 200 ns."""
    latest = max((entry["timeNano"] for entry in _entries(engine, 1)), default=10**9)
    return decimal.Decimal(latest + 1) / 10**9


def _entries(engine, since):
    status, text = engine.api.raw("GET", "/events", query={"since": f"{since:.9f}", "until": f"{time.time():.9f}"})
    assert status == 200, text
    return [json.loads(line) for line in text.splitlines()]


def _event(entry):
    attributes = entry["Actor"]["Attributes"]
    return Event(entry["Action"], attributes["name"], int(attributes.get("signal", 0)), entry["timeNano"] / 1e9)


def flood(engine, count=300):
    """Fills the log as health checks do, each of which is an exec; the container that they are made in is gone afterwards."""
    target = engine.run_plain("eins-flood")
    for _ in range(count):
        engine.api.post(f"/containers/{target}/exec", {"Cmd": ["true"]})
    engine.remove(target)
