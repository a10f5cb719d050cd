# SPDX-License-Identifier: MIT-0
"""From the region's disappearance to the verdict, for every way in which it can disappear."""
import concurrent.futures
import contextlib
import datetime
import time

from support.eins import Eins
from support.host import Host
from support.netns import Network
from support.region import MODES
from support.scripted_engine import ScriptedEngine

NETWORKS = ("lose_packets", "no_route", "link_down", "silent_dns", "no_dns")
AT_ONCE = 8  # most of them only wait
TIMEOUT = 10  # seconds, the default
BEGINS = "outage 1 begins"
SLOW = ("no_tls", "tls_silent", "drip")


def bench(table, certificates):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        # The slow ones first, and none beside what keeps a CPU busy.
        quiet = [mode for mode in MODES if not mode.startswith(("huge", "endless"))]
        stories = {name: pool.submit(_network, certificates, name) for name in NETWORKS}
        stories.update({mode: pool.submit(_region, certificates, mode) for mode in sorted(quiet, key=lambda mode: mode not in SLOW)})
        seconds = {name: story.result() for name, story in stories.items()}
    seconds.update({mode: _region(certificates, mode) for mode in MODES if mode not in seconds})
    gone = {name: value for name, value in seconds.items() if value is not None}
    table.section(f"From the region's disappearance to the verdict, timeout = {TIMEOUT} s, connect_timeout = {TIMEOUT // 2} s")
    for low, high, words in ((0, 1, "at once"), (1, TIMEOUT / 2 + 1, "connect_timeout"), (TIMEOUT / 2 + 1, 1e9, "timeout")):
        names = {name: value for name, value in gone.items() if low <= value < high}
        if names:
            worst = max(names.values())
            table.row(f"{words}: {', '.join(sorted(names))}", f"{min(names.values()):.2f} to {worst:.2f} s", f"{TIMEOUT} s",
                      round(worst, 1) <= TIMEOUT)
    table.row("no outage: " + ", ".join(sorted(set(seconds) - set(gone))), "")


def _region(certificates, mode):
    with Host(certificates) as host:
        host.before()
        return _verdict(host.eins, lambda: setattr(host.region, "mode", mode))


def _network(certificates, name):
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(ScriptedEngine())
        network = stack.enter_context(Network(certificates))
        eins = stack.enter_context(Eins(engine))
        eins.use_network(network)
        eins.check()
        return _verdict(eins, getattr(network, name))


def _verdict(eins, disappear):
    """Seconds, or None when there is no outage."""
    disappear()
    began = time.time()
    result = eins.check()
    moments = [log_time(line) for line in result.log if BEGINS in line]
    return moments[0] - began if moments else None


def log_time(line):
    """Of a line of the log, in seconds since the epoch."""
    return datetime.datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").timestamp()
