# SPDX-License-Identifier: MIT-0
"""What a dry run warns of: what would go wrong in an outage, on a scripted host and on a real engine, where it comes true."""
import http.server
import secrets
import threading

import pytest

from support import image
from support import scripted_faults as faults
from support.containers import DEAF, LABEL
from support.dry_run import CRON, NO_IMAGE, document, files, healthy_host, locks_folder, loses_image, shows, words
from support.schema import validate
from support.wait import wait_for

TIMER = "/etc/systemd/system/timers.target.wants/ecs-eins.timer"
SYSTEMD = "/run/systemd/system/booted"


@pytest.fixture
def host(certificates):
    with healthy_host(certificates) as host:
        yield host


def warnings(host):
    """By kind: names of containers, or details where there is no single one. What is in JSON is in words, too."""
    found, text = {}, words(host)
    for warning in document(host)["warnings"]:
        subject = warning["container"]["name"] if warning["container"] else warning["detail"]
        found.setdefault(warning["kind"], []).append(subject)
        part = text.split("Would go wrong in an outage:\n")[1]
        assert f"  ! {warning['text']}\n" in part and f"      {subject}" in part, text
    return {kind: sorted(subjects) for kind, subjects in found.items()}


def hides_names(host):
    """The list shows images by their ids."""
    host.engine.fault("GET /containers/json", faults.rewrite(lambda entries: [{**entry, "Image": entry["ImageID"]} for entry in entries]),
                      times=None)


# -- a scripted engine ---------------------------------------------------------------------------------------------------------------------


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
    host.eins.conf["docker"]["timeout"] = 600
    host.engine.fault("GET /containers/.*web.*/json", faults.hang(), times=None)
    result = host.eins.dry_run("--json")
    assert [warning["kind"] for warning in validate(result.out)["warnings"]] == ["not-understood"] and result.seconds < 60, result


def test_where_a_check_would_not_have_asked_docker_its_absence_is_only_a_warning(host):
    host.before()
    host.region.mode = "refused"
    host.eins.conf["region"]["fall"] = 3
    host.eins.conf["docker"]["host"] = "unix:///nonesuch/docker.sock"
    view = document(host)
    assert (view["operations"], view["error"], view["left"]) == ([], None, None)
    ((detail,),) = warnings(host).values()
    assert "/nonesuch/docker.sock" in detail


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
    docker.remove_all()  # before the engine has to stop them, who do not hear it, and their log
    logs.close()
    monkeypatch.undo()
    docker.stop()
    docker.start()
    image.load(docker.api)


def test_what_a_real_engine_shows_is_warned_of_and_comes_true(docker, agent, logs, certificates):
    with healthy_host(certificates, engine=docker) as host:
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
        wait_for(lambda: docker.seen(blocking).status == "exited" and docker.inspect(blocking)["State"]["Error"], 60, "its restart has failed")
        assert "logging driver" in docker.inspect(blocking)["State"]["Error"]
