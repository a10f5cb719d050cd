# SPDX-License-Identifier: MIT-0
"""A clock that was never set, or that jumps by years: an outage goes the way that it goes with a good one."""
import functools
import re
import subprocess
import time

import pytest

from support import scripted_faults as faults
from support.host import Host, all_at_once

CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static time_t shift(void) { return atoll(getenv("CLOCK_SHIFT")); }

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    int result;

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    result = real(clock, now);
    if (clock == CLOCK_REALTIME)
        now->tv_sec += shift();
    return result;
}

time_t time(time_t *ret_now)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_now != NULL)
        *ret_now = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret_now, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret_now = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}
"""
YEAR = 365 * 24 * 3600


@pytest.fixture(scope="session")
def clock(tmp_path_factory):
    """clock(seconds): variables with which a check's clock goes wrong by that much; clock(at=...): shows that time."""
    folder = tmp_path_factory.mktemp("clock")
    (folder / "clock.c").write_text(CLOCK)
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", folder / "clock.so", folder / "clock.c"], check=True)

    def wrong(seconds=0, at=None):
        shift = int(at - time.time()) if at is not None else int(seconds)
        return {"LD_PRELOAD": str(folder / "clock.so"), "CLOCK_SHIFT": str(shift), "ASAN_OPTIONS": "verify_asan_link_order=0"}
    return wrong


def jumps(certificates, clock, moments):
    """Before the outage, in it, and after its end. (The region's certificate is valid from 2020 to 2049: it is only looked at by a right clock.)"""
    with Host(certificates) as host:
        web, worker = host.engine.run("web"), host.engine.run("worker")
        begin, hold, relapse = ({} if years == 0 else clock(years * YEAR) for years in moments)
        host.before()
        host.eins.env = begin
        host.begin()
        host.eins.env = hold
        host.crash(worker)
        host.again()
        host.assert_disconnected([web, worker])
        shown = host.eins.check("--status", code=1).out
        assert re.match(r"DISCONNECTED for \d", shown), shown
        host.eins.env = {}
        host.end()
        host.assert_connected([web], gone=[worker])
        host.eins.env = relapse
        host.begin()
        host.eins.env = {}
        assert "rebuilt" not in host.end().log_text
        host.assert_connected([web])


MOMENTS = [(0, 10, 0), (10, 0, 10), (-10, -5, 0), (30, -20, 5), (100, 0, 0), (0, 0, -30)]  # years


def test_a_clock_that_jumps_by_years_between_checks_changes_nothing(certificates, clock):
    all_at_once({str(moments): functools.partial(jumps, certificates, clock, moments) for moments in MOMENTS})


def never_set(certificates, clock, at):
    with Host(certificates) as host:
        web, worker = host.engine.run("web"), host.engine.run("worker")
        host.eins.env = clock(at=at)
        host.begin()
        host.again()
        host.assert_disconnected([web, worker])
        host.crash(worker)
        host.eins.env = {}
        assert "rebuilt" not in host.end().log_text
        host.assert_connected([web], gone=[worker])


def test_an_outage_with_a_clock_that_was_never_set_ends_like_any_other(certificates, clock):
    all_at_once({str(at): functools.partial(never_set, certificates, clock, at) for at in (0, 5, 1 << 31, 1 << 32)})


def test_a_clock_that_was_set_back_does_not_hide_that_the_agent_lost_events(certificates):
    """Docker is asked for what happened until now, and by that clock all of it is still to come."""
    with Host(certificates) as host:
        web, worker = host.engine.run("web"), host.engine.run("worker")
        host.before()
        host.begin()
        host.crash(worker)
        host.engine.fault("GET /events", faults.reply(200), times=None)
        host.end()
        assert host.engine.matching("POST /containers/ecs-agent/kill"), "only a fresh agent looks at everything"
        host.assert_connected([web], gone=[worker])
