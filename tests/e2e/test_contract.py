# SPDX-License-Identifier: MIT-0
"""What operators and their scripts rely on: exit codes, messages, the log's format, and that a dry run is one."""
import os
import re
import subprocess

import pytest

from support import scripted_faults as faults
from support.containers import DEAF
from support.host import CONTROL, Host
from support.wait import wait_for

LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO|WARNING|ERROR|CRITICAL) PID_\d+ "
                      r"\[(startup|begin|connect|ecs-offline|ecs-online|end)\] \S.*")
JOURNAL_LINE = re.compile(r"<[2-7]>\[(startup|begin|connect|ecs-offline|ecs-online|end)\] \S.*")


@pytest.fixture
def host(certificates):
    with Host(certificates) as host:
        host.engine.run("web", DEAF, stop_timeout=0)
        yield host


def refused(eins, code, *words, arguments=()):
    """It ends with that code and one line on standard error that has the words; it has not looked at the region, and there is no state."""
    result = eins.check(*arguments, code=code)
    (line,) = result.err.splitlines()
    assert line.startswith("eins-check: ") and all(word in line for word in words), result
    assert not result.out and eins.state() is None, result
    return result


# -- the command line ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments,words", [
    (["--nonsense"], ["--nonsense", "unknown option", "--help"]),
    (["-z"], ["-z", "unknown option"]),
    (["word"], ["word"]),
    (["--retries"], ["--retries", "expected a value"]),
    (["--dry-run=yes"], ["--dry-run"]),
    (["--interval=20"], ["--interval", "systemctl edit ecs-eins.timer"]),
    (["-i", "20"], ["--interval", "systemctl edit ecs-eins.timer"]),
], ids=lambda value: value[0] if value[0].startswith("-") or value[0] == "word" else "")
def test_a_wrong_command_line_is_refused(eins, arguments, words):
    refused(eins, 64, *words, arguments=arguments)


@pytest.mark.parametrize("argument,words", [
    ("--retries=3x", ["--retries=3x"]), ("--retries=-1", ["--retries=-1", "0 to 1000"]), ("--region=EU West", ["--region=EU West"]),
    ("--loglevel=LOUD", ["--loglevel=LOUD", "DEBUG"]), ("--docker=ssh://host", ["--docker=ssh://host", "unix://"]),
    ("--endpoint=http://host/", ["--endpoint=http://host/", "https"]), ("--config=/nonesuch", ["/nonesuch"]),
])
def test_a_value_that_cannot_be_is_refused_with_what_could(eins, argument, words):
    refused(eins, 78, *words, arguments=[argument])


def test_help_and_version_are_for_standard_output(eins):
    result = eins.check("--help")
    assert not result.err and {"--dry-run", "--region=REGION", "Exit codes:"} <= set(re.split(r"\s{2,}|\n|, ", result.out)), result
    result = eins.check("--version")
    assert re.fullmatch(r"eins \d+\.\d+\.\d+\n", result.out) and not result.err, result
    assert not eins.files()


def test_options_win_over_the_file(docker, agent, eins, region):
    web = docker.run("web")
    eins.conf["docker"].update(retries=7, host="unix:///nonesuch")
    eins.conf["region"]["endpoint"] = "https://198.51.100.1/"
    other = eins.folder + "/other"
    region.mode = "refused"
    eins.check("-n", "5", "--docker=" + docker.host, "--endpoint=" + region.url, f"--state={other}.ini", "-l", other + ".log", "-k", "INFO")
    assert docker.policy(web) == ("on-failure", 5)
    assert sorted(eins.files()) == ["other.ini", "other.ini.lock", "other.log"]
    with open(other + ".log", encoding="utf-8") as file:
        assert " DEBUG " not in file.read()


# -- the configuration -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section,key,value,words", [
    ("region", "nam", "eu-central-1", ["[region]", "nam", "unknown key", "name"]),
    ("regions", "name", "eu-central-1", ["[regions]", "unknown section"]),
    ("docker", "parallel", "0", ["[docker]", "parallel = 0", "1 to 256"]),
    ("docker", "timeout", "30 s", ["[docker]", "timeout = 30 s"]),
    ("docker", "recovery", "forget", ["[docker]", "recovery = forget", "replace"]),
    ("region", "fall", "1.5", ["[region]", "fall = 1.5"]),
    ("state", "file", "relative.ini", ["[state]", "file = relative.ini", "absolute"]),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_wrong_configuration_is_refused_with_file_key_and_value(eins, section, key, value, words):
    eins.conf.setdefault(section, {})[key] = value
    refused(eins, 78, eins.conf_file, *words)


@pytest.mark.parametrize("mode, owner", [(0o666, 0), (0o644, 65534)], ids=["mode", "owner"])
def test_a_configuration_that_others_may_write_is_refused_by_root(eins, mode, owner):
    """Whoever writes it decides which Docker is asked as root, and where the log goes."""
    command = eins.command()
    os.chmod(eins.conf_file, mode)
    os.chown(eins.conf_file, owner, 0)
    done = subprocess.run(command, env=eins.environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78 and eins.conf_file in done.stderr and "chmod go-w" in done.stderr, done
    assert eins.state() is None


def test_without_a_region_it_says_where_it_looked_and_what_to_set(eins):
    eins.conf["region"] = {}
    refused(eins, 78, "no region", "--region", "[region]", eins.conf_file, "/etc/ecs/ecs.config", "/var/lib/ecs/ecs.config")


# -- what may be in the way --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["forbidden", "refused"])
def test_without_docker_it_says_so_and_the_phase_is_known_all_the_same(eins, region, mode):
    eins.conf["docker"]["host"] = "unix:///run/nonesuch.sock"
    region.mode = mode
    result = eins.check(code=69)
    for text in (result.err, result.log_text):
        assert "Docker cannot be reached" in text and "/run/nonesuch.sock" in text, result
    assert eins.phase == ("connected" if mode == "forbidden" else "disconnected"), result


def test_a_second_check_ends_at_once_and_names_the_first(docker, agent, eins, region):
    docker.run("web")
    eins.check()
    before, state = docker.view(), eins.files()["state.ini"]
    region.mode = "tls_silent"
    eins.conf["region"].update(connect_timeout=60, timeout=60)  # the first stays until it is killed
    connections = region.connections
    first = eins.popen()
    wait_for(lambda: region.connections > connections, 60, "the first check probes")
    result = eins.check(code=75)
    assert f"process {first.pid} " in result.err and eins.lock_file in result.err, result
    assert region.connections == connections + 1 and docker.view() == before and eins.files()["state.ini"] == state, result
    first.kill()
    first.wait()
    region.mode = "forbidden"
    eins.check()  # a lock dies with its holder


def test_a_state_without_its_folder_is_an_error_that_says_what_to_do(docker, agent, eins):
    docker.run("web")
    before = docker.view()
    eins.conf["state"]["file"] = eins.folder + "/missing/state.ini"
    refused(eins, 74, eins.folder + "/missing/state.ini", "folder is missing")
    assert docker.view() == before


def test_a_host_that_cannot_look_says_why(eins):
    eins.conf["region"]["ca_file"] = eins.folder + "/nonesuch.pem"
    result = eins.check(code=70)
    for text in (result.err, result.log_text):
        assert "/nonesuch.pem" in text and "nothing is changed" in text, result


# -- a dry run ---------------------------------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_be_done_and_does_nothing(docker, agent, eins, outage):
    web, quiet = docker.run("web", DEAF, stop_timeout=0), docker.run("quiet")

    def dry(mode, *expected):
        """Phase, then all operations with their containers; those of one kind run side by side, the kinds in this order."""
        outage.region.mode = mode
        before, files = docker.view(), eins.files()
        result = eins.dry_run()
        assert docker.view() == before and eins.files() == files, result
        found = re.findall(r"^ +\d+\.  (.*) \(\w{12}\): (.*)$", result.out, re.MULTILINE)
        assert re.search(r"^Phase: +(.*)$", result.out, re.MULTILINE).group(1) == expected[0], result
        assert sorted(found) == sorted(expected[1:]) and [deed for _, deed in found] == [deed for _, deed in expected[1:]], result
    dry("forbidden", "not known yet (no state) -> connected")
    outage.before()
    dry("forbidden", "connected -> connected")
    hold = "restart policy no -> on-failure"
    dry("refused", "connected -> disconnected", ("ecs-agent", "pause the agent"), (quiet, hold), (web, hold))
    outage.begin()
    docker.crash_and_restart(web)
    dry("refused", "disconnected -> disconnected")
    restore = "restart policy on-failure -> no"
    dry("forbidden", "disconnected -> connected", (quiet, restore), (web, restore), (web, "stop"), (web, "remove"),
        ("ecs-agent", "unpause the agent"))
    outage.end()
    assert not docker.exists(web)


def test_a_dry_run_sends_only_get_and_head(host):
    for mode in ("forbidden", "refused", "refused", "forbidden"):
        host.region.mode = mode
        host.engine.forget()
        host.eins.dry_run()
        assert host.engine.requests and not host.engine.changes
        host.eins.check()


def test_a_dry_run_needs_no_lock_and_no_state(eins, region):
    eins.conf["state"]["file"] = eins.folder + "/missing/state.ini"
    eins.conf["log"]["file"] = eins.folder + "/missing/eins.log"
    eins.dry_run()
    assert not eins.files()


# -- the log -------------------------------------------------------------------------------------------------------------------------


def whole_outage(docker, outage):
    """Results of all the steps of an outage in which a container is restarted."""
    web = docker.run("web", DEAF, stop_timeout=0)
    results = [outage.before(), outage.begin()]
    docker.crash_and_restart(web)
    return web, [*results, outage.again(), outage.end()]


def test_the_log_has_the_format_of_the_original_and_a_line_for_each_deed(docker, agent, eins, outage):
    web, results = whole_outage(docker, outage)
    lines = eins.log_lines()
    assert lines and all(LOG_LINE.fullmatch(line) for line in lines), results
    deeds = [line for line in lines if " INFO " in line and ("ecs-agent" in line or web in line)]
    for tag, name, deed in [("ecs-offline", "ecs-agent", "pause"), ("ecs-offline", web, "restart policy no -> on-failure"),
                            ("ecs-online", web, "restart policy on-failure -> no"), ("ecs-online", web, "stop"),
                            ("ecs-online", web, "remove"), ("ecs-online", "ecs-agent", "unpause")]:
        assert [line for line in deeds if f"[{tag}]" in line and name in line and f": {deed}" in line and line.endswith(")")], deed
    assert not any(result.out or result.err for result in results), "with a log, the terminal stays empty"


def test_verbose_says_the_same_on_standard_error(docker, agent, eins, region):
    docker.run("web")
    region.mode = "refused"
    result = eins.check("--verbose")
    assert result.err.splitlines() == result.log and result.log, result


def journal(eins, *arguments):
    """One check as a service of systemd: what the journal gets."""
    path = eins.folder + "/journal"
    with open(path, "wb") as stream:
        status = os.fstat(stream.fileno())
        eins.env["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
        process = eins.popen(*arguments, stderr=stream)
        assert process.wait(60) == 0
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def test_the_journal_gets_priorities_and_nothing_of_an_uneventful_check(docker, agent, eins, region):
    eins.conf["log"]["level"] = "INFO"
    web = docker.run("web")
    assert journal(eins) == []
    region.mode = "refused"
    lines = journal(eins)
    assert all(JOURNAL_LINE.fullmatch(line) for line in lines), lines
    assert [line for line in lines if line.startswith("<4>[ecs-offline] outage 1 begins")], lines
    assert [line for line in lines if line.startswith("<5>[ecs-offline]") and web in line], lines
    assert journal(eins) == []
    assert journal(eins, "--loglevel=DEBUG"), "unless it was asked for"


def test_a_journal_that_is_not_this_standard_error_is_none(docker, eins, region):
    eins.env["JOURNAL_STREAM"] = "8:12345"
    region.mode = "refused"
    result = eins.check("--verbose")
    assert all(LOG_LINE.fullmatch(line) for line in result.err.splitlines()), result


def test_a_log_that_cannot_be_written_is_said_once_and_stops_nothing(docker, agent, eins, region):
    web = docker.run("web")
    eins.conf["log"]["file"] = eins.folder + "/missing/eins.log"
    region.mode = "refused"
    result = eins.check()
    assert result.err.count("missing/eins.log") == 1, result
    assert "outage 1 begins" in result.err, "warnings go where they can be read"
    assert docker.policy(web) == ("on-failure", 0) and agent.status == "paused", result


def test_no_log_at_all_can_be_chosen(docker, agent, eins, region):
    eins.conf["log"]["file"] = ""
    region.mode = "refused"
    result = eins.check()
    assert not result.out and not result.err and eins.phase == "disconnected", result
    assert sorted(eins.files()) == ["state.ini", "state.ini.lock"]


# -- words of others -------------------------------------------------------------------------------------------------------------------


HOSTILE = "\x1b[2J\x1b]0;owned\x07 \r\nfake \x00\x7f\x9b31m\u202e"


def harmless(result):
    assert not CONTROL.search(result.out + result.err + result.log_text), result
    assert all(LOG_LINE.fullmatch(line) for line in result.log), result


@pytest.mark.parametrize("name", [f"/{HOSTILE}", *faults.HARD_NAMES])
def test_names_are_never_printed_raw(host, name):
    host.engine.fault("GET /containers/json", faults.edit("0.Names.0", name), times=None)
    host.region.mode = "refused"
    for arguments in (["--dry-run"], ["--verbose"]):
        harmless(host.eins.check(*arguments))
    assert host.eins.phase == "disconnected", "and the state is still a state"


@pytest.mark.parametrize("status", [400, 500])
def test_messages_of_docker_are_never_printed_raw(host, status):
    host.engine.fault("POST /containers/.*/(update|pause)", faults.error(status, HOSTILE.replace("\0", "")), times=None)
    host.region.mode = "refused"
    result = host.eins.check("--verbose", code=1)
    assert "owned" in result.log_text, result
    harmless(result)


def test_words_of_the_operator_and_of_the_region_are_never_printed_raw(eins, region):
    for argument in ("--region=\x1b[31m", "--\x1b[31m", "--retries=\x9b31m", "\x1b[31m", "--config=/\x1b[31m"):
        result = eins.run(argument)
        assert result.code in (64, 78) and not CONTROL.search(result.err), result
    region.mode = "not_http"
    harmless(eins.check("--verbose"))
