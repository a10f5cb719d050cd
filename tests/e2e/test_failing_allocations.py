# SPDX-License-Identifier: MIT-0
"""Any allocation of a check may fail: it does not crash, says so where it matters, and the next check ends where it would have ended.

tests/support/failing_malloc.c lets the Nth allocation fail. Many are made by the same calls, one for each container or certificate; of those
the first is tried. By default that is done for the program's own allocations and for a sample of each library's, with EINS_ALL_POINTS=1 for
every single one, which takes hours. EINS_CHECK_ASAN names a build with --enable-sanitizers: then nothing may leak, either.
"""
import collections
import os
import subprocess
import time

import pytest

from support import injection
from support.eins import Eins, binary
from support.injection import ALL_POINTS, CODES, Scene
from support.scripted_engine import ScriptedEngine

SOURCE = os.path.join(os.path.dirname(injection.__file__), "failing_malloc.c")

LEAKS = 23  # the exit code of AddressSanitizer's program that does
NOT_LOADED = 127

# Of each object, one call in so many. `program` is eins-check itself.
STEPS = {"program": 1, "libjson-c": 3, "libcurl": 12, "libssl": 6, "libcrypto": 90, "libiniparser": 1}

# Libraries that crash inside the very call in which their own allocation fails, so that their caller cannot do anything about it. Measured:
# iniparser 4.1 uses what it got unseen in dictionary_new and dictionary_set, json-c 0.16 in the tokener (a key's strdup), OpenSSL 3.0 in the
# set-up of its default context.
CRASHES_BY_ITSELF = ("libiniparser", "libjson-c", "libcrypto")
# libcurl 7.88 frees a name twice in curl_easy_cleanup, when its connection could not be set up before.
CRASHES_LATER = ("libcurl",)
# OpenSSL 3.0's default context, when it is only half set up by curl_global_init, which succeeds: at the next use. The program makes two calls that
# set it up, and they come first.
CRASHES_AFTER_SETUP, SETUP_CALLS = "libcrypto", 2


@pytest.fixture(scope="session")
def interposer(tmp_path_factory):
    library = tmp_path_factory.mktemp("interposer") / "failing_malloc.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    return str(library)


@pytest.fixture
def host(region):
    with ScriptedEngine() as engine, Eins(engine, region) as eins:
        yield engine, region, eins


def sanitized():
    """True for a build of AddressSanitizer, which finds the libraries' own faults, too, and needs terabytes of address space."""
    with open(binary(), "rb") as file:
        return b"__asan_init" in file.read()


def of(names):
    """The objects whose allocations are to fail."""
    return [name for name in names if name == "program" or not sanitized()]


class Memory:
    """Runs a scene's check with an allocation that fails."""

    def __init__(self, scene, library, folder):
        self.scene, self.eins, self.report = scene, scene.eins, str(folder / "report")
        self.setup = []
        suppressions = folder / "suppressions"
        suppressions.write_text("leak:dl_open_worker_begin\n")  # that of the interposer's backtrace(), which the loader keeps for ever
        self.env = {"LD_PRELOAD": library, "FAIL_REPORT": self.report, "LSAN_OPTIONS": f"suppressions={suppressions}",
                    "ASAN_OPTIONS": f"verify_asan_link_order=0:handle_segv=0:handle_abort=0:exitcode={LEAKS}"}

    def run(self, **settings):
        """Returns (Result, report as a list of pairs)."""
        self.scene.reset()
        self.eins.env = {**self.env, **settings}
        try:
            result = self.eins.run()
        finally:
            self.eins.env = {}
        self.scene.settle()
        with open(self.report, encoding="ascii") as file:
            return result, [tuple(line.split()) for line in file]

    def places(self, name):
        """The allocations of one object: (how many, the numbers of those that are made by different calls). `setup` has the program's first calls
        that led to any."""
        result, made = self.run(FAIL_IN=name)
        assert result.code == 0 and made, result
        first = {}
        for number, (_, stack, _) in enumerate(made, 1):
            first.setdefault(stack, number)
        self.setup = list(dict.fromkeys(call for _, _, call in made))[:SETUP_CALLS]
        return len(made), sorted(first.values())


def problem_of(result, report, setup):
    """What is wrong with a run whose allocation failed, or None."""
    failed, *crashed = ((name, call) for _, name, call in report)
    if crashed == [failed] and failed[0].startswith(CRASHES_BY_ITSELF):
        return None
    if crashed and crashed[0][0] == failed[0] and failed[0].startswith(CRASHES_LATER):
        return None
    if crashed and crashed[0][0] == failed[0] and failed[0].startswith(CRASHES_AFTER_SETUP) and failed[1] in setup:
        return None
    if result.code not in CODES:
        return f"exit code {result.code} {report}"
    return None if result.code == 0 or result.err else "nothing on standard error"


def sweep(memory, names, outcomes):
    """Lets allocations fail. Returns a line of figures; raises with what went wrong."""
    began, failures, codes, counts = time.monotonic(), [], collections.Counter(), []
    for name in of(names):
        total, numbers = memory.places(name)
        chosen = range(1, total + 1) if ALL_POINTS else numbers[::STEPS[name]]
        counts.append(f"{name} {len(chosen)} of {total} ({len(numbers)} places)")
        for number in chosen:
            result, report = memory.run(FAIL_IN=name, FAIL_AT=str(number))
            if not report:
                continue  # it had fewer this time: how requests overlap is never quite the same
            codes[result.code] += 1
            problem = problem_of(result, report, memory.setup)
            try:
                memory.scene.converge(*outcomes)
            except AssertionError as failure:
                problem = f"{problem or result.code}; {failure}"
            if problem:
                failures.append(f"allocation {number} of {name}: {problem}\n{result}")
    assert not failures, "\n\n".join([f"{len(failures)} of {codes.total()} failing allocations:", *failures[:5]])
    return (f"{codes.total()} failing allocations in {time.monotonic() - began:.0f} s: {', '.join(counts)}; "
            f"exit codes {', '.join(f'{code}: {n}' for code, n in sorted(codes.items()))}")


def story(arrange, host, interposer, folder, names):
    """One scene's sweep."""
    with Scene(arrange, *host, arm=injection.ecs_init) as scene:
        host[2].conf["docker"]["agent_wait"] = 1
        outcomes = scene.undisturbed(), scene.without_events()
        return sweep(Memory(scene, interposer, folder), names, outcomes)


@pytest.mark.parametrize("arrange,names", [
    (injection.connected, list(STEPS)),
    (injection.in_outage, [name for name in STEPS if ALL_POINTS or name != "libiniparser"]),  # it reads the same files in the same way
], ids=["into an outage", "out of an outage"])
def test_an_allocation_that_fails_is_made_up_for(arrange, names, host, interposer, tmp_path, capsys, record_property, request):
    text = story(arrange, host, interposer, tmp_path, names)
    injection.report(capsys, record_property, request.node.name, text)


def test_want_of_memory_is_not_taken_for_an_outage(host, interposer, tmp_path, capsys, record_property, request):
    """The region answers, and it is this host that is short of something: whatever the check makes of it, it does not begin an outage. (Of
    OpenSSL's own allocations that cannot be said for each: it makes anything of one that fails, an invalid certificate or, as in one place
    of libssl, a line that is silent. See the next test for memory that is really short.)"""
    engine, _, eins = host
    with Scene(injection.well, *host) as scene:
        memory, tried = Memory(scene, interposer, tmp_path), 0
        for name in ("program", "libssl", "libjson-c", "libiniparser"):
            if name == "libssl":
                eins.conf["region"].update(connect_timeout=20, timeout=40)  # for that silence, and still longer than a stall of the machine
            _, numbers = memory.places(name)
            for number in numbers:
                result, report = memory.run(FAIL_IN=name, FAIL_AT=str(number))
                assert not report or not problem_of(result, report, memory.setup), result
                tried += 1
                if name == "libssl" and "SSL connection timeout" in result.log_text:
                    continue
                assert eins.phase == "connected" and engine.view() == scene.before, result
    injection.report(capsys, record_property, request.node.name, f"{tried} failing allocations")


def test_a_host_without_memory_never_begins_an_outage(host, capsys, record_property, request):
    """The whole process has a little more address space in each run: from too little to begin with to enough for everything."""
    if sanitized():
        return
    engine, _, eins = host
    codes = collections.Counter()
    with Scene(injection.well, *host) as scene:
        def run(kilobytes):
            scene.reset()
            eins.prefix = ["prlimit", f"--as={kilobytes * 1024}"]
            return eins.run()
        begin = next(size for size in range(8 << 10, 1 << 20, 1 << 10) if run(size).code in CODES)
        size, in_a_row = begin - (1 << 10), 0
        while in_a_row < 8:
            result = run(size)
            assert result.code in (*CODES, NOT_LOADED), result
            assert result.code == 0 or result.err, result
            assert eins.phase == "connected" and engine.view() == scene.before, result
            codes[result.code] += 1
            in_a_row = in_a_row + 1 if result.code == 0 else 0
            size += 40
    assert {74, 70} <= set(codes), f"{codes}: it never ran out of memory on its way"
    injection.report(capsys, record_property, request.node.name, f"exit codes {dict(codes)}, up to {size} KB")


if "EINS_CHECK_ASAN" in os.environ:
    @pytest.mark.parametrize("arrange", [injection.connected, injection.in_outage], ids=["into an outage", "out of an outage"])
    def test_nothing_leaks_when_an_allocation_fails(arrange, host, interposer, tmp_path, monkeypatch, capsys, record_property, request):
        """Of the program's own allocations."""
        monkeypatch.setenv("EINS_CHECK", os.environ["EINS_CHECK_ASAN"])
        injection.report(capsys, record_property, request.node.name, story(arrange, host, interposer, tmp_path, ["program"]))
