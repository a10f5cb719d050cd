# SPDX-License-Identifier: MIT-0
"""What those see who watch: the metrics of a check, through a real node_exporter, and the alerts on them."""
import os
import re
import subprocess
import time

from support.disk import file_system
from support.eins import SOURCE, binary
from support.man import chapter
from support.metrics import NAME, NodeExporter, promtool, values
from support.scripted_faults import error
from support.wait import wait_for

KINDS = ("incomplete", "docker", "probe", "state")
RULES, RULES_TEST = (os.path.join(SOURCE, "etc", name) for name in ("eins.rules.yml", "eins.rules.test.yml"))


def errors(**counts):
    return {f'eins_errors_total{{kind="{kind}"}}': counts.get(kind, 0) for kind in KINDS}


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
        wait_for(lambda: time.time() >= began + 1.1, 60, "the outage has lasted for a second")
        shown = step(host.again, **phases(0), outage_start_timestamp_seconds=began, containers_kept=2, containers_restarted_total=1,
                     containers_removed_total=0, outages_total=1)
        assert shown["eins_outage_seconds_total"] == shown["eins_last_check_timestamp_seconds"] - began >= 1
        shown = step(host.end, **phases(1), outage_start_timestamp_seconds=0, containers_kept=0, containers_restarted_total=1,
                     containers_removed_total=1, outages_total=1)
        length = since() - began
        assert shown["eins_outage_seconds_total"] == length >= 1
        step(host.again, outage_seconds_total=length, containers_restarted_total=1, containers_removed_total=1, outages_total=1)
    version = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=True, timeout=60).stdout.split()[1]
    watched.holds({f'eins_build_info{{version="{version}"}}': 1})


def test_a_link_in_node_exporters_folder_is_enough(watched):
    """As the man page has it: the file stays eins's own, and the link in the collector's folder is root's."""
    collector = os.path.join(watched.folder, "collector")
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
    shown = subprocess.run([binary(), "--help"], capture_output=True, text=True, check=True, timeout=60).stdout
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


def test_the_man_page_has_all_metrics_and_their_labels(watched):
    watched.host.before()
    told = [(name, label or None) for name, label in re.findall(r"^\.It Sy (\w+)(?: Ns Brq Sy (\w+))?$",
                                                                chapter("eins-check.8", "METRICS"), re.MULTILINE)]
    written = re.findall(r"^(eins_\w+)(?:{(\w+)=.*})? ", watched.text(), re.MULTILINE)
    assert told == list(dict.fromkeys((name, label or None) for name, label in written))
