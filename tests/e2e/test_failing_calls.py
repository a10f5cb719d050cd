# SPDX-License-Identifier: MIT-0
"""Any system call of a check may fail: it does not crash, says what failed, exits with the right code, and the next check makes up for it.

EINS_ALL_POINTS=1 tries every error with every call, instead of one of them in turn, and the calls that only read.
"""
import collections
import re
import time

import pytest

from support import injection
from support.agent import NAME as AGENT
from support.eins import Eins
from support.injection import ALL_POINTS, CHANGING, CODES, Scene
from support.scripted_engine import ScriptedEngine

ERRORS = {
    "openat": ("EMFILE", "ENOMEM", "EACCES", "EIO", "ENOSPC", "EROFS"),
    "socket": ("EMFILE", "ENOMEM", "EACCES"),
    "connect": ("EACCES", "ENOMEM", "ECONNREFUSED"),
    "memfd_create": ("EMFILE", "ENOMEM"),
    "socketpair": ("EMFILE", "ENOMEM"),
}
OF_SOCKETS = ("ECONNRESET", "EPIPE", "ENOMEM")
OF_DISKS = ("ENOSPC", "EIO", "EROFS", "EACCES", "ENOMEM")
LOOKING = ("read", "newfstatat", "getdents64", "pread64", "poll")  # libc and libcurl do without the answer, as often as not
OTHERS = ("openat", "memfd_create", "socketpair", *(LOOKING if ALL_POINTS else ()))

# What a failed call on this may be worth, and a word of the message for it. The first line that matches counts.
FITTING = [
    (r"/eins\.conf", {78}, r"eins\.conf"),
    (r"memfd|/proc/self/fd/", {74, 78}, r"state\.ini: |eins\.conf: "),
    (r"^(fchown|utimensat|unlinkat|getdents64|ftruncate)|^fchmod.*(log|lock)>", {0}, None),  # niceties
    (r"eins\.log", {0}, r"eins\.log"),
    (r"/etc/ecs|/var/lib/ecs|boot_id|/pid\b|openssl|localtime|zoneinfo|pipe:|/etc/host|nsswitch|resolv", {0}, None),  # done without, or otherwise
    (r"state\.ini\.lock", {0, 74}, r"state\.ini\.lock"),
    (r"^openat\(\d+<.*>, \"\.\"", {0}, None),  # to remove what killed checks left
    (r"state\.ini\"|state\.ini>", {0, 74}, r"state\.ini"),  # read again, when it fails once
    (r"\.state\.ini\.|^fsync", {74}, r"state\.ini: cannot write"),
    (r"^openat.*O_DIRECTORY", {0, 74}, r"state\.ini"),  # the owner of a new file is looked up there, too, which is a nicety
    (r"/dev/null", {70}, "could not look"),
    (r"ca\.pem|TCP|AF_INET", {0, 70}, "could not look"),  # a line that is cut off is an outage
    (r"UNIX", {0, 1, 69, 70}, r"Docker|containers?\b|could not look"),  # 0: libcurl, and the next round, try again
]


@pytest.fixture
def host(region):
    with ScriptedEngine() as engine, Eins(engine, region) as eins:
        yield engine, region, eins


def errors_for(call, turn):
    """All that make sense for the call, or the one whose turn it is."""
    errors = ERRORS.get(call.name) or (OF_SOCKETS if re.search("<(TCP|UNIX)", call.text) else OF_DISKS)
    return errors if ALL_POINTS else [errors[turn % len(errors)]]


def unfit(result, failed):
    """Why the result does not fit the call that failed, or None."""
    codes, word = next(((codes, word) for pattern, codes, word in FITTING if re.search(pattern, failed)), ((), None))
    if result.code not in CODES:
        return f"exit code {result.code}"
    if failed.startswith(LOOKING):
        return None if result.code == 0 or result.err else "nothing on standard error"
    if result.code not in codes:
        return f"exit code {result.code}, not of {codes}"
    if (result.code or codes == {0} and word) and not re.search(word, result.err):
        return f"nothing on standard error has {word!r}"
    return None


def thawed(outcome):
    """The same with the agent that was there before: it is given back always, even when all else has to wait for the next check, and then
    there is none to renew any more."""
    status, policy, retries, *_ = outcome["docker"][AGENT]
    old = ("paused" if status == "paused" else "running", policy, retries, "same id", "not restarted")
    return {**outcome, "docker": {**outcome["docker"], AGENT: old}}


def sweep(scene):
    """Lets each call fail. Returns a line of figures; raises with what went wrong."""
    began, failures, codes, kinds = time.monotonic(), [], collections.Counter(), collections.Counter()
    undisturbed = scene.undisturbed()
    outcomes = undisturbed, scene.without_events(), thawed(undisturbed)
    calls = [call for call in scene.record() if call.name in CHANGING or call.name in OTHERS]
    for turn, call in enumerate(calls):
        for error in errors_for(call, turn):
            scene.reset()
            result = scene.inject(call.name, "error=" + error, call.nth)
            failed = scene.injected()
            if failed is None:
                continue  # how a run's requests overlap is never quite the same: it had fewer of these calls
            codes[result.code] += 1
            kinds[call.name] += 1
            problem = unfit(result, failed)
            try:
                scene.converge(*outcomes)
            except AssertionError as failure:
                problem = f"{problem or result.code}; {failure}"
            if problem:
                failures.append(f"{failed}: {problem}\n{result}")
    assert not failures, "\n\n".join([f"{len(failures)} of {codes.total()} failing calls:", "\n".join(text.split("\n")[0] for text in failures),
                                      *failures[:3]])
    assert codes.total() > len(calls) * 0.8, f"only {codes.total()} of {len(calls)} calls were reached"
    return (f"{codes.total()} failing calls in {time.monotonic() - began:.0f} s ({', '.join(f'{k} {n}' for k, n in kinds.most_common())}); "
            f"exit codes {', '.join(f'{code}: {n}' for code, n in sorted(codes.items()))}")


STORIES = {"into an outage": injection.connected, "out of an outage": injection.in_outage}
if ALL_POINTS:
    STORIES.update({"just after a crash": injection.just_died, "with a fresh agent": injection.events_lost})


@pytest.mark.parametrize("arrange", STORIES.values(), ids=STORIES)
def test_a_call_that_fails_is_named_and_made_up_for(arrange, host, capsys, record_property, request):
    with Scene(arrange, *host, arm=injection.ecs_init) as scene:
        text = sweep(scene)
    injection.report(capsys, record_property, request.node.name, text)
