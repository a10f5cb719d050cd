# SPDX-License-Identifier: MIT-0
"""What a check costs by the number of containers."""
import concurrent.futures
import os

from idle import eins_command
from measure import compare
from support.engine import Engine
from support.host import Host

SCRIPTED = (1, 10, 100, 300)
REAL = (1, 10, 100)
STEPS = list(zip(SCRIPTED, SCRIPTED[1:]))
ROUNDS = 5
GROWTH = 1.3  # what is linear takes no more for the last container than for the first
COUNTED = ", M instructions"


def bench(table, certificates):
    rows = {count: _scripted(certificates, count) for count in SCRIPTED}
    _show(table, "scripted engine", rows)
    table.section("Instructions for one container more, in thousands: between " + ", ".join(f"{low} and {high}" for low, high in STEPS))
    for what in ("idle connected", "idle disconnected", "reading the state"):
        steps = [(rows[high][what + COUNTED] - rows[low][what + COUNTED]) / (high - low) * 1e3 for low, high in STEPS]
        table.row(what, ", ".join(f"{step:.0f}" for step in steps), f"no more than {GROWTH} times as many", steps[-1] <= GROWTH * steps[-2])
    with Engine(root=os.environ.get("EINS_ENGINE_ROOT", "")) as engine, Host(certificates, engine=engine, timeout=30) as host:
        _show(table, f"Docker {engine.api.get('/version')['Version']}", _real(host))


def _show(table, engine, rows):
    cells = [[what, *(_figures(rows[count][what]) for count in rows)] for what in rows[min(rows)]]
    table.grid(f"By the number of containers, {engine}", ["", *map(str, rows)], cells)


def _figures(value):
    """Three of them, and no exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def _real(host):
    _quiet(host)
    rows, made = {}, 0
    for count in REAL:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(host.engine.run, [f"web{i}" for i in range(made, count)]))
        made = count
        host.before()
        rows[count] = _transitions(host)
    return rows


def _quiet(host):
    host.eins.conf["log"]["level"] = "INFO"


def _scripted(certificates, count):
    with Host(certificates, timeout=60) as host:
        _quiet(host)
        for i in range(count):
            host.engine.run(f"web{i}")
        host.before()
        return _transitions(host, instructions=True)


def _transitions(host, instructions=False):
    """Idle and connected, into an outage, idle in it, out of it. Returns what was measured, by name."""
    found = {}
    _idle(host, "connected", found, instructions)
    found["into an outage, s"] = host.begin().seconds
    host.again()
    _idle(host, "disconnected", found, instructions)
    if instructions:
        found["state file, kB"] = os.path.getsize(host.eins.state_file) / 1000
    found["out of it, s"] = host.end().seconds
    return found


def _idle(host, phase, found, instructions):
    command = eins_command(host)
    found[f"idle {phase}, CPU ms"] = compare({"eins": command}, ROUNDS)["eins"] * 1e3
    found[f"idle {phase}, s"] = sorted(host.again().seconds for _ in range(3))[1]
    if instructions:
        found[f"idle {phase}, peak MiB"] = command.peak() / 2**20
        total, load = command.instructions("state_load")
        found[f"idle {phase}{COUNTED}"] = total / 1e6
        if phase == "disconnected":
            found["reading the state" + COUNTED] = load / 1e6
