# SPDX-License-Identifier: MIT-0
"""A dry run as a view: what the probe saw, the plan in its order, what is left alone, and on what it is printed."""
import re

import pytest

from support import scripted_faults as faults
from support.dry_run import NO_IMAGE, document, files, healthy_host, locks_folder, loses_image, shows, words
from support.host import CONTROL
from support.proxy import Proxy
from support.terminal import COLOUR, on_a_terminal

STEPS = ["name", "connection", "tls", "first_byte"]


@pytest.fixture
def host(certificates):
    with healthy_host(certificates) as host:
        yield host


def label(text, name):
    return re.search(rf"^{name}: +(.*)$", text, re.MULTILINE)[1]


def numbered(text):
    """The numbered lines: pairs of a container and what is done to it."""
    lines = re.findall(r"^ *(\d+)\.  (\S+) \(\w{12}\): (.*)$", text, re.MULTILINE)
    assert [int(number) for number, _, _ in lines] == list(range(1, len(lines) + 1)), text
    return [line[1:] for line in lines]


# -- the probe -------------------------------------------------------------------------------------------------------------------------------


def test_it_tells_all_that_the_probe_saw(host):
    probe = document(host)["probe"]
    assert (probe["endpoint"], probe["reach"], probe["cause"], probe["status"]) == (host.region.url, "reachable", "status", 403)
    assert (probe["address"], probe["proxied"]) == (f"127.0.0.1:{host.region.port}", False)
    assert probe["tls_version"] == "TLSv1.3" and probe["cipher"].startswith("TLS_"), probe
    assert None not in probe["seconds"].values(), probe
    text = words(host)
    assert label(text, "Region") == host.region.url and label(text, "Probe") == "reachable: HTTP status 403"
    assert label(text, "Address") == f"127.0.0.1:{host.region.port}, TLSv1.3 {probe['cipher']}"
    found = re.fullmatch(r"([\d.]+) ms: name ([\d.]+), connection ([\d.]+), TLS ([\d.]+), first byte ([\d.]+)", label(text, "Time"))
    total, *steps = map(float, found.groups())
    assert sum(steps) <= total + 0.3, "each by itself, and not since the beginning"


@pytest.mark.parametrize("mode, cause, status, missing", [
    ("refused", "connection", None, {"connection", "tls", "first_byte"}),
    ("self_signed", "tls", None, {"connection", "tls", "first_byte"}),  # libcurl 7.88 counts no connection whose handshake fails
    ("tls_silent", "timeout", None, {"first_byte"}),
    ("http_503", "status", 503, set()),
    ("not_http", "not-http", None, set()),
])
def test_of_a_probe_that_failed_it_tells_how_far_it_came(host, mode, cause, status, missing):
    host.region.mode = mode
    for seconds in (1, 5, 20) if mode == "tls_silent" else (60,):  # a machine may be too busy to shake hands in a second
        host.eins.conf["region"].update(connect_timeout=seconds, timeout=seconds)
        probe = document(host)["probe"]
        if probe["seconds"]["tls"] is not None:
            break
    assert (probe["reach"], probe["cause"], probe["status"]) == ("unreachable", cause, status), probe
    found = {step for step in STEPS if probe["seconds"][step] is None}
    assert found == missing or mode == "self_signed" and found == missing - {"connection"}, probe
    assert label(words(host), "Probe").startswith("unreachable: ")


def test_the_address_of_a_proxy_is_said_to_be_one(host):
    with Proxy((host.region.address, host.region.port)) as proxy:
        host.eins.conf["region"].update(proxy=proxy.url, connect_timeout=60, timeout=60)
        probe = document(host)["probe"]
        assert probe["proxied"] and probe["address"] and probe["tls_version"] and "(the proxy), TLS" in label(words(host), "Address")


def test_a_host_that_could_not_look_says_so_in_every_form_and_ends_as_a_check(host):
    host.engine.run("web")
    host.before()
    host.eins.conf["region"]["ca_file"] = "/nonesuch.pem"
    view = document(host, code=70)
    assert (view["probe"]["reach"], view["probe"]["cause"], view["operations"]) == ("indeterminate", "host", [])
    text = words(host, code=70)
    assert "/nonesuch.pem" in label(text, "Probe") and "Nothing would be done." in text


# -- phase and plan --------------------------------------------------------------------------------------------------------------------------


def test_the_phase_is_told_with_since_when(host):
    assert document(host)["phase"] == {"before": None, "after": "connected", "since": None}
    host.before()
    host.eins.conf["region"]["fall"] = 2
    host.region.mode = "refused"
    assert label(words(host), "Phase") == "connected -> connected; failed probe 1 of 2 that begin an outage"
    host.eins.conf["region"]["fall"] = 1
    host.begin()
    phase = document(host)["phase"]
    assert (phase["before"], phase["after"]) == ("disconnected", "disconnected") and phase["since"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+, outage 1", label(words(host), "Since"))


def test_the_plan_is_numbered_in_its_order_and_says_why_once_for_what_belongs_together(host):
    web, db = host.engine.run("web"), host.engine.run("db")
    host.before()
    host.region.mode = "refused"
    text, operations = words(host), document(host)["operations"]
    assert numbered(text)[0] == ("ecs-agent", "pause the agent") and sorted(numbered(text)[1:]) == \
        sorted((name, "restart policy no -> on-failure") for name in (web, db))
    assert text.count("because ") == 2 and "      2 to 3 side by side, because the region cannot be reached\n" in text, text
    assert [(one["order"], one["stage"], one["kind"]) for one in operations] == [(1, 1, "pause-agent"), (2, 2, "hold"), (3, 2, "hold")]
    assert operations[0]["container"] == {"id": host.agent.id, "name": "ecs-agent"} and operations[0]["from"] is None
    free, held = {"policy": "no", "policy_retries": 0}, {"policy": "on-failure", "policy_retries": 0}
    assert all((one["from"], one["to"], one["why"]) == (free, held, "the region cannot be reached") for one in operations[1:])


def test_a_recovery_shows_what_depends_on_what(host):
    web = host.engine.run("web", stop_timeout=3)
    host.before()
    host.begin()
    host.crash(web)
    host.engine.add_execs(web, 100)
    host.region.mode = "forbidden"
    text, operations = words(host), document(host)["operations"]
    kinds = [one["kind"] for one in operations]
    assert kinds == ["restore", "stop", "remove", "kill-agent", "await-agent", "start-agent", "unpause-agent"], text
    assert [one["stage"] for one in operations] == [1, 2, 3, 4, 5, 6, 7]
    stop, remove, _, wait, start, unpause = operations[1:]
    assert stop["seconds"] > 3 and wait["seconds"] == 1 and "for up to 1 s, because it may have missed events" in text
    assert remove["only_if"] == {"order": 2, "ended": "done"} and wait["only_if"] == {"order": 4, "ended": "done"}
    assert start["only_if"] == {"order": 5, "ended": "failed"} and unpause["only_if"] == {"order": 4, "ended": "failed"}
    assert [what for _, what in numbered(text)][1:3] == ["stop", "remove"]


def test_what_is_left_as_it_is_is_counted(host):
    web, down = host.engine.run("web"), host.engine.run("down")
    host.engine.run_plain("mine")
    host.engine.run("mine-too", labels={"eins.enable": "false"})
    host.engine.stop_container(down)
    host.before()
    assert document(host)["left"] == {"up": 1, "down": 1, "others": 2, "agent": True}
    assert label(words(host), "Left as it is") == "managed containers: 1 up, 1 down; other containers: 2; the agent"
    host.region.mode = "refused"
    assert document(host)["left"] == {"up": 0, "down": 1, "others": 2, "agent": False}
    assert label(words(host), "Left as it is") == "managed containers: 0 up, 1 down; other containers: 2"
    assert web in words(host)


def test_notes_are_told_with_their_containers(host):
    web = host.engine.run("web")
    host.before()
    host.begin()
    host.engine.remove(web)
    host.region.mode = "forbidden"
    (note,) = document(host)["notes"]
    assert (note["kind"], note["container"]["name"]) == ("vanished", web)
    assert re.search(rf"^To be known:\n  {web} \(\w{{12}}\): {note['text']}$", words(host), re.MULTILINE)


# -- what it asks, and what it does not -----------------------------------------------------------------------------------------------------


def test_only_a_dry_run_asks_for_more_and_only_by_get(host):
    web = host.engine.run("web")
    loses_image(host, web)
    host.before()
    host.engine.forget()
    host.again()
    assert host.engine.lines == ["GET /_ping", "GET /containers/json"], "a check asks only for what it needs"
    host.engine.forget()
    before, view = host.eins.files(), host.engine.view()
    for arguments in ([], ["--json"], ["--reset"]):
        host.eins.dry_run(*arguments)
    assert {f"GET /containers/{web}/json", f"GET /images/{NO_IMAGE}/json"} <= set(host.engine.lines)
    assert not host.engine.changes and (host.eins.files(), host.engine.view()) == (before, view)


def test_without_docker_there_is_no_plan_and_the_reason_is_told(host):
    host.eins.conf["docker"]["host"] = "unix:///nonesuch/docker.sock"
    view = document(host, code=69)
    assert (view["operations"], view["left"], view["notes"], view["warnings"]) == (None, None, None, [])
    assert "/nonesuch/docker.sock" in view["error"] and view["probe"]["reach"] == "reachable"
    text = words(host, code=69)
    assert "Docker could not be looked at" in text and view["error"] in text


# -- a reset ---------------------------------------------------------------------------------------------------------------------------------


def test_a_dry_reset_shows_its_plan_and_what_is_in_its_way(host):
    web = host.engine.run("web")
    shows(host, web, "HostConfig.LogConfig", {"Type": "awslogs", "Config": {}})
    host.before()
    host.begin()
    text = words(host, "--reset")
    assert numbered(text) == [(web, "restart policy on-failure -> no"), ("ecs-agent", "unpause the agent")]
    assert text.count("because eins is to be removed") == 2 and "Probe:" not in text and "Phase:" not in text
    assert "awslogs" not in text and "In the way" not in text, "an outage is of no concern any more"
    locks_folder(host)
    text = words(host, "--reset")
    assert text.split("In the way:\n")[1].splitlines()[1:] == [f"      {host.eins.folder}: Permission denied"], text


def test_a_dry_reset_with_nothing_owed_does_not_ask_docker(host):
    host.before()
    host.engine.forget()
    text = words(host, "--reset")
    assert "Nothing would be done." in text and "Left as it is" not in text and host.engine.lines == []


def test_a_dry_reset_has_the_same_as_json(host):
    web = host.engine.run("web")
    host.before()
    host.begin()
    view = document(host, "--reset")
    assert (view["reset"], view["probe"], view["phase"], view["warnings"]) == (True, None, None, [])
    assert [(one["kind"], one["container"]["name"], one["why"]) for one in view["operations"]] == \
        [("restore", web, "eins is to be removed"), ("unpause-agent", "ecs-agent", "eins is to be removed")]


# -- a terminal, a pipe, a full disk --------------------------------------------------------------------------------------------------------


@pytest.fixture
def troubled(host):
    """A host with a bit of everything, at the beginning of an outage."""
    files(host)
    web, _ = host.engine.run("web"), host.engine.run("once", host_config={"AutoRemove": True})
    shows(host, web, "HostConfig.LogConfig", {"Type": "awslogs", "Config": {}})
    loses_image(host, web)
    host.before()
    host.region.mode = "refused"
    return host


def test_a_terminal_gets_colours_and_no_line_over_80_columns(troubled):
    text = on_a_terminal(troubled.eins, "--dry-run")
    assert COLOUR.search(text)
    plain = COLOUR.sub("", text)
    assert max(map(len, plain.split("\n"))) <= 80 and not CONTROL.search(plain), plain
    assert re.search(r"^  2\.  \S+ \(\w{12}\):\n      restart policy no -> on-failure\n      because ", plain, re.MULTILINE), plain


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_who_wants_no_colours_gets_none(troubled, environment):
    text = on_a_terminal(troubled.eins, "--dry-run", **environment)
    assert "\x1b" not in text and "Would go wrong" in text


def test_a_pipe_gets_neither_colours_nor_broken_lines(troubled):
    text = words(troubled)
    assert "\x1b" not in text and re.search(r"^  2\.  \S+ \(\w{12}\): restart policy no -> on-failure$", text, re.MULTILINE), text


@pytest.mark.parametrize("name", faults.HARD_NAMES)
def test_a_name_with_strange_characters_comes_through_as_harmless_text(host, name):
    host.engine.run("web", host_config={"AutoRemove": True})
    host.before()
    host.engine.fault("GET /containers/json", faults.edit("0.Names.0", name), times=None)
    for mode in ("forbidden", "refused"):
        host.region.mode = mode
        words(host)
        document(host)
        assert not CONTROL.search(COLOUR.sub("", on_a_terminal(host.eins, "--dry-run")))


def test_a_full_disk_behind_standard_output_is_no_success(host):
    with open("/dev/full", "w", encoding="ascii") as full:
        for option in ([], ["--json"]):
            process = host.eins.popen("--dry-run", *option, stdout=full)
            assert "cannot be printed" in process.communicate(timeout=60)[1]
            assert process.returncode == 74
