# SPDX-License-Identifier: MIT-0
"""Where there is no systemd: the entry for cron as it is installed, run by a real cron in a root of its own."""
import datetime
import os
import re
import subprocess

import pytest

from support.agent import Agent
from support.guest import Overlay
from support.region import Region
from support.scripted_engine import ScriptedEngine
from support.wait import wait_for

BUILD = os.getcwd()
ENTRY = "/etc/cron.d/ecs-eins"
LOG = "/var/log/eins/eins.log"
SYSTEMD = "/run/systemd/system"


@pytest.fixture(scope="module")
def root(certificates):
    """eins is installed there, nothing else is in cron's folders, and systemd does not run."""
    with Overlay() as root, ScriptedEngine(tcp=True) as engine, Region(certificates) as region:
        region.mode = "forbidden"
        Agent(engine).start()
        engine.run("web")
        for folder in ("/etc/cron.d", "/var/spool/cron/crontabs", "/run/systemd"):
            root.remove(folder)
            os.makedirs(root.path + folder)
        root.write("/etc/crontab", "")
        subprocess.run(["make", "-s", "-C", BUILD, "install", f"DESTDIR={root.path}"], check=True, capture_output=True)
        for folder in ("/var/lib/eins", "/var/log/eins"):
            os.makedirs(root.path + folder)
        root.write("/etc/eins/ca.pem", open(region.certificates.ca_file, encoding="ascii").read())
        root.write("/etc/eins/eins.conf", f"[region]\nendpoint = {region.url}\nca_file = /etc/eins/ca.pem\n"
                   f"[docker]\nhost = {engine.tcp_host}\n[log]\nlevel = DEBUG\n")
        root.mount_system()
        yield root


def checks(root):
    """When each check began, in seconds."""
    text = root.read(LOG) if root.exists(LOG) else ""
    moments = re.findall(r"^(\S+ \S+),(\d+) DEBUG PID_\d+ \[startup\]", text, re.MULTILINE)
    return [datetime.datetime.fromisoformat(moment).timestamp() + int(ms) / 1000 for moment, ms in moments]


def test_cron_runs_a_check_every_20_seconds(root):
    # A namespace of processes: what the entry has started, and now sleeps, ends with cron.
    with subprocess.Popen([*root.namespace, "unshare", "--pid", "--fork", "--kill-child", "chroot", root.inside, "cron", "-f"],
                          stdin=subprocess.DEVNULL) as cron:
        try:
            wait_for(lambda: len(checks(root)) >= 4, 150, lambda: f"four checks: {checks(root)}")
        finally:
            cron.kill()
    gaps = [later - earlier for earlier, later in zip(checks(root), checks(root)[1:])]
    assert all(17 < gap < 23 for gap in gaps), gaps
    assert " ERROR " not in root.read(LOG)


def test_where_systemd_runs_the_entry_does_nothing(root):
    commands = [line.split(None, 6)[6] for line in root.read(ENTRY).splitlines() if line.startswith("*")]
    assert len(commands) == 3
    os.makedirs(root.path + SYSTEMD)
    before = len(checks(root))
    for command in commands:
        done = subprocess.run([*root.namespace, "chroot", root.inside, "sh", "-c", command], timeout=15, check=False, capture_output=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(checks(root)) == before
    root.remove(SYSTEMD)
    subprocess.run([*root.namespace, "chroot", root.inside, "sh", "-c", commands[0]], timeout=15, check=True)
    assert len(checks(root)) == before + 1, "the commands themselves are good"
