# SPDX-License-Identifier: MIT-0
"""Completion of bash: a real one, in a terminal of its own, into which the words and the Tab are typed."""
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from support.eins import PATH, SOURCE, binary

SCRIPT = os.path.join(SOURCE, "etc", "bash-completion", "eins-check")
# What the shell says of the line that was typed, and where it is ready for the next one. Split, so that no echo of it is taken for it.
SETUP = f""". '{SCRIPT}'
bind 'set bell-style none' 'set enable-bracketed-paste off' 'set completion-query-items 0' 'set page-completions off'
eins-check() {{ printf '%s\\0' 'wo''rds' "$@"; echo 'rea''dy'; }}
"""
TIMEOUT = 60  # seconds


class Shell:
    """An interactive bash that has loaded the completion, and an eins-check that only tells its words."""

    def __init__(self, folder, breaks=None):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], {"PATH": PATH, "TERM": "dumb", "LC_ALL": "C.UTF-8", "HISTFILE": ""})
        self.type(SETUP + (f"COMP_WORDBREAKS={breaks}\n" if breaks else "") + "eins-check\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.terminal)
        os.waitpid(self.pid, 0)

    def type(self, keys):
        """Returns what the shell wrote up to the end of the command."""
        os.write(self.terminal, keys.encode())
        shown, deadline = "", time.monotonic() + TIMEOUT
        while "ready" not in shown:
            if not select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"the shell does not come back from {keys!r}: {shown!r}")
            shown += os.read(self.terminal, 65536).decode()
        return shown

    def complete(self, line):
        """The words that eins-check is called with when this is typed, with a Tab at its end."""
        return self.type(f"eins-check {line}\t\n").split("words\0")[1].split("ready")[0].split("\0")[:-1]

    def offers(self, line):
        """What is shown for two Tabs, between the line as it was typed and the same line once more; nothing when there is no choice."""
        shown = self.type(f"eins-check {line}\t\t\n").split("words\0")[0].splitlines()
        return set(" ".join(text for text in shown if "eins-check" not in text).split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("completion")
    for name in ("one two.conf", "star*", "started", "deep"):
        (folder / name).mkdir() if name == "deep" else (folder / name).write_text("")
    (folder / "deep" / "docker.sock").write_text("")
    return folder


@pytest.fixture(scope="module")
def shell(folder):
    with Shell(folder) as shell:
        yield shell


def options_of_help():
    """Long option -> (letter or "", name of its argument or "")."""
    text = subprocess.run([binary(), "--help"], capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.findall(r"^ +(?:(-\w), )?(--[\w-]+)(?:=(\w+))?(?: |$)", text, re.MULTILINE)
    return {option: (letter, argument) for letter, option, argument in found}


def test_every_option_of_help_is_offered_and_no_other(shell):
    expected = {letter for letter, _ in options_of_help().values() if letter}
    expected |= {option + ("=" if argument else "") for option, (_, argument) in options_of_help().items()}
    assert shell.offers("-") == expected


def test_an_option_is_completed_up_to_where_its_value_begins(shell):
    for option, (_, argument) in options_of_help().items():
        if not any(other != option and other.startswith(option) for other in options_of_help()):
            assert shell.complete(option + ("" if argument else "\tX"))[0] == option + ("=" if argument else ""), option
    assert shell.complete("--check\t--js") == ["--check-config", "--json"]


def test_where_the_value_is_a_file_files_are_completed(shell):
    files = [(letter, option) for option, (letter, argument) in options_of_help().items() if argument == "FILE"]
    assert files
    for letter, option in files:
        assert shell.complete(f"{option}=one") == [f"{option}=one two.conf"]
        assert shell.complete(f"{option} one") == [option, "one two.conf"]
        assert shell.complete(f"{option}=dee\tdoc") == [f"{option}=deep/docker.sock"]
        assert not letter or shell.complete(f"{letter} one") == [letter, "one two.conf"]


def test_a_name_is_never_taken_for_a_pattern(shell):
    assert shell.complete("-c 'star*") == ["-c", "star*"]


def test_where_the_value_is_a_level_the_levels_are_completed(shell):
    with open(os.path.join(SOURCE, "etc", "eins.conf"), encoding="utf-8") as file:
        levels = set(re.findall(r"[A-Z]{4,}", re.search(r"# (.*)\n#level =", file.read())[1]))
    assert len(levels) == 5
    assert shell.offers("-k ") == shell.offers("--loglevel=") == levels
    assert shell.complete("--loglevel=C") == ["--loglevel=CRITICAL"]
    assert shell.complete("-k E") == ["-k", "ERROR"]


def test_the_engine_is_completed_across_its_colon(shell, folder):
    assert shell.complete("--docker=u") == ["--docker=unix:///run/docker.sock"]
    assert shell.complete("--docker t") == ["--docker", "tcp://"]
    assert shell.complete(f"--docker=unix://{folder}/deep/d") == [f"--docker=unix://{folder}/deep/docker.sock"]
    assert shell.complete(f"--docker unix://{folder}/dee\td") == ["--docker", f"unix://{folder}/deep/docker.sock"]


@pytest.mark.parametrize("word", ["--region=", "--retries ", "--endpoint ", "--endpoint=https:", "-r ", "-n "])
def test_where_nothing_can_be_known_nothing_is_offered(shell, word):
    assert shell.offers(word) == set()
    for begun in (word, word + "e", word + "-"):
        assert shell.complete(begun) == begun.split()


def test_it_works_where_the_equals_sign_does_not_part_words(folder):
    with Shell(folder, breaks="' '") as shell:
        assert shell.complete("--conf\tone") == ["--config=one two.conf"]
        assert shell.complete("--loglevel=D") == ["--loglevel=DEBUG"]
