# SPDX-License-Identifier: MIT-0
"""The file of the metrics: how it is written, what becomes of a check that cannot write it, and where the service may."""
import contextlib
import os
import re
import shutil

import pytest

from support.disk import file_system
from support.home import SERVICE, installed
from support.man import chapter
from support.metrics import NAME, NOBODY, NodeExporter, values

DEBIAN = "/var/lib/prometheus/node-exporter"


# -- how they are written -----------------------------------------------------------------------------------------------------------------


def test_everybody_may_read_them_whatever_the_umask(watched):
    process = watched.eins.popen(umask=0o077)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert os.stat(watched.path).st_mode & 0o777 == 0o644
    assert os.listdir(watched.folder) == [NAME], "no temporary file is left"


def test_a_link_planted_as_the_metrics_is_replaced_and_not_followed(watched):
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


# -- where the service may write them -----------------------------------------------------------------------------------------------------


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
