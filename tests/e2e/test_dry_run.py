# SPDX-License-Identifier: MIT-0
"""A dry run as a view: what the probe saw, the plan in its order, what is left alone, and what would go wrong in an outage."""
import contextlib
import fcntl
import http.server
import os
import pty
import re
import secrets
import shlex
import struct
import termios
import threading

import pytest

from support import image
from support import scripted_faults as faults
from support.containers import DEAF, LABEL
from support.host import CONTROL, Host
from support.proxy import Proxy
from support.schema import validate
from support.wait import wait_for

CRON = "/etc/cron.d/ecs-eins"
TIMER = "/etc/systemd/system/timers.target.wants/ecs-eins.timer"
SYSTEMD = "/run/systemd/system/booted"
NO_IMAGE = "sha256:" + "9" * 64
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
STEPS = ["name", "connection", "tls", "first_byte"]


@pytest.fixture
def host(certificates):
    """One on which all is well, and checks are started by cron."""
    with Host(certificates) as host:
        files(host, CRON)
        yield host


def files(host, *paths):
    """From now on it sees only these files in /etc and /run."""
    made = "; ".join(f"mkdir -p {shlex.quote(os.path.dirname(path))} && : >{shlex.quote(path)} || exit" for path in paths)
    script = f"mount -t tmpfs none /etc && mount -t tmpfs none /run || exit; {made}{'; ' if made else ''}exec \"$0\" \"$@\""
    host.eins.prefix = ["unshare", "--mount", "sh", "-c", script]


def words(host, *arguments, code=0):
    result = host.eins.dry_run(*arguments, code=code)
    assert not CONTROL.search(result.out + result.err), f"raw control characters\n{result}"
    return result.out


def document(host, *arguments, code=0):
    return validate(host.eins.dry_run("--json", *arguments, code=code).out)


def warnings(host):
    """By kind: names of containers, or details where there is no single one. What is in JSON is in words, too."""
    found, text = {}, words(host)
    for warning in document(host)["warnings"]:
        subject = warning["container"]["name"] if warning["container"] else warning["detail"]
        found.setdefault(warning["kind"], []).append(subject)
        part = text.split("Would go wrong in an outage:\n")[1]
        assert f"  ! {warning['text']}\n" in part and f"      {subject}" in part, text
    return {kind: sorted(subjects) for kind, subjects in found.items()}


def locks_folder(host):
    """The state's folder is nobody's to write, not even root's."""
    os.chmod(host.eins.folder, 0o500)
    host.eins.prefix += ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]


def label(text, name):
    return re.search(rf"^{name}: +(.*)$", text, re.MULTILINE)[1]


def numbered(text):
    """The numbered lines: pairs of a container and what is done to it."""
    lines = re.findall(r"^ *(\d+)\.  (\S+) \(\w{12}\): (.*)$", text, re.MULTILINE)
    assert [int(number) for number, _, _ in lines] == list(range(1, len(lines) + 1)), text
    return [line[1:] for line in lines]


def on_a_terminal(host, *arguments, columns=80, **environment):
    """What it writes to a pseudo terminal, with line feeds as they are."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    attributes = termios.tcgetattr(slave)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    host.eins.env = {"TERM": "xterm", **environment}
    output = b""
    try:
        process = host.eins.popen("--dry-run", *arguments, stdout=slave)
        os.close(slave)
        with contextlib.suppress(OSError):  # EIO: nobody has the other side open any more
            while part := os.read(master, 65536):
                output += part
        process.wait(10)
    finally:
        os.close(master)
        host.eins.env = {}
    return output.decode()


def shows(host, name, path, value):
    """Docker's answer about that container has another value in this place from now on."""
    host.engine.fault(f"GET /containers/{name}/json", faults.edit(path, value), times=None)


def hides_names(host):
    """The list shows images by their ids."""
    host.engine.fault("GET /containers/json", faults.rewrite(lambda entries: [{**entry, "Image": entry["ImageID"]} for entry in entries]),
                      times=None)


def loses_image(host, *names):
    """The image of these containers is gone: the list shows its id in place of its name, and Docker does not have it."""
    def without(entries):
        for entry in entries:
            if entry["Names"][0][1:] in names:
                entry.update(Image=NO_IMAGE, ImageID=NO_IMAGE)
        return entries
    host.engine.fault("GET /containers/json", faults.rewrite(without), times=None)
    for name in names:
        shows(host, name, "Image", NO_IMAGE)
    return host.engine.fault(f"GET /images/{NO_IMAGE}/json", faults.error(404, "No such image"), times=None)


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
    host.eins.conf["region"].update(connect_timeout=1, timeout=1)
    probe = document(host)["probe"]
    assert (probe["reach"], probe["cause"], probe["status"]) == ("unreachable", cause, status), probe
    found = {step for step in STEPS if probe["seconds"][step] is None}
    assert found == missing or mode == "self_signed" and found == missing - {"connection"}, probe
    assert label(words(host), "Probe").startswith("unreachable: ")


def test_the_address_of_a_proxy_is_said_to_be_one(host):
    with Proxy((host.region.address, host.region.port)) as proxy:
        host.eins.conf["region"]["proxy"] = proxy.url
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


# -- warnings --------------------------------------------------------------------------------------------------------------------------------


def test_a_host_on_which_all_is_well_is_told_so(host):
    host.engine.run("web")
    assert document(host)["warnings"] == [] and "Nothing was found that would go wrong in an outage." in words(host)


def test_a_log_driver_that_needs_the_region_is_warned_of(host):
    web, db, _, fine = [host.engine.run(name) for name in ("web", "db", "plain", "fine")]
    shows(host, web, "HostConfig.LogConfig", {"Type": "awslogs", "Config": {}})
    shows(host, db, "HostConfig.LogConfig", {"Type": "awslogs", "Config": {"mode": "blocking"}})
    shows(host, fine, "HostConfig.LogConfig", {"Type": "awslogs", "Config": {"mode": "non-blocking"}})
    assert warnings(host) == {"awslogs-blocking": sorted([web, db])}
    text = words(host)
    assert text.count("non-blocking") == 1, "what to do is said once for all of them"


def test_an_image_that_is_gone_is_warned_of_and_asked_for_once(host):
    web, db, _ = [host.engine.run(name) for name in ("web", "db", "other")]
    gone = loses_image(host, web, db)
    assert warnings(host) == {"image-missing": sorted([web, db])}
    assert gone.fired == 2, "once by each of the two runs"
    assert {line for line in host.engine.lines if "/images/" in line} == {f"GET /images/{NO_IMAGE}/json"}


def test_an_image_that_only_lost_its_name_is_none(host):
    host.engine.run("web")
    hides_names(host)
    asked = host.engine.fault("GET /images/", faults.reply(200, {"Id": NO_IMAGE}), times=None)
    assert document(host)["warnings"] == [] and asked.fired == 1


def test_a_container_that_docker_removes_is_warned_of_once(host):
    once = host.engine.run("once", host_config={"AutoRemove": True})
    host.before()
    assert warnings(host) == {"auto-remove": [once]}
    host.region.mode = "refused"
    assert [note["kind"] for note in document(host)["notes"]] == ["auto-remove"]
    assert warnings(host) == {"auto-remove": [once]} and "To be known" not in words(host), "the plan's note says no more than the warning"


def test_a_task_of_several_containers_is_hinted_at_once(host):
    task = {LABEL + "task-arn": "arn:aws:ecs:eu-central-1:123456789012:task/test/" + secrets.token_hex(16)}
    names = [host.engine.run(name, labels=task) for name in ("web", "db", "proxy")]
    host.engine.run("alone")
    ((detail,),) = warnings(host).values()
    assert task[LABEL + "task-arn"].rsplit("/", 1)[1] in detail and "3 containers" in detail and any(name in detail for name in names)
    assert words(host).count("dependsOn") == 1


def test_an_agent_that_is_missing_down_or_paused_by_somebody_is_warned_of(host):
    host.engine.run("web")
    host.before()
    host.agent.pause()
    assert [note["kind"] for note in document(host)["notes"]] == ["foreign-pause"]
    assert warnings(host) == {"agent-paused": ["ecs-agent"]} and "To be known" not in words(host), "the plan's note says no more"
    host.again()
    assert warnings(host) == {"agent-paused": ["ecs-agent"]}, "also when the note was given before"
    host.agent.unpause()
    host.engine.kill_container("ecs-agent")
    assert warnings(host) == {"agent-not-running": ["ecs-agent"]} and "exited" in words(host)
    host.engine.remove("ecs-agent")
    assert warnings(host) == {"agent-missing": ["ecs-agent"]}


def test_an_agent_that_eins_has_paused_is_as_it_should_be(host):
    host.engine.run("web")
    host.before()
    host.begin()
    assert host.agent.status == "paused" and warnings(host) == {}
    host.region.mode = "forbidden"
    assert warnings(host) == {}


def test_a_state_that_this_user_could_not_write_is_warned_of(host):
    assert warnings(host) == {}
    locks_folder(host)
    assert warnings(host) == {"state-not-writable": [host.eins.folder + ": Permission denied"]}
    host.eins.conf["state"]["file"] = "/nonesuch/state.ini"
    assert warnings(host) == {"state-not-writable": ["/nonesuch: No such file or directory"]}


@pytest.mark.parametrize("paths, remedy", [
    ([SYSTEMD, TIMER], None),
    ([SYSTEMD, TIMER.replace("/etc/", "/run/")], None),
    ([SYSTEMD, CRON], "systemctl enable --now ecs-eins.timer"),
    ([SYSTEMD], "systemctl enable --now ecs-eins.timer"),
    ([CRON], None),
    ([TIMER], f"put eins's entry for cron into {CRON}"),
    ([], f"put eins's entry for cron into {CRON}"),
], ids=["timer", "timer until the next boot", "cron under systemd", "no timer", "cron", "timer without systemd", "no cron"])
def test_a_host_on_which_nothing_starts_checks_is_warned_of(host, paths, remedy):
    files(host, *paths)
    assert warnings(host) == ({"not-scheduled": [remedy]} if remedy else {})


def test_a_container_that_docker_says_nothing_usable_about_is_warned_of(host):
    web, _ = host.engine.run("web"), host.engine.run("other")
    shows(host, web, "State.Status", 7)
    assert warnings(host) == {"not-understood": [web]}


def test_an_answer_that_is_missing_is_a_warning_and_no_reason_to_fail(host):
    host.engine.run("web")
    hides_names(host)
    host.engine.fault("GET /images/", faults.error(500, "disk is busy"), times=None)
    ((detail,),) = warnings(host).values()
    assert "disk is busy" in detail


def test_a_docker_that_hangs_only_for_the_warnings_is_given_up_in_time(host):
    """Sooner than a check would, which has more to lose."""
    host.engine.run("web")
    host.before()
    host.eins.conf["docker"]["timeout"] = 60
    host.engine.fault("GET /containers/.*web.*/json", faults.hang(), times=None)
    result = host.eins.dry_run("--json")
    assert [warning["kind"] for warning in validate(result.out)["warnings"]] == ["not-understood"] and result.seconds < 30, result


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


def test_where_a_check_would_not_have_asked_docker_its_absence_is_only_a_warning(host):
    host.before()
    host.region.mode = "refused"
    host.eins.conf["region"]["fall"] = 3
    host.eins.conf["docker"]["host"] = "unix:///nonesuch/docker.sock"
    view = document(host)
    assert (view["operations"], view["error"], view["left"]) == ([], None, None)
    ((detail,),) = warnings(host).values()
    assert "/nonesuch/docker.sock" in detail


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
    text = on_a_terminal(troubled)
    assert COLOUR.search(text)
    plain = COLOUR.sub("", text)
    assert max(map(len, plain.split("\n"))) <= 80 and not CONTROL.search(plain), plain
    assert re.search(r"^  2\.  \S+ \(\w{12}\):\n      restart policy no -> on-failure\n      because ", plain, re.MULTILINE), plain


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_who_wants_no_colours_gets_none(troubled, environment):
    text = on_a_terminal(troubled, **environment)
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
        assert not CONTROL.search(COLOUR.sub("", on_a_terminal(host)))


def test_a_full_disk_behind_standard_output_is_no_success(host):
    with open("/dev/full", "w", encoding="ascii") as full:
        for option in ([], ["--json"]):
            process = host.eins.popen("--dry-run", *option, stdout=full)
            assert "cannot be printed" in process.communicate(timeout=10)[1]
            assert process.returncode == 74


# -- a real engine ---------------------------------------------------------------------------------------------------------------------------


class Logs:
    """As much of CloudWatch Logs as Docker's log driver needs."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def driver(self, **options):
        """A HostConfig with it."""
        return {"LogConfig": {"Type": "awslogs", "Config": {"awslogs-region": "eu-central-1", "awslogs-group": "group", **options,
                                                            "awslogs-endpoint": f"http://127.0.0.1:{self._server.server_port}"}}}

    def close(self):
        """Nobody answers any more. Once or more often."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def logs(docker, monkeypatch):
    """CloudWatch Logs, and an engine with credentials for it."""
    docker.stop()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    docker.start()
    logs = Logs()
    yield logs
    logs.close()
    monkeypatch.undo()
    docker.stop()
    docker.start()
    image.load(docker.api)


def test_what_a_real_engine_shows_is_warned_of_and_comes_true(docker, agent, logs, certificates):
    with Host(certificates, engine=docker) as host:
        files(host, CRON)
        blocking, free = [docker.run(name, DEAF, policy="on-failure", host_config=config)
                          for name, config in (("blocking", logs.driver()), ("free", logs.driver(mode="non-blocking")))]
        once, gone = docker.run("once", DEAF, host_config={"AutoRemove": True}), docker.run("gone", DEAF, policy="on-failure")
        assert warnings(host) == {"awslogs-blocking": [blocking], "auto-remove": [once]}
        identity = docker.inspect(gone)["Image"]
        docker.remove(once)
        # Docker deletes no image of a container that runs, not even by force: it goes while they are down, and they are started again.
        for name in docker.names():
            docker.kill_container(name)
        docker.api.delete(f"/images/{identity}", force=1)
        for name in docker.names():
            docker.start_container(name)
        assert warnings(host) == {"awslogs-blocking": [blocking], "image-missing": sorted([blocking, free, gone])}
        docker.crash_and_restart(gone)
        logs.close()
        docker.crash_and_restart(free)
        docker.crash(blocking)
        wait_for(lambda: docker.seen(blocking).status == "exited" and docker.inspect(blocking)["State"]["Error"], 30, "its restart has failed")
        assert "logging driver" in docker.inspect(blocking)["State"]["Error"]
