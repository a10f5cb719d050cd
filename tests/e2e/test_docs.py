# SPDX-License-Identifier: MIT-0
"""README, CONTRIBUTING and NEWS say what the program and the configuration file say."""
import os
import re
import subprocess

import pytest

from support.eins import SOURCE, binary


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def run(option):
    return subprocess.run([binary(), option], capture_output=True, text=True, check=True, timeout=10).stdout


def rows(heading):
    """The cells of the table below that heading of the README, without its head."""
    chapter = read("README.md").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in chapter.splitlines() if line.startswith("|")]
    return table[2:]


def plain(cell):
    return cell.replace("`", "")


def test_the_options_are_those_of_help():
    shown = re.findall(r"^ +(?:(-\w), )?(--[\w-]+(?:=\w+)?)(?: |$)", run("--help"), re.MULTILINE)
    told = [re.fullmatch(r"(?:(-\w), )?(--\S+)", plain(option)).groups(default="") for option, _ in rows("Options")]
    assert told == shown


def test_the_keys_and_their_defaults_are_those_of_eins_conf():
    section, shown = None, []
    for line in read("etc", "eins.conf").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        key = re.fullmatch(r"#(\w+) =(.*)", line)
        if key:
            shown.append((section, key[1], key[2].strip()))
    section, told = None, []
    for cells in rows("Configuration"):
        section = plain(cells[0]) or section
        told.append((section, plain(cells[1]), plain(cells[2])))
    assert told == shown


def test_the_exit_codes_are_those_of_help():
    shown = re.findall(r"^ +(\d+)  \w", run("--help"), re.MULTILINE)
    assert [code for code, _ in rows("Exit codes")] == shown


def test_news_begins_with_this_version():
    version = run("--version").split()[1]
    assert re.match(rf"(# .*\n\n)?(## )?{re.escape(version)}\b", read("NEWS"))


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_the_files_that_are_named_exist(document):
    named = set(re.findall(r"(?<![\w/.-])((?:src|tests|etc)/[\w./-]*\w)", read(document)))
    assert named
    missing = [name for name in sorted(named) if not any(os.path.exists(os.path.join(SOURCE, name + end)) for end in ("", ".c"))]
    assert missing == []
