# SPDX-License-Identifier: MIT-0
"""Whatever a check is started with, variables, streams, limits and umask: it does what it would have done, or says that it could not. What is
wrong with the clock: test_clock.py; what it is trusted with: test_secrets.py."""
import functools
import os
import re
import stat
import subprocess

import pytest

from support import scripted_faults as faults
from support.host import Host, all_at_once
from support.wait import wait_for

NOBODY = "12345"  # a user that nobody has
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ PID_\d+ \[[a-z-]+\] .*")
NOT_LOADED = 127  # the dynamic loader's exit code, when it could not even begin


@pytest.fixture
def host(certificates):
    with Host(certificates) as host:
        yield host


def whole_outage(host, web, worker):
    """Every step, each as it should be. Returns the results."""
    results = [host.before(), host.begin()]
    host.assert_disconnected([web, worker])
    host.crash(worker)
    results += [host.again(), host.end(), host.again()]
    host.assert_connected([web], gone=[worker])
    assert not any("rebuilt" in result.log_text for result in results)
    assert all(LOG_LINE.fullmatch(line) for line in host.eins.log_lines()), host.eins.log_lines()
    with open(host.eins.lock_file, encoding="ascii") as file:
        assert file.read() == "", "nothing was written to the lock, whatever number its descriptor has"
    return results


# -- variables -----------------------------------------------------------------------------------------------------------------------------------

VARIABLES = {
    "LC_ALL": ["", "C", "de_DE.UTF-8", "tr_TR.UTF-8", "../../etc", "x" * 10000],
    "TZ": ["", ":", ":/etc/shadow", "../../../etc/passwd", "Pacific/Kiritimati", "ABC-167:59:59", "<\x1b[2J>0", "x" * 10000],
    "OPENSSL_CONF": ["", "/nonexistent", "/dev/null", "/etc", "/bin/busybox", "/etc/passwd"],
    **{name: ["", "/nonexistent", "relative", "/etc/shadow"] for name in (
        "HOME", "PATH", "TMPDIR", "XDG_CONFIG_HOME", "CURL_HOME", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_ENGINES")},
    "CURL_SSL_BACKEND": ["gnutls"],
    "http_proxy": ["http://127.0.0.1:1"],
    "MALLOC_PERTURB_": ["165", "x"],
    "MALLOC_ARENA_MAX": ["0", "1", "-1"],
    "MALLOC_CHECK_": ["3"],
    "MALLOC_MMAP_THRESHOLD_": ["0"],
    "GLIBC_TUNABLES": ["glibc.malloc.perturb=90:x=y", "x"],
    "LD_BIND_NOW": ["1"],
    "RES_OPTIONS": ["ndots:99999"],
    "HOSTALIASES": ["/etc/shadow"],
    "NOTIFY_SOCKET": ["/nonexistent", "@", "/" + "x" * 200],
    "JOURNAL_STREAM": ["x", "0:0"],
    "TERM": ["x" * 10000, "dumb"],
    "POSIXLY_CORRECT": ["1"],
    "\x1b[2J": ["\x1b[2J"],
}


def with_variables(certificates, variables):
    with Host(certificates) as host:
        web, worker = host.engine.run("web"), host.engine.run("worker")
        host.eins.env = variables
        whole_outage(host, web, worker)


def test_strange_variables_change_nothing(certificates):
    """Each value once, together with one of each other variable that still has some."""
    rounds = [{name: values[number] for name, values in VARIABLES.items() if number < len(values)} for number in range(8)]
    all_at_once({f"values number {number}": functools.partial(with_variables, certificates, chosen) for number, chosen in enumerate(rounds)})


def test_no_variables_at_all_are_needed(host):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.eins.prefix = ["/usr/bin/env", "-i"]
    whole_outage(host, web, worker)


def test_the_keys_of_its_connections_are_written_nowhere(host):
    """libcurl would do so, to wherever the variable says."""
    path = os.path.join(host.eins.folder, "keys")
    host.eins.env = {"SSLKEYLOGFILE": path}
    host.before()
    assert not os.path.exists(path)


# -- streams -------------------------------------------------------------------------------------------------------------------------------------


def without(certificates, closed):
    with Host(certificates) as host:
        web, worker = host.engine.run("web"), host.engine.run("worker")
        host.eins.prefix = ["sh", "-c", 'exec "$@" ' + " ".join(f"{fd}>&-" for fd in closed), "sh"]
        host.eins.conf["metrics"] = {"file": host.eins.folder + "/eins.prom"}
        whole_outage(host, web, worker)
        before = host.eins.files()
        for arguments in (["--status"], ["--status", "--json"], ["--check-config"], ["--dry-run"], ["--help"], ["--nonsense"]):
            host.eins.run(*arguments)
        assert host.eins.files() == before
        hangs = host.engine.fault("GET /_ping", faults.hang())
        check = host.eins.popen()
        wait_for(lambda: hangs.fired, 30, "it is in the middle of its work")
        assert [os.readlink(f"/proc/{check.pid}/fd/{fd}") for fd in closed] == ["/dev/null"] * len(closed)
        check.kill()
        check.communicate()
        host.region.mode = "refused"
        host.engine.fault("POST .*/pause", faults.error(500, "no"), times=None)
        host.begin(code=1)  # with something to say on standard error
        host.again(code=1)
        host.engine.heal()
        host.end()
        host.assert_connected([web])


def test_closed_streams_are_not_taken_for_files(certificates):
    all_at_once({str(closed): functools.partial(without, certificates, closed) for closed in ([0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2])})


# -- limits --------------------------------------------------------------------------------------------------------------------------------------


def assert_nothing_is_mistaken(host, result, before):
    """A check that this host was too short of something for."""
    assert result.code in (0, 1, 69, 70, 74, 78, NOT_LOADED), result
    assert result.code == 0 or result.err, result
    assert host.eins.phase == "connected" and host.engine.view() == before, result


def test_want_of_descriptors_is_not_taken_for_an_outage(host):
    host.engine.run("web")
    host.before()
    before, codes = host.engine.view(), []
    for count in range(3, 40):
        host.eins.prefix = ["prlimit", f"--nofile={count}"]
        result = host.eins.run()
        assert_nothing_is_mistaken(host, result, before)
        codes.append(result.code)
    assert codes[-1] == 0 and {70, 78} & set(codes), codes


def test_an_outage_survives_checks_without_descriptors(host):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    host.begin()
    host.crash(worker)
    host.region.mode = "forbidden"
    for count in range(3, 40, 3):
        host.eins.prefix = ["prlimit", f"--nofile={count}"]
        result = host.eins.run()
        assert result.code in (0, 1, 69, 70, 74, 78, NOT_LOADED) and (result.code == 0 or result.err), result
    host.again()
    kept = [web, *([worker] if host.engine.exists(worker) else [])]  # nothing is removed by one that cannot write down that it does
    host.assert_connected(kept)
    assert not [name for name in os.listdir(host.eins.folder) if "corrupt" in name]


@pytest.mark.parametrize("size", [0, 1, 300, 600])
def test_a_limit_to_the_size_of_files_is_a_full_disk_and_no_crash(host, size):
    """First the configuration cannot be parsed, which takes a file in memory, then the state cannot be written."""
    web = host.engine.run("web")
    host.before()
    state = host.eins.files()["state.ini"]
    host.region.mode = "refused"
    host.eins.prefix = ["prlimit", f"--fsize={size}"]
    result = host.eins.check(code=(74, 78))
    assert "File too large" in result.err and host.eins.files()["state.ini"] == state and host.agent.status == "running", result
    host.eins.prefix = []
    host.again()
    host.assert_disconnected([web])


def test_a_limit_to_processes_is_not_taken_for_an_outage(host, certificates):
    """The resolver needs a thread."""
    hosts = os.path.join(host.eins.folder, "hosts")
    with open(hosts, "w", encoding="ascii") as file:
        file.write(f"127.0.0.1 {host.region.host}\n")
    for path in (host.eins.folder, host.engine.folder, host.engine.socket, certificates.folder):
        os.chmod(path, 0o777)
    os.chmod(hosts, 0o644)
    host.eins.conf["region"]["endpoint"] = f"https://{host.region.host}:{host.region.port}/"
    host.eins.prefix = ["unshare", "--mount", "sh", "-euc", 'mount --bind "$0" /etc/hosts; exec "$@"', hosts,
                        "setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]
    host.before()
    before = host.engine.view()
    host.eins.prefix += ["prlimit", "--nproc=1"]
    result = host.eins.run()
    assert_nothing_is_mistaken(host, result, before)
    assert result.code == 70 and "could not look" in result.err, result


# -- files ---------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0, 0o777, 0o077])
def test_whatever_the_umask_files_have_the_modes_that_are_documented(host, umask):
    host.engine.run("web")
    host.eins.conf["metrics"] = {"file": host.eins.folder + "/eins.prom"}
    for mode in ("forbidden", "refused"):
        host.region.mode = mode
        process = host.eins.popen(umask=umask)
        process.communicate(timeout=60)
        assert process.returncode == 0
    modes = {name: stat.S_IMODE(os.stat(os.path.join(host.eins.folder, name)).st_mode) for name in os.listdir(host.eins.folder)}
    assert {name: mode for name, mode in modes.items() if name != "eins.conf"} == dict.fromkeys(
        ["state.ini", "state.ini.lock", "eins.log", "eins.prom"], 0o644)


PLANTED = {"eins.log": 0, "state.ini.lock": 74, "state.ini": 0, "eins.prom": 0, "eins.conf": 78}


@pytest.mark.parametrize("name,code", PLANTED.items(), ids=PLANTED)
@pytest.mark.parametrize("victim", ["there", "missing"])
def test_a_link_that_was_planted_where_all_may_write_leads_nowhere(host, tmp_path, name, code, victim):
    os.chmod(host.eins.folder, 0o1777)
    host.eins.conf["metrics"] = {"file": host.eins.folder + "/eins.prom"}
    target, path = tmp_path / "precious", os.path.join(host.eins.folder, name)
    if victim == "there":
        target.write_text("precious\n")
    command = host.eins.command()
    if name == "eins.conf":
        os.unlink(path)
    os.symlink(target, path)
    result = subprocess.run(command, env=host.eins.environment(), capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == code, result
    assert target.read_text() == "precious\n" if victim == "there" else not target.exists(), result
    assert not os.path.islink(path) or name in result.stderr, "what is not replaced by a file is refused, and that is said"
