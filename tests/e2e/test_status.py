# SPDX-License-Identifier: MIT-0
"""--status: what the last check left, for a person and for a monitoring system. It reads files, and does nothing else."""
import datetime
import fcntl
import os
import re
import resource
import subprocess
import time

import pytest

from support import scripted_faults as faults
from support.host import Host
from support.schema import Fields, fields_of_the_man_page, objects, schema, times, validate
from support.terminal import COLOUR, on_a_terminal

CONNECTED, DISCONNECTED, UNKNOWN, UNUSABLE = 0, 1, 3, 74
NOBODY = ["unshare", "--net", "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


@pytest.fixture
def host(certificates):
    with Host(certificates, timeout=30) as host:
        yield host


def status(host, code=CONNECTED, *arguments):
    result = host.eins.check("--status", *arguments, code=code)
    assert code > DISCONNECTED or result.err == "", result
    return result


def document(host, code=CONNECTED):
    return validate(status(host, code, "--json").out)


def as_it_lies_there(path):
    """All that a change would show in. Not when it was last read: the first reader of a new file moves that, to the next second perhaps."""
    found = os.lstat(path)
    return found.st_ino, found.st_mode, found.st_nlink, found.st_uid, found.st_gid, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def row(text, label):
    """What stands behind that label."""
    found = re.search(rf"^{label} +(.+)$", text, re.MULTILINE)
    return found and found[1]


def outage(host):
    """web was restarted once, db three times, worker is down, and steady has seen nothing of it. Returns their names."""
    names = web, db, worker, _ = [host.engine.run(name) for name in ("web", "db", "worker", "steady")]
    host.before()
    host.begin()
    host.crash(web)
    for _ in range(3):
        host.crash(db)
        host.again()
    host.engine.finish(worker)
    host.again()
    return names


# -- in words ---------------------------------------------------------------------------------------------------------------------------------


def test_before_any_check_it_says_that_there_is_no_state(host):
    result = status(host, UNKNOWN)
    assert result.out == ""
    assert host.eins.state_file in result.err and "there is no state yet" in result.err, result
    assert host.eins.files() == {}, "and makes none"


def test_while_connected_it_tells_the_phase_the_last_check_and_what_runs(host):
    host.engine.run("web")
    host.engine.run("db")
    host.before()
    text = status(host).out
    assert text.startswith("CONNECTED for "), text
    assert re.fullmatch(r"\d+ s ago, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d; done", row(text, "Last check")), text
    assert row(text, "Region") == "reachable: HTTP status 403"
    assert row(text, "Containers") == "2 running"
    assert "WARNING" not in text and "Last outages" not in text, text


def test_in_an_outage_it_tells_cause_agent_and_each_kept_container_the_worst_first(host):
    web, db, worker, steady = outage(host)
    text = status(host, DISCONNECTED).out
    assert text.startswith("DISCONNECTED for "), text
    assert "refused" in row(text, "Region") and "began with: connection failed" in row(text, "Outage"), text
    assert row(text, "Agent").startswith("paused by eins since 20"), text
    assert row(text, "Containers") == "4 kept: 3 running, 1 down; 2 restarted, 4 times in all"
    shown = re.findall(r"^  (running|down) +(\d+)  (\w{12})  (.+)$", text, re.MULTILINE)
    assert shown == [(state, times, host.engine.id(name)[:12], name) for state, times, name in
                     [("down", "0", worker), ("running", "3", db), ("running", "1", web), ("running", "0", steady)]], text
    assert re.search(r"^ +1  [\d-]+ [\d:]+  goes on +4 +0  connection failed: ", text, re.MULTILINE), text


def test_after_the_outage_its_line_in_the_history_tells_what_became_of_it(host):
    outage(host)
    host.end()
    text = status(host).out
    assert text.startswith("CONNECTED for ") and "  STATE " not in text, text
    assert re.search(r"^ +1  [\d-]+ [\d:]+  (\d+ min )?\d+ s +4 +2  connection failed: ", text, re.MULTILINE), text
    assert "All in all: 1 outage, " in text, text


def test_after_a_recovery_that_failed_it_tells_what_could_not_be_done_and_what_is_still_kept(host):
    web, db, _, steady = outage(host)
    host.engine.fault(f"POST /containers/{db}/stop", faults.error(500, "device is busy"), times=None)
    host.end(code=1)
    text = status(host).out
    assert "not everything is given back yet" in text, text
    assert "exit code 1: the transition is incomplete" in row(text, "Last check"), text
    assert row(text, "Containers") == "2 running; 1 still kept", text
    assert f"  - {db}: stop: " in text and "device is busy" in text and db in text.split("  STATE ")[1].split("\n\n")[0], text
    assert steady not in text and web not in text, "what is given back needs no line"


def test_warnings_of_the_phase_are_told_as_long_as_it_lasts(host):
    fleeting = host.engine.run("fleeting", host_config={"AutoRemove": True})
    host.before()
    host.begin()
    host.again()
    text = status(host, DISCONNECTED).out
    assert f"Warnings since the phase began:\n  - {fleeting}: " in text and "Docker removes it when it ends" in text, text
    host.end()
    assert "Warnings" not in status(host).out


def test_an_outage_that_docker_was_not_there_for_is_said_to_be_taken_over_by_nobody(host):
    host.engine.run("web")
    host.before()
    host.eins.conf["docker"]["host"] = "unix:///nonesuch/docker.sock"
    host.begin(code=69)
    text = status(host, DISCONNECTED).out
    assert "nothing is taken over yet" in text and "exit code 69" in row(text, "Last check"), text
    assert row(text, "Containers") == "1 running when Docker was last looked at" and not document(host, DISCONNECTED)["docker_seen"], text


def test_failed_probes_that_do_not_yet_make_an_outage_are_counted(host):
    host.eins.conf["region"].update(fall=3, rise=2)
    host.before()
    host.begin()
    assert row(status(host).out, "Region").endswith("; failed probe 1 of 3 that begin an outage")
    host.again()
    host.again()
    host.end()
    assert row(status(host, DISCONNECTED).out, "Region").endswith("; good probe 1 of 2 that end the outage")


@pytest.mark.parametrize("seconds, stale", [(200, False), (400, True), (-30, False), (-3600, True)])
def test_a_last_check_long_ago_or_in_the_future_is_warned_about(host, seconds, stale):
    host.before()
    moment = int(time.time()) - seconds
    os.utime(host.eins.state_file, (moment, moment))
    text = status(host).out
    assert ("the timer may not run" in text) == (seconds == 400), text
    assert ("was the clock set back?" in text) == (seconds == -3600), text
    last = document(host)["last_check"]
    assert last["stale"] == stale and seconds - 1 <= last["age"] <= time.time() - moment, last  # the kernel's second begins a bit late


def test_many_containers_to_which_nothing_happened_do_not_hide_the_one_to_look_at(host):
    names = [host.engine.run(f"steady{number}") for number in range(20)]
    host.before()
    host.begin()
    host.crash(names[13])
    host.again()
    text = status(host, DISCONNECTED).out
    rows = re.findall(r"^  running +(\d) ", text, re.MULTILINE)
    assert rows == ["1"] + ["0"] * 10 and "and 9 more that run and were not restarted" in text, text
    assert len(document(host, DISCONNECTED)["containers"]) == 20


# -- on what it is printed --------------------------------------------------------------------------------------------------------------------


def test_a_terminal_gets_colours_and_no_line_over_80_columns(host):
    host.engine.run("long-" + "name-" * 12)
    host.engine.run("fleeting", host_config={"AutoRemove": True})
    outage(host)
    os.utime(host.eins.state_file, (1, 1))
    text = on_a_terminal(host.eins, "--status")
    lines = COLOUR.sub("", text).split("\n")
    assert "\x1b[1;31mDISCONNECTED\x1b[0m" in text, text
    assert max(map(len, lines)) <= 80, "\n".join(lines)
    assert [line for line in lines if "long-name" in line and line.endswith("...")], "what is too long is cut"
    assert "\x1b" not in COLOUR.sub("", text) and text.count("\x1b[0m") * 2 == len(COLOUR.findall(text)), "each colour ends"


def test_a_wide_terminal_cuts_no_name_that_fits(host):
    name = host.engine.run("long-" + "name-" * 12)
    host.before()
    host.begin()
    assert name in on_a_terminal(host.eins, "--status", columns=150)


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}], ids=str)
def test_who_wants_no_colours_gets_none(host, environment):
    outage(host)
    text = on_a_terminal(host.eins, "--status", **environment)
    assert "\x1b" not in text and text.startswith("DISCONNECTED"), text


def test_an_empty_no_color_is_none(host):
    host.before()
    assert "\x1b[" in on_a_terminal(host.eins, "--status", NO_COLOR="")


def test_a_pipe_gets_neither_colours_nor_cut_names_nor_broken_sentences(host):
    name = host.engine.run("long-" + "name-" * 12)
    fleeting = host.engine.run("fleeting", host_config={"AutoRemove": True})
    host.before()
    host.begin()
    host.eins.env = {"TERM": "xterm", "COLORTERM": "truecolor"}
    text = status(host, DISCONNECTED).out
    assert "\x1b" not in text and name in text, text
    assert re.search(rf"^  - {fleeting}: .*\(AutoRemove\).*survive a crash$", text, re.MULTILINE), text


@pytest.mark.parametrize("name", faults.HARD_NAMES[:6] + faults.HARD_NAMES[7:8])
def test_a_name_with_strange_characters_comes_through_as_harmless_text(host, name):
    web = host.engine.run("web")
    host.before()
    host.engine.fault("GET /containers/json", faults.edit("0.Names.0", name), times=None)
    host.engine.fault(f"/{web}/json", faults.edit("Name", name), times=None)
    host.begin()
    text = on_a_terminal(host.eins, "--status")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", COLOUR.sub("", text)), repr(text)
    text = status(host, DISCONNECTED, "--json").out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), repr(text)
    assert host.engine.id(web) in [container["id"] for container in validate(text)["containers"]]


def test_times_are_local_for_people_and_utc_for_machines(host):
    host.eins.env = {"TZ": "XYZ-5:30"}
    host.before()
    text, view = status(host).out, document(host)
    since = datetime.datetime.strptime(view["since"], "%Y-%m-%dT%H:%M:%SZ")
    assert f"since {since + datetime.timedelta(hours=5, minutes=30)} XYZ\n" in text, text
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    assert abs((now - since).total_seconds()) < 60, view["since"]


def test_a_full_disk_behind_standard_output_is_no_success(host):
    host.before()
    with open("/dev/full", "w", encoding="ascii") as full:
        for option in ([], ["--json"]):
            process = host.eins.popen("--status", *option, stdout=full)
            assert "cannot be printed" in process.communicate(timeout=60)[1]
            assert process.returncode == 74


# -- as JSON ----------------------------------------------------------------------------------------------------------------------------------


def test_all_of_an_outage_is_valid_json_of_the_schema_and_true(host):
    view = validate(status(host, UNKNOWN, "--json").out)
    assert view["phase"] is None and "there is no state yet" in view["problem"] and view["containers"] is None
    host.before()
    view = document(host)
    assert (view["phase"], view["problem"], view["outage"], view["outages"]) == ("connected", None, None, [])
    assert view["last_check"]["code"] == 0 and view["last_check"]["reach"] == "reachable"
    web, db, worker, steady = outage(host)
    view = document(host, DISCONNECTED)
    containers = {container["name"]: container for container in view["containers"]}
    assert {name: (container["running"], container["restarts"]) for name, container in containers.items()} == \
        {web: (True, 1), db: (True, 3), worker: (False, 0), steady: (True, 0)}
    assert {name: (facts["id"], facts["takeover"]) for name, facts in containers.items()} == \
        {name: (facts["id"], facts["takeover"]) for name, facts in host.eins.containers().items()}
    assert all(container["kept"] and container["policy"] == "no" for container in containers.values())
    assert view["counts"] == {"known": 4, "running": 3, "kept": 4, "kept_running": 3, "restarted": 2, "restarts": 4}
    assert view["agent"]["paused_by_eins"] and view["agent"]["id"] == host.agent.id and view["agent"]["paused_at"]
    assert view["outage"] == view["outages"][-1] and view["outage"]["ended"] is None and view["outage"]["restarted"] == 4
    assert "refused" in view["outage"]["cause"] and view["docker_seen"]
    host.engine.fault(f"POST /containers/{db}/stop", faults.error(500, "device is busy"), times=None)
    host.end(code=1)
    view = document(host)
    assert view["last_check"]["code"] == 1 and view["failures"]["count"] == 1 and "device is busy" in view["failures"]["texts"][0]
    assert view["totals"]["errors"]["incomplete"] == 1 and [one["name"] for one in view["containers"] if one["kept"]] == [db]
    host.engine.heal()
    host.again()
    view = document(host)
    assert view["failures"] == {"count": 0, "texts": []} and view["outage"] is None
    assert view["totals"]["outages"] == 1 and view["totals"]["restarted"] == 4 and view["totals"]["removed"] == 2
    last = view["outages"][-1]
    assert last["ended"] and (last["number"], last["restarted"], last["removed"]) == (1, 4, 2)
    assert times(view) and all(time.endswith("Z") for time in times(view))


def test_the_schema_lets_nothing_through_that_it_does_not_name():
    loose = [rule for rule in objects(schema()["$defs"]) if rule.get("additionalProperties") is not False]
    assert loose == []
    partial = [rule for rule in objects(schema()["$defs"]) if sorted(rule["required"]) != sorted(rule["properties"])]
    assert partial == [], "every field is always there"


def test_the_man_page_and_the_schema_name_the_same_fields_of_the_same_types():
    views = [rule["$ref"].rsplit("/", 1)[1] for rule in schema()["oneOf"]]
    assert {"status", "config"} <= set(views)
    for view in views:
        assert fields_of_the_man_page(view) == Fields(view).kinds, view


# -- what it reads ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content, message", [
    (b"", "is empty"),
    (b"[eins]\nversion = 1\nchecksum = 00\n", "is damaged"),
    (b"[eins]\nversion = 77\nchecksum = " + b"0" * 64 + b"\n[state]\nphase = connected\n", "version 77 is newer than this program's"),
    ("folder", "is not a regular file"),
    ("link", "is a symbolic link"),
], ids=["empty", "damaged", "newer", "folder", "link"])
def test_a_state_that_cannot_be_used_is_told_and_left_where_it_is(host, content, message):
    path = host.eins.state_file
    if content == "folder":
        os.mkdir(path)
    elif content == "link":
        os.symlink("/etc/passwd", path)
    else:
        with open(path, "wb") as file:
            file.write(content)
    before = as_it_lies_there(path), sorted(os.listdir(host.eins.folder) + ["eins.conf"])
    result = status(host, UNUSABLE)
    assert result.out == "" and path in result.err and message in result.err and "left where it is" in result.err, result
    result = status(host, UNUSABLE, "--json")
    view = validate(result.out)
    assert message in view["problem"] and message in result.err and view["phase"] is None, result
    after = as_it_lies_there(path), sorted(set(os.listdir(host.eins.folder)) | {"eins.conf"})
    assert after[0] == before[0] and set(after[1]) == set(before[1])


def test_nobody_may_ask_without_docker_and_without_a_network(host):
    outage(host)
    host.eins.conf["docker"]["host"] = "unix:///nonesuch/docker.sock"
    os.chmod(host.eins.folder, 0o755)
    host.eins.prefix = NOBODY
    assert row(status(host, DISCONNECTED).out, "Containers").startswith("4 kept")
    document(host, DISCONNECTED)
    os.chmod(host.eins.state_file, 0o600)
    result = status(host, UNUSABLE)
    assert "Permission denied" in result.err, result


def test_a_wrong_configuration_is_what_it_always_is(host):
    host.before()
    host.eins.conf["region"]["fall"] = "many"
    result = status(host, 78)
    assert result.out == "" and "fall = many" in result.err, result


def test_state_and_config_are_honoured_and_no_region_is_needed(host, tmp_path):
    host.before()
    moved = tmp_path / "elsewhere.ini"
    os.rename(host.eins.state_file, moved)
    status(host, UNKNOWN)
    assert validate(status(host, CONNECTED, f"--state={moved}", "--json").out)["state_file"] == str(moved)
    del host.eins.conf["region"]
    host.eins.conf["state"]["file"] = str(moved)
    assert document(host)["phase"] == "connected"


def test_it_asks_nobody_writes_nothing_and_waits_for_no_lock(host, tmp_path):
    outage(host)
    host.eins.prefix = ["strace", "-f", "-qq", "-o", str(tmp_path / "trace")]
    before = host.eins.files()
    host.engine.forget()
    with open(host.eins.lock_file, "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for option in ([], ["--json"]):
            status(host, DISCONNECTED, *option)
            calls = (tmp_path / "trace").read_text(encoding="utf-8", errors="replace").splitlines()
            calls = [re.sub(r"^\d+ +", "", call) for call in calls]
            assert [call for call in calls if call.startswith(("openat(", "open("))], "it was traced"
            opened = [call for call in calls if re.match(r"open(at)?\(", call) and re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC)", call)]
            assert [call for call in opened if '"/dev/null"' not in call] == []
            changing = r"(connect|socket|sendto|sendmsg|bind|flock|rename\w*|unlink\w*|mkdir\w*|utime\w*|chmod|fchmod\w*|chown|fchown\w*|truncate)\("
            assert [call for call in calls if re.match(changing, call)] == []
            assert [call for call in calls if re.match(r"(\w*nanosleep|p?poll|p?select6?|epoll_\w*wait\d*|wait\w*)\(", call)] == []
            wrote = [call for call in calls if re.match(r"p?write\w*\(", call)]
            memory = {int(call.rsplit("= ", 1)[1]) for call in calls if call.startswith("memfd_create(")}
            assert {int(re.match(r"\w+\((\d+)", call)[1]) for call in wrote} - memory == {1}, wrote
    assert host.eins.files() == before and host.engine.requests == []


def test_it_is_quick(host):
    for number in range(30):
        host.engine.run(f"c{number}")
    outage(host)

    def spent():
        """Seconds of the processor, which others do not lengthen. That it waits for nothing is for the test above."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        status(host, DISCONNECTED)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert 0 < min(spent() for _ in range(10)) < 0.2, "about 10 ms"


def test_it_needs_no_environment(host):
    host.before()
    result = subprocess.run(host.eins.command("--status"), env={}, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (CONNECTED, "")
