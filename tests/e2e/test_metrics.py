# SPDX-License-Identifier: MIT-0
"""What those see who watch: the metrics of a check, through a real node_exporter, and the alerts on them."""
import contextlib
import http.client
import os
import re
import shutil
import subprocess
import tempfile
import time

import pytest

from support.eins import PATH, SOURCE, binary
from support.home import SERVICE, installed
from support.host import Host
from support.scripted_faults import error
from support.wait import wait_for

NOBODY = 65534
NAME = "eins.prom"
KINDS = ("incomplete", "docker", "probe", "state")
ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C.UTF-8"}
RULES, RULES_TEST = (os.path.join(SOURCE, "etc", name) for name in ("eins.rules.yml", "eins.rules.test.yml"))
DEBIAN = "/var/lib/prometheus/node-exporter"


def values(text):
    """The samples of a text in the exposition format, by name with labels."""
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")}


def errors(**counts):
    return {f'eins_errors_total{{kind="{kind}"}}': counts.get(kind, 0) for kind in KINDS}


def promtool(*arguments, text=None):
    return subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, timeout=60, env=ENVIRONMENT)


class NodeExporter:
    """A real one, as a user who owns nothing, with the textfile collector and no other."""

    def __init__(self, folder):
        self._process = subprocess.Popen(
            ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "prometheus-node-exporter", "--collector.disable-defaults",
             "--collector.textfile", f"--collector.textfile.directory={folder}", "--web.listen-address=127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        for line in self._process.stderr:
            if found := re.search(r"Listening on.* address=127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                return
        self.close()
        raise AssertionError("node_exporter does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stderr.close()

    def scrape(self):
        """The text that Prometheus gets."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            text = response.read().decode()
        assert response.status == 200, text
        return text


class Watched:
    """A host whose checks write metrics into a folder that everybody may read."""

    def __init__(self, host, folder):
        self.host, self.eins, self.folder = host, host.eins, folder
        self.path = os.path.join(folder, NAME)
        self.eins.conf["metrics"] = {"file": self.path}

    def text(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def values(self):
        return values(self.text())

    def holds(self, expected):
        """Asserts that these samples, and maybe more, are in the file."""
        found = self.values()
        assert {name: found.get(name) for name in expected} == expected, self.text()


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="eins-metrics-") as folder:
        os.chmod(folder, 0o755)
        yield folder


@pytest.fixture
def watched(certificates, folder):
    with Host(certificates) as host:
        yield Watched(host, folder)


# -- what they say --------------------------------------------------------------------------------------------------------------------------


def test_a_whole_outage_as_node_exporter_shows_it(watched):
    host, eins = watched.host, watched.eins
    host.engine.run("quiet")
    worker = host.engine.run("worker")

    def step(check, **expected):
        """One check, and what Prometheus gets after it."""
        began = time.time()
        check()
        text = exporter.scrape()
        shown = {name: value for name, value in values(text).items() if name.startswith("eins_")}
        assert shown == watched.values(), "node_exporter shows what is in the file"
        assert values(text)["node_textfile_scrape_error"] == 0
        assert began - 2 < shown["eins_last_check_timestamp_seconds"] <= time.time()
        assert 0 < shown["eins_probe_duration_seconds"] <= shown["eins_check_duration_seconds"] < 90
        assert {name: shown[f"eins_{name}"] for name in expected} == expected
        assert {name: shown[name] for name in errors()} == errors()
        lint = promtool("check", "metrics", text=watched.text())
        assert (lint.returncode, lint.stdout + lint.stderr) == (0, "")
        families = re.findall(r"^# TYPE (\w+)", watched.text(), re.MULTILINE)
        assert re.findall(r"^# HELP (\w+) \S", watched.text(), re.MULTILINE) == families
        assert {re.match(r"\w+", name)[0] for name in shown} == set(families)
        return shown

    def phases(connected):
        return {'phase{phase="connected"}': connected, 'phase{phase="disconnected"}': 1 - connected, "region_reachable": connected}

    def since():
        return int(eins.state()["state"]["since"])
    with NodeExporter(watched.folder) as exporter:
        step(host.before, **phases(1), outage_start_timestamp_seconds=0, containers_kept=0, containers_restarted_total=0,
             containers_removed_total=0, outages_total=0, outage_seconds_total=0)
        shown = step(host.begin, **phases(0), containers_kept=2, outages_total=1, containers_restarted_total=0, outage_seconds_total=0)
        began = since()
        assert shown["eins_outage_start_timestamp_seconds"] == began
        host.crash(worker)
        wait_for(lambda: time.time() >= began + 1.1, 5, "the outage has lasted for a second")
        shown = step(host.again, **phases(0), outage_start_timestamp_seconds=began, containers_kept=2, containers_restarted_total=1,
                     containers_removed_total=0, outages_total=1)
        assert shown["eins_outage_seconds_total"] == shown["eins_last_check_timestamp_seconds"] - began >= 1
        shown = step(host.end, **phases(1), outage_start_timestamp_seconds=0, containers_kept=0, containers_restarted_total=1,
                     containers_removed_total=1, outages_total=1)
        length = since() - began
        assert shown["eins_outage_seconds_total"] == length >= 1
        step(host.again, outage_seconds_total=length, containers_restarted_total=1, containers_removed_total=1, outages_total=1)
    version = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=True, timeout=10).stdout.split()[1]
    watched.holds({f'eins_build_info{{version="{version}"}}': 1})


def test_a_link_in_node_exporters_folder_is_enough(watched, folder):
    """As the man page has it: the file stays eins's own, and the link in the collector's folder is root's."""
    collector = os.path.join(folder, "collector")
    os.mkdir(collector)
    os.chmod(collector, 0o755)
    os.symlink(watched.path, os.path.join(collector, NAME))
    with NodeExporter(collector) as exporter:
        watched.host.before()
        watched.host.begin()
        assert values(exporter.scrape())["eins_outages_total"] == 1
    assert os.path.islink(os.path.join(collector, NAME))


def test_an_indeterminate_probe_leaves_the_region_out_and_keeps_the_phase(watched):
    host = watched.host
    host.engine.run("web")
    host.before()
    host.begin()
    ca_file, watched.eins.conf["region"]["ca_file"] = watched.eins.conf["region"]["ca_file"], "/nonesuch/ca.pem"
    for count in (1, 2):
        host.again(code=70)
        assert "eins_region_reachable" not in watched.text()
        watched.holds({'eins_phase{phase="disconnected"}': 1, "eins_containers_kept": 1, **errors(probe=count)})
        lint = promtool("check", "metrics", text=watched.text())
        assert (lint.returncode, lint.stdout + lint.stderr) == (0, "")
    watched.eins.conf["region"]["ca_file"] = ca_file
    host.end()
    watched.holds({"eins_region_reachable": 1, **errors(probe=2)})


def test_checks_that_fail_are_counted_by_what_was_wrong(watched):
    host, eins = watched.host, watched.eins
    web = host.engine.run("web")
    host.before()
    docker, eins.conf["docker"]["host"] = eins.conf["docker"]["host"], "unix:///nonesuch/docker.sock"
    host.again(code=69)
    host.again(code=69)
    watched.holds(errors(docker=2))
    eins.conf["docker"]["host"] = docker
    fault = host.engine.fault(f"POST /containers/{web}/update", error(500, "no"), times=None)
    host.begin(code=1)
    assert fault.fired
    watched.holds({**errors(docker=2, incomplete=1), "eins_containers_kept": 1})
    host.engine.heal()
    host.again()
    watched.holds(errors(docker=2, incomplete=1))


@contextlib.contextmanager
def file_system(folder):
    """A small one of its own in that folder. Yields a function that mounts it again with other options."""
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", folder], check=True)
    try:
        yield lambda option: subprocess.run(["mount", "-o", "remount," + option, folder], check=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_state_that_cannot_be_written_is_counted_although_nothing_can_be_added_up(watched):
    host, eins = watched.host, watched.eins
    with file_system(eins.folder + "/disk") as remount:
        eins.state_file = eins.conf["state"]["file"] = eins.folder + "/disk/state.ini"
        host.before()
        watched.holds(errors())
        remount("ro")
        for _ in range(2):
            host.again(code=74)
            watched.holds(errors(state=1))
        remount("rw")
        host.again()
        watched.holds(errors())


# -- how they are written -----------------------------------------------------------------------------------------------------------------


def test_everybody_may_read_them_whatever_the_umask(watched):
    process = watched.eins.popen(umask=0o077)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert os.stat(watched.path).st_mode & 0o777 == 0o644
    assert os.listdir(watched.folder) == [NAME], "no temporary file is left"


def test_a_link_planted_as_the_metrics_is_replaced_and_not_followed(watched, folder):
    victim = os.path.join(watched.eins.folder, "victim")
    with open(victim, "w", encoding="ascii") as file:
        file.write("precious\n")
    os.symlink(victim, watched.path)
    watched.host.before()
    assert open(victim, encoding="ascii").read() == "precious\n"
    assert not os.path.islink(watched.path) and watched.values()["eins_region_reachable"] == 1


@pytest.mark.parametrize("arguments", [["--dry-run"], ["--dry-run", "--json"], ["--status"], ["--check-config"], ["--dry-run", "--reset"]],
                         ids=" ".join)
def test_what_only_looks_writes_none(watched, arguments):
    host = watched.host
    host.engine.run("web")
    host.before()
    before = watched.text(), os.stat(watched.path).st_mtime_ns
    host.region.mode = "refused"
    watched.eins.run(*arguments)
    assert (watched.text(), os.stat(watched.path).st_mtime_ns) == before
    os.unlink(watched.path)
    watched.eins.run(*arguments)
    assert os.listdir(watched.folder) == []


def test_without_a_file_in_the_configuration_there_are_none(watched):
    for metrics in ({"file": ""}, {}):
        watched.eins.conf["metrics"] = metrics
        assert not watched.host.before().err
    assert os.listdir(watched.folder) == []


def test_what_a_killed_check_left_is_cleared_away_and_never_shown(watched):
    left = os.path.join(watched.folder, f".{NAME}.aB3xYz.tmp")
    with open(left, "w", encoding="ascii") as file:
        file.write("eins_half")
    with NodeExporter(watched.folder) as exporter:
        assert "eins_" not in exporter.scrape() and values(exporter.scrape())["node_textfile_scrape_error"] == 0
        watched.host.before()
    assert os.listdir(watched.folder) == [NAME]


# -- and when they cannot be ----------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def missing(watched):
    shutil.rmtree(watched.folder)
    try:
        yield
        assert not os.path.exists(watched.folder), "it is not for a check to make it"
    finally:
        os.makedirs(watched.folder, exist_ok=True)


@contextlib.contextmanager
def forbidden(watched):
    """As for the service's user: the folder is somebody else's, and root is not above that here."""
    watched.eins.prefix = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    os.chown(watched.folder, NOBODY, NOBODY)
    yield


@contextlib.contextmanager
def read_only(watched):
    with file_system(watched.folder) as remount:
        remount("ro")
        yield


@contextlib.contextmanager
def full(watched):
    with file_system(watched.folder):
        with open(watched.folder + "/filler", "ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        yield
        assert os.listdir(watched.folder) == ["filler"], "no half-written file is left"


@contextlib.contextmanager
def no_file(watched):
    os.mkdir(watched.path)
    yield
    os.rmdir(watched.path)


TROUBLES = {missing: "its folder is missing", forbidden: "Permission denied", read_only: "Read-only file system", full: "No space left",
            no_file: "Is a directory"}


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_metrics_that_cannot_be_written_stop_no_check_and_are_an_error_in_the_log(trouble, watched):
    host, eins = watched.host, watched.eins
    names = [host.engine.run("web"), host.engine.run("worker")]
    with trouble(watched):
        results = [host.before(), host.begin()]
        host.assert_disconnected(names)
        docker, eins.conf["docker"]["host"] = eins.conf["docker"]["host"], "unix:///nonesuch/docker.sock"
        results.append(host.again(code=69))  # the exit code is that of the check
        eins.conf["docker"]["host"] = docker
        results.append(host.end())
        host.assert_connected(names)
    for result in results:
        lines = [line for line in result.log if " ERROR " in line and f" {watched.path}: cannot be written: " in line]
        assert len(lines) == 1 and TROUBLES[trouble] in lines[0], result
        assert TROUBLES[trouble] in result.err, result
        assert "eins.conf(5)" in lines[0] or trouble not in (forbidden, read_only), "where it says how to let the service do it"
    eins.prefix = []
    host.again()
    assert watched.values()["eins_outages_total"] == 1, "and what was counted in the meantime is not lost"


# -- the alerts -----------------------------------------------------------------------------------------------------------------------------


def test_the_alerts_come_when_they_should():
    for arguments in (("check", "rules", RULES), ("test", "rules", RULES_TEST)):
        result = promtool(*arguments)
        assert result.returncode == 0 and "SUCCESS" in result.stdout, result.stdout + result.stderr


def test_the_alerts_use_metrics_that_there_are_and_name_commands_that_there_are(watched):
    watched.host.before()
    with open(RULES, encoding="utf-8") as file:
        rules = file.read()
    used = set(re.findall(r"\beins_\w+", rules))
    assert used and used <= set(re.findall(r"^# TYPE (\w+)", watched.text(), re.MULTILINE))
    shown = subprocess.run([binary(), "--help"], capture_output=True, text=True, check=True, timeout=10).stdout
    options = set(re.findall(r"`eins-check (--[\w-]+)`", rules))
    assert options and not [option for option in options if f"{option} " not in shown]
    units = set(re.findall(r"\becs-eins\.\w+", rules))
    assert units and not [unit for unit in units if not os.path.exists(os.path.join(SOURCE, "systemd", unit + ".in"))]
    alerts = rules.count("- alert: ")
    assert alerts and alerts == rules.count("summary: ") == rules.count("description: >-") == rules.count("severity: ")
    with open(RULES_TEST, encoding="utf-8") as file:
        tested = file.read()
    assert [name for name in re.findall(r"- alert: (\w+)", rules) if name not in tested] == []


# -- the man pages --------------------------------------------------------------------------------------------------------------------------


def chapter(page, heading):
    with open(os.path.join(SOURCE, "man", page), encoding="utf-8") as file:
        return file.read().split(f"\n.Sh {heading}\n")[1].split("\n.Sh ")[0] + "\n"


def test_the_man_page_has_all_metrics_and_their_labels(watched):
    watched.host.before()
    told = [(name, label or None) for name, label in re.findall(r"^\.It Sy (\w+)(?: Ns Brq Sy (\w+))?$",
                                                                chapter("eins-check.8", "METRICS"), re.MULTILINE)]
    written = re.findall(r"^(eins_\w+)(?:{(\w+)=.*})? ", watched.text(), re.MULTILINE)
    assert told == list(dict.fromkeys((name, label or None) for name, label in written))


@pytest.fixture
def home(engine, docker, agent, certificates):
    """eins as it is installed, in a guest; docker is real, and the service is the user eins's."""
    with installed(engine, certificates) as home:
        yield home


def test_the_service_may_write_where_the_man_page_lets_it(home):
    """The man page's own commands and files: first its simple way, then a folder of node_exporter's."""
    guest = home.guest
    section = chapter("eins.conf.5", "[metrics] SECTION")
    blocks = [block.splitlines() for block in re.findall(r"^\.Bd .*\n((?:.*\n)*?)\.Ed$", section, re.MULTILINE)]
    simple, (*commands, edit), drop_in = blocks
    link = re.search(r"^\.Dl # (.+)$", section, re.MULTILINE)[1]
    conf = guest.read("/etc/eins/eins.conf")
    guest.run("mkdir", "-p", DEBIAN)

    def check(lines):
        """One check of the service with this [metrics]. The errors that it had."""
        seen = home.lines()
        guest.write("/etc/eins/eins.conf", conf + "\n" + "\n".join(lines) + "\n")
        guest.run("systemctl", "start", SERVICE)
        guest.run("journalctl", "--sync")
        return [message for priority, message in home.new_lines(seen) if priority <= 3]

    def shown():
        return guest.run("stat", "--dereference", "--format=%a %U", f"{DEBIAN}/{NAME}").out.strip()
    assert check(simple) == []
    guest.run("sh", "-euc", link)
    assert shown() == "644 eins" and check(simple) == []
    guest.remove(f"{DEBIAN}/{NAME}")
    there = ["[metrics]", f"file = {DEBIAN}/{NAME}"]
    assert "Read-only file system; eins.conf(5) says" in "".join(check(there)), "the service is shut in, and the check goes on"
    assert edit == f"# systemctl edit {SERVICE}"
    guest.write(f"/etc/systemd/system/{SERVICE}.d/override.conf", "\n".join(drop_in) + "\n")
    guest.run("systemctl", "daemon-reload")
    assert "Permission denied; eins.conf(5) says" in "".join(check(there)), "both are needed"
    for command in commands:
        guest.run("sh", "-euc", command.removeprefix("# "))
    assert check(there) == [] and shown() == "644 eins"
    guest.remove(DEBIAN)
    assert "its folder is missing" in "".join(check(there)), "and a folder that is gone does not keep the service from starting"
