# SPDX-License-Identifier: MIT-0
"""An uneventful check, which is nearly all that a host ever sees of eins: CPU, memory, requests, writes."""
import os

from support.host import Host
from measure import Command, compare, system_certificates, trusted_by_system

CONTAINERS = 10
ROUNDS = 30
CHECKS_A_DAY = 24 * 3600 // 20
PEAK = 10 << 20  # bytes
AGAINST = (("bare", "a bare program with libcurl", 1.15), ("sockets", "a bare program with OpenSSL and sockets", 1.15),
           ("curl", "the curl command, which asks the region alone", 1))


def bench(table, certificates):
    with Host(certificates) as host:
        host.eins.conf["log"]["level"] = "INFO"
        for i in range(CONTAINERS):
            host.engine.run(f"web{i}")
        host.before()
        _cost(table, host, certificates.ca_file)
        with trusted_by_system(certificates.ca_file):
            host.eins.conf["region"]["ca_file"] = None
            host.before()
            _cost(table, host, "")
        host.eins.conf["region"]["ca_file"] = certificates.ca_file
        _requests(table, host, "connected", 2)
        _writes(table, host, "connected")
        host.begin()
        host.again()
        _requests(table, host, "disconnected", 2 + CONTAINERS)
        _writes(table, host, "disconnected")


def eins_command(host):
    return Command(*host.eins.command(), env=host.eins.environment())


def _cost(table, host, ca_file):
    """ca_file is empty for the system's store."""
    store = "ca_file of one certificate" if ca_file else f"the system's {system_certificates()} certificates"
    bare = os.path.join(os.environ["EINS_BUILD"], "bare")
    curl = ["curl", "--silent", "--output", "/dev/null", *(["--cacert", ca_file] if ca_file else []), host.region.url]
    commands = {
        "eins": eins_command(host),
        "bare": Command(bare, "curl", host.region.url, ca_file, host.engine.socket),
        "sockets": Command(bare, "sockets", host.region.url, ca_file, host.engine.socket),
        "curl": Command(*curl),
    }
    cpu = compare(commands, ROUNDS)
    instructions = {name: command.instructions() for name, command in commands.items()}
    peaks = {name: command.peak() for name, command in commands.items()}
    table.section(f"Idle connected check of {CONTAINERS} containers, {store}")
    table.row("CPU, user and system", f"{cpu['eins'] * 1e3:.1f} ms")
    for name, what, goal in AGAINST:
        ratio = cpu["eins"] / cpu[name]
        table.row(f"CPU against {what} ({cpu[name] * 1e3:.1f} ms)", f"{ratio:.2f} times", f"{goal} times" if goal > 1 else "less", ratio < goal)
    table.row("instructions in user mode", f"{instructions['eins'] / 1e6:.1f} M")
    for name, what, _ in AGAINST:
        table.row(f"instructions against {what} ({instructions[name] / 1e6:.1f} M)", f"{instructions['eins'] / instructions[name]:.2f} times")
    table.row("peak memory, shared libraries included", f"{peaks['eins'] / 2**20:.1f} MiB", f"{PEAK >> 20} MiB", peaks["eins"] <= PEAK)
    for name, what, _ in AGAINST:
        table.row(f"peak memory against {what} ({peaks[name] / 2**20:.1f} MiB)", f"{peaks['eins'] / peaks[name]:.2f} times")
    floor = Command(bare, "nothing").peak()
    table.row(f"peak memory over that of a program that links the same libraries and does nothing ({floor / 2**20:.1f} MiB)",
              f"{(peaks['eins'] - floor) / 2**20:.1f} MiB")


def _requests(table, host, phase, goal):
    host.engine.forget()
    host.again()
    count = len(host.engine.requests)
    if phase == "connected":
        table.section("Requests and writes of an uneventful check")
    table.row(f"requests to Docker, {phase}, {CONTAINERS} containers", f"{count}", f"{goal}", count <= goal)


def _writes(table, host, phase):
    calls = eins_command(host).writes(host.eins.folder)
    written = sum(size for _, size in calls)
    names = ", ".join(name for name, _ in calls)
    table.row(f"written, {phase} ({names})", f"{written} bytes", "an mtime", calls == [("utimensat", 0)])
    table.row(f"written a day at a check every 20 s, {phase}", f"{written * CHECKS_A_DAY / 1000:.1f} kB in {len(calls) * CHECKS_A_DAY} calls")
