# SPDX-License-Identifier: MIT-0
"""Where there is no systemd: the entry for cron as it is installed, run by a real cron in a root of its own."""
import datetime
import os
import re
import subprocess

import pytest

from support.agent import Agent
from support.eins import PATIENT
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
                   + "".join(f"{key} = {value}\n" for key, value in PATIENT.items()) +
                   f"[docker]\nhost = {engine.tcp_host}\n[log]\nlevel = DEBUG\n")
        root.mount_system()
        yield root


def checks(root):
    """When each check began, in seconds."""
    text = root.read(LOG) if root.exists(LOG) else ""
    moments = re.findall(r"^(\S+ \S+),(\d+) DEBUG PID_\d+ \[startup\]", text, re.MULTILINE)
    return [datetime.datetime.fromisoformat(moment).timestamp() + int(ms) / 1000 for moment, ms in moments]


def commands(root):
    return [line.split(None, 6)[6] for line in root.read(ENTRY).splitlines() if line.startswith("*")]


def test_cron_runs_a_check_every_20_seconds(root):
    assert [re.findall(r"\bsleep (\d+)", command) for command in commands(root)] == [[], ["20"], ["40"]]
    # A namespace of processes: what the entry has started, and now sleeps, ends with cron.
    with subprocess.Popen([*root.namespace, "unshare", "--pid", "--fork", "--kill-child", "chroot", root.inside, "cron", "-f"],
                          stdin=subprocess.DEVNULL) as cron:
        try:
            wait_for(lambda: len(checks(root)) >= 4, 300, lambda: f"four checks: {checks(root)}")
        finally:
            cron.kill()
    # None begins before its time, and one that comes late by seconds, because this machine is busy, still comes before the next one's.
    moments = checks(root)
    thirds = [int(moment // 20) for moment in moments]
    assert thirds == list(range(thirds[0], thirds[0] + len(thirds))) and thirds[0] % 3 == 0, moments
    assert " ERROR " not in root.read(LOG)


def test_where_systemd_runs_the_entry_does_nothing(root):
    os.makedirs(root.path + SYSTEMD)
    before = len(checks(root))

    def do(command):
        return subprocess.run([*root.namespace, "chroot", root.inside, "sh", "-c", command], timeout=60, check=False, capture_output=True)
    for command in commands(root):
        done = do(command)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(checks(root)) == before
    root.remove(SYSTEMD)
    codes = []
    wait_for(lambda: codes.append(do(commands(root)[0]).returncode) or codes[-1] != 75, 30, "one that cron has left behind has ended")
    assert codes[-1] == 0
    assert len(checks(root)) == before + 1, "the commands themselves are good"
