# SPDX-License-Identifier: MIT-0
"""README, CONTRIBUTING, NEWS and the man pages say what the program and the configuration file say."""
import os
import re
import subprocess

import pytest

from support.eins import PATH, SOURCE, binary
from support.man import chapter

PAGES = ["eins-check.8", "eins.conf.5"]


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def run(option):
    return subprocess.run([binary(), option], capture_output=True, text=True, check=True, timeout=60).stdout


def rows(heading):
    """The cells of the table below that heading of the README, without its head."""
    chapter = read("README.md").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in chapter.splitlines() if line.startswith("|")]
    return table[2:]


def plain(cell):
    return cell.replace("`", "")


def options_of_help():
    """Pairs like ("-r", "--region=REGION"), the letter empty where there is none."""
    return re.findall(r"^ {2,6}(?:(-\w), )?(--[\w-]+(?:=\w+)?)(?: |$)", run("--help"), re.MULTILINE)


def exit_codes_of_help():
    return re.findall(r"^ +(\d+)  \w", run("--help"), re.MULTILINE)


def files_of_help():
    return re.findall(r"/[\w./-]+\w", run("--help").split("\nFiles:\n")[1])


def keys_of_eins_conf():
    """(section, key) -> (default, range), the range a pair like ("1", "60") or None. A comment has one range for all the keys below it, or
    one for each."""
    section, ranges, keys, shown = None, [], [], {}
    for line in read("etc", "eins.conf").splitlines() + [""]:
        if line.startswith("["):
            section = line.strip("[]")
        elif line.startswith("# "):
            ranges += re.findall(r"\((\d+) to (\d+)\)", line)
        elif key := re.fullmatch(r"#(\w+) =(.*)", line):
            keys.append((key[1], key[2].strip()))
        elif not line:
            assert len(ranges) in (0, 1, len(keys)) or not keys, f"[{section}] {keys}: which range is whose? {ranges}"
            each = ranges if len(ranges) == len(keys) else (ranges or [None]) * len(keys)
            shown.update({(section, name): (default, range_) for (name, default), range_ in zip(keys, each)})
            ranges, keys = [], []
    return shown


def items(page, heading):
    """What stands in the lists of that chapter: pairs of an item's line, without its ".It ", and the text below it."""
    return re.findall(r"^\.It (.+)\n((?:(?!\.It ).*\n)*)", chapter(page, heading), re.MULTILINE)


def sources():
    return "".join(read("src", name) for name in sorted(os.listdir(os.path.join(SOURCE, "src"))) if name.endswith(".c"))


def shown_option(macros):
    """Fl r , Fl -region Ns = Ns Ar REGION -> -r, --region=REGION"""
    return macros.replace(" Ns = Ns Ar ", "=").replace(" , ", ", ").replace("Fl ", "-")


def test_the_options_are_those_of_help():
    told = [re.fullmatch(r"(?:(-\w), )?(--\S+)", plain(option)).groups(default="") for option, _ in rows("Options")]
    assert told == options_of_help()


def test_the_man_page_has_the_options_of_help_and_no_others():
    told = [re.fullmatch(r"(?:(-\w), )?(--\S+)", shown_option(item)).groups(default="") for item, _ in items("eins-check.8", "OPTIONS")]
    assert told == options_of_help()


def test_the_synopsis_has_each_option_once_and_with_its_argument():
    told = [shown_option(f"Fl {option}") for option in re.findall(r"Fl (\S+(?: Ns = Ns Ar \w+| Ar \w+)?)", chapter("eins-check.8", "SYNOPSIS"))]
    shown = []
    for letter, option in options_of_help():
        name, equals, argument = option.partition("=")
        shown.append(letter + (f" Ar {argument}" if equals else "") if letter else name + (equals + argument))
    assert sorted(told) == sorted(shown)


@pytest.mark.parametrize("page", PAGES)
def test_the_man_pages_mention_no_option_that_help_does_not_have(page):
    mentioned = set(re.findall(r"Fl (-\w[\w-]*|\w\b)", read("man", page)))
    known = {part for letter, option in options_of_help() for part in (letter[1:], option.split("=")[0][1:]) if part}
    assert mentioned <= known


def test_the_keys_and_their_defaults_are_those_of_eins_conf():
    section, told = None, []
    for cells in rows("Configuration"):
        section = plain(cells[0]) or section
        told.append((section, plain(cells[1]), plain(cells[2])))
    assert told == [(section, key, default) for (section, key), (default, _) in keys_of_eins_conf().items()]


def test_the_man_page_has_the_keys_of_eins_conf_with_their_defaults_and_ranges():
    told = {}
    for section in re.findall(r"^\.Sh \[(\w+)\] SECTION$", read("man", "eins.conf.5"), re.MULTILINE):
        for item, text in items("eins.conf.5", f"[{section}] SECTION"):
            key = re.fullmatch(r"Cm (\w+) No =(?: (\S+))?", item)
            range_ = re.search(r"\bfrom\s(\d+)\sto\s(\d+)", text)
            told[section, key[1]] = (key[2] or "", range_ and range_.groups())
    shown = keys_of_eins_conf()
    assert told == shown
    assert list(told) == list(shown)


def test_the_exit_codes_are_those_of_help():
    assert [code for code, _ in rows("Exit codes")] == exit_codes_of_help()


def test_the_man_page_has_the_exit_codes_of_help():
    assert [code for code, _ in items("eins-check.8", "EXIT STATUS")] == exit_codes_of_help()


def test_the_man_page_has_the_files_of_help():
    told = {path for item, _ in items("eins-check.8", "FILES") for path in re.sub("^Pa ", "", item).split(" , ")}
    shown = files_of_help()
    assert shown
    assert [path for path in shown if path not in told] == []


def test_the_man_page_has_the_environment_that_the_program_reads():
    told = {name for item, _ in items("eins-check.8", "ENVIRONMENT") for name in re.findall(r"\w+", item.removeprefix("Ev "))}
    source = sources()
    assert set(re.findall(r'getenv\("(\w+)"\)', source)) <= told
    assert [name for name in sorted(told - {"TZ"}) if f'"{name}"' not in source] == []  # TZ is read by the C library


def test_the_messages_that_the_man_page_explains_stand_in_the_source():
    """Words in capitals, and the N of a number, stand for what the message says there."""
    source = re.sub(r'"\s*\n\s*"', "", sources())
    explained = [item.removeprefix("Sy ").strip('"') for item, _ in items("eins-check.8", "DIAGNOSTICS")]
    assert explained
    for message in explained:
        message = message.replace(r"\(ga", "`").replace(r"\(aq", "'")
        for part in re.split(r"\b(?:N|[A-Z]{4,})\b", message.replace("--region=REGION", "--region=\0")):
            assert part.strip(": ").replace("\0", "REGION") in source, message


def test_the_drop_in_of_the_man_page_repeats_what_an_empty_value_takes_from_the_timer():
    timer = re.findall(r"^(On(?!UnitInactiveSec)\w+=.+)$", read("systemd", "ecs-eins.timer.in"), re.MULTILINE)
    drop_in = chapter("eins-check.8", "EXAMPLES").split("\n[Timer]\n")[1].split("\n.Ed\n")[0].splitlines()
    assert timer
    assert drop_in[0] == "OnUnitInactiveSec="
    assert drop_in[1:-1] == timer
    assert re.fullmatch(r"OnUnitInactiveSec=\d+s", drop_in[-1])


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("command", [["mandoc", "-Tlint", "-Wall"], ["man", "--warnings", "-l"], ["groff", "-mandoc", "-ww", "-Tutf8", "-z"]],
                         ids=lambda command: command[0])
def test_the_tools_that_read_man_pages_find_nothing_to_complain_about(page, command):
    result = subprocess.run([*command, os.path.join(SOURCE, "man", page)], capture_output=True, text=True, timeout=60,
                            env={"PATH": PATH, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
    complaints = result.stdout + result.stderr if command[0] == "mandoc" else result.stderr
    assert (result.returncode, complaints) == (0, "")


def test_news_begins_with_this_version():
    version = run("--version").split()[1]
    assert re.match(rf"(# .*\n\n)?(## )?{re.escape(version)}\b", read("NEWS"))


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_the_files_that_are_named_exist(document):
    named = set(re.findall(r"(?<![\w/.-])((?:src|tests|etc)/[\w./-]*\w)", read(document)))
    assert named
    missing = [name for name in sorted(named) if not any(os.path.exists(os.path.join(SOURCE, name + end)) for end in ("", ".c"))]
    assert missing == []
