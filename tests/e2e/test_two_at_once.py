# SPDX-License-Identifier: MIT-0
"""However many checks run at once, one works and the others leave, and what comes of it is what one alone would have done."""
import collections
import concurrent.futures
import os
import re
import signal
import subprocess
import threading

import pytest

from support import injection
from support import scripted_faults as faults
from support.eins import PATIENT, Eins
from support.injection import Scene
from support.scripted_engine import ScriptedEngine
from support.wait import wait_for

CROWD = 20
SLOW = 0.15  # seconds for each reply
LONG = 60  # seconds: against a hang
WAITING = "flock,fcntl,nanosleep,clock_nanosleep,poll,ppoll,select,pselect6,epoll_wait,epoll_pwait,pause"


@pytest.fixture
def host(region):
    with ScriptedEngine() as engine, Eins(engine, region) as eins:
        eins.conf["region"].update(PATIENT)
        eins.conf["docker"]["timeout"] = 2 * LONG
        yield engine, region, eins


def slow(engine):
    engine.fault(".", faults.delay(SLOW), times=None)


def crowd(eins, meet=lambda processes: None):
    """CROWD checks, started together: (pid, code, standard error) of each. meet() is called with their processes once all have begun."""
    command, pipes = eins.command(), {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, env=eins.environment(), **pipes) for _ in range(CROWD)]
    try:
        meet(processes)
        with concurrent.futures.ThreadPoolExecutor(CROWD) as pool:
            errors = list(pool.map(lambda process: process.communicate(timeout=90)[1], processes))
    finally:
        for process in processes:
            process.kill()
    return [(process.pid, process.returncode, text) for process, text in zip(processes, errors)]


def working_spans(eins):
    """For each check that worked, where its lines begin and end in the log: {pid: [numbers]}."""
    spans = collections.defaultdict(list)
    for number, line in enumerate(eins.log_lines()):
        spans[re.search(r"PID_(\d+)", line).group(1)].append(number)
    return spans


@pytest.mark.parametrize("arrange", [injection.connected, injection.in_outage, injection.well], ids=["into", "out", "well"])
def test_of_twenty_checks_one_works(arrange, host):
    with Scene(arrange, *host) as scene:
        expected = scene.undisturbed()
        undisturbed = collections.Counter(scene.engine.lines)
        scene.reset()
        inode = os.stat(scene.eins.lock_file).st_ino
        scene.engine.forget()
        gone = threading.Event()

        def first_answer(call):
            """Whoever asks works, and goes on when all the others have left."""
            gone.wait(LONG)
            return call.perform()

        def meet(processes):
            wait_for(lambda: sum(process.poll() is not None for process in processes) >= CROWD - 1, LONG, "all but one have left")
            gone.set()
        scene.engine.fault("GET /_ping", first_answer)
        results = crowd(scene.eins, meet)
        assert collections.Counter(code for _, code, _ in results) == {0: 1, 75: CROWD - 1}, results
        # Nobody waits for anybody in these: one that was started late may find the lock free again, and works then, but never beside another.
        slow(scene.engine)
        results += crowd(scene.eins)
        assert {code for _, code, _ in results} <= {0, 75}, results
        pids = {str(pid) for pid, code, _ in results if code == 0}
        spans = working_spans(scene.eins)
        assert set(spans) == pids, "who does not hold the lock has nothing to say in the log"
        ends = sorted((lines[0], lines[-1]) for lines in spans.values())
        assert all(before[1] < after[0] for before, after in zip(ends, ends[1:])), "two worked at the same time"
        assert scene.outcome() == expected
        assert os.stat(scene.eins.lock_file).st_ino == inode, "the lock file was replaced: two could hold it"
        changes = collections.Counter(request.line for request in scene.engine.changes)
        assert all(changes[line] <= undisturbed[line] for line in changes), "something was done twice"


def test_those_that_leave_say_who_works(host, tmp_path):
    """A stuck holder is named by its process id, so that a person can look at it. They do not wait for it, not even for a moment."""
    with Scene(injection.connected, *host) as scene:
        scene.reset()
        fault = scene.engine.fault("pause", faults.hang())
        holder = scene.eins.popen()
        wait_for(lambda: fault.fired, LONG, "it hangs")
        before, files = scene.engine.view(), scene.eins.files()
        lines = len(scene.engine.lines)
        for _ in range(3):
            result = scene.eins.check(code=75)
            assert f"process {holder.pid} holds {scene.eins.lock_file}" in result.err, result
        trace = tmp_path / "trace"
        scene.eins.prefix = ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=" + WAITING]
        scene.eins.env = {"ASAN_OPTIONS": "detect_leaks=0"}  # it looks for leaks with ptrace, too
        scene.eins.check(code=75)
        calls = [line.partition(" ")[2].strip() for line in trace.read_text().splitlines()]
        waiting = [call for call in calls if not call.startswith(("flock(", "fcntl("))]
        assert not waiting and [call for call in calls if "LOCK_EX|LOCK_NB" in call] and not [call for call in calls if "F_SETLKW" in call], calls
        assert holder.poll() is None, "it still hangs"
        assert scene.engine.view() == before and scene.eins.files() == files and len(scene.engine.lines) == lines
        holder.kill()
        holder.communicate()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_lock_of_a_killed_holder_is_free_at_once(host, number):
    with Scene(injection.connected, *host) as scene:
        expected = scene.undisturbed()
        scene.reset()
        inode = os.stat(scene.eins.lock_file).st_ino
        fault = scene.engine.fault("pause", faults.hang())
        holder = scene.eins.popen(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # a shell's background job ignores it
        wait_for(lambda: fault.fired, LONG, "it is in the middle of its work")
        holder.send_signal(number)
        holder.communicate(timeout=LONG)
        assert holder.returncode == -number
        assert scene.converge(expected) == 1
        assert os.stat(scene.eins.lock_file).st_ino == inode


def test_a_stopped_holder_keeps_its_lock_and_goes_on_later(host):
    """A laptop's lid, a debugger, a frozen cgroup: the check that wakes up is the one that still holds the lock."""
    with Scene(injection.in_outage, *host) as scene:
        expected = scene.undisturbed()
        scene.reset()
        fault = scene.engine.fault("POST .*/update", faults.delay(SLOW))
        holder = scene.eins.popen()
        wait_for(lambda: fault.fired, LONG, "it is in the middle of its work")
        holder.send_signal(signal.SIGSTOP)
        scene.eins.check(code=75)
        holder.send_signal(signal.SIGCONT)
        holder.communicate(timeout=LONG)
        assert holder.returncode == 0 and scene.outcome() == expected


def test_a_lock_file_that_holds_rubbish_is_a_lock_all_the_same(host):
    """What is in it only serves the message."""
    with Scene(injection.connected, *host) as scene:
        expected = scene.undisturbed()
        for content in (b"", b"no number\n", b"-1\n", b"99999999999999999999\n", b"\0" * 4096, b"1" * 100000):
            scene.reset()
            with open(scene.eins.lock_file, "wb") as file:
                file.write(content)
            assert scene.converge(expected) == 1
