# SPDX-License-Identifier: MIT-0
"""What is asked of Docker, how often, in which order and over which connection: a scripted engine keeps the record."""
import os
import shutil
import threading

import pytest

from support.certificates import Certificates
from support.host import Host
from support.scripted_shapes import VERSIONS

PING = "GET /_ping"
LIST = "GET /containers/json"
PAUSE = "POST /containers/ecs-agent/pause"
UNPAUSE = "POST /containers/ecs-agent/unpause"
HANG = 60  # seconds; a check that takes longer hangs


@pytest.fixture
def host(certificates):
    with Host(certificates) as host:
        yield host


def inspect(name):
    return f"GET /containers/{name}/json"


def update(name):
    return f"POST /containers/{name}/update"


def recorded(host, check):
    """Runs the check. Returns its requests."""
    host.engine.forget()
    check()
    return host.engine.lines


def meet(host, request, count):
    """The first so many of these requests are answered when all of them are under way, and a moment later: one too many would be seen."""
    barrier = threading.Barrier(count)

    def action(call):
        barrier.wait(30)
        call.sleep(0.1)
        return call.perform()
    host.engine.fault(request, action, times=count)


# -- how many ---------------------------------------------------------------------------------------------------------------------------


def test_an_uneventful_connected_check_is_a_ping_and_a_list_on_one_connection(host):
    for i in range(10):
        host.engine.run(f"web{i}")
    host.before()
    connections = host.engine.connections
    assert recorded(host, host.before) == [PING, LIST]
    assert host.engine.requests[1].query == {"all": "1"}
    assert host.engine.connections == connections + 1


def test_an_uneventful_disconnected_check_inspects_each_managed_container_once(host):
    names = [host.engine.run(f"web{i}") for i in range(10)]
    host.engine.run("not-mine", labels={"eins.enable": "false"})
    host.engine.run_plain("somebody-elses")
    stopped = host.engine.run("stopped")
    host.engine.stop_container(stopped)
    host.before()
    host.begin()
    connections = host.engine.connections
    lines = recorded(host, host.again)
    assert lines[:2] == [PING, LIST] and sorted(lines[2:]) == sorted(map(inspect, names))
    assert host.engine.connections <= connections + 4, "a few side by side, each kept alive"


def test_docker_is_not_asked_before_an_outage_is_certain(host):
    host.eins.conf["region"]["fall"] = 3
    host.before()
    assert recorded(host, host.begin) == recorded(host, host.again) == []
    assert PAUSE in recorded(host, host.again)


def test_docker_is_not_asked_by_a_host_that_cannot_look(host):
    host.before()
    host.eins.conf["region"]["ca_file"] = host.eins.folder + "/missing.pem"
    assert recorded(host, lambda: host.before(code=70)) == []


@pytest.mark.parametrize("parallel", [1, 3])
def test_no_more_requests_at_once_than_configured(host, parallel):
    host.eins.conf["docker"]["parallel"] = parallel
    names = [host.engine.run(f"web{i}") for i in range(9)]
    host.before()
    for request in ("^GET /containers/.+/json", "^POST /containers/.+/update"):
        meet(host, request, parallel)
    host.engine.forget()
    host.begin()
    host.assert_disconnected(names)
    assert host.engine.most_at_once("/update") == host.engine.most_at_once("GET /containers/.+/json") == parallel


# -- in which order ------------------------------------------------------------------------------------------------------------------------


def test_the_agent_is_paused_before_anything_is_inspected_or_changed(host):
    names = [host.engine.run(name) for name in ("web", "db")]
    host.before()
    lines = recorded(host, host.begin)
    assert lines[:4] == [PING, LIST, PAUSE, LIST], "and what was seen before the pause is looked at again"
    assert sorted(lines[4:6]) == sorted(map(inspect, names))
    assert sorted(lines[6:]) == sorted(map(update, names))


def test_the_agent_is_unpaused_last(host):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    host.begin()
    host.crash(worker)
    changes = [line for line in recorded(host, host.end) if not line.startswith("GET")]
    assert sorted(changes[:2]) == sorted([update(web), update(worker)])
    assert changes[2:] == [f"POST /containers/{worker}/stop", f"DELETE /containers/{worker}", UNPAUSE]


def test_a_stop_is_left_to_the_containers_own_timeout_and_a_removal_takes_the_anonymous_volumes(host):
    worker = host.engine.run("worker", stop_timeout=3)
    host.before()
    host.begin()
    host.crash(worker)
    host.end()
    (stop,), (removal,) = host.engine.matching("/stop"), host.engine.matching("^DELETE")
    assert stop.query == {} and removal.query == {"v": "1"}


def test_stops_overlap_so_that_the_agent_waits_for_the_slowest_only(host):
    names = [host.engine.run(f"web{i}", stop_timeout=30) for i in range(40)]
    host.before()
    host.begin()
    for name in names:
        host.engine.crash(name)
    for name in names:
        host.engine.wait_status(name, "running")
    meet(host, "^POST .*/stop", len(names))  # one that waited for another would wait for ever
    host.end()
    assert host.engine.most_at_once("/stop") == len(names)
    host.assert_connected([], gone=names)


def test_an_update_carries_the_policy_and_its_type(host):
    host.eins.conf["docker"]["retries"] = 3
    web = host.engine.run("web", policy="on-failure", retries=2)
    host.before()
    host.begin()
    host.end()
    hold, restore = host.engine.matching("/update")
    assert hold.document == {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}
    assert restore.document == {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}}
    assert hold.headers["content-type"] == "application/json" and "expect" not in hold.headers
    assert host.engine.policy(web) == ("on-failure", 2)


def test_a_dry_run_only_reads_whatever_there_is_to_do(host):
    worker = host.engine.run("worker")

    def rehearse():
        before, files = host.engine.view(), host.eins.files()
        host.engine.forget()
        result = host.eins.dry_run()
        assert host.engine.requests and not host.engine.changes, result
        assert host.engine.view() == before and host.eins.files() == files
        return result.out
    rehearse()
    host.before()
    assert "Nothing would be done" in rehearse()
    host.region.mode = "refused"
    assert "pause the agent" in rehearse()
    host.begin()
    host.crash(worker)
    assert "Nothing would be done" in rehearse()
    host.region.mode = "forbidden"
    assert "remove" in rehearse()


# -- which version of the API --------------------------------------------------------------------------------------------------------------


def whole_outage(host):
    web, worker = host.engine.run("web"), host.engine.run("worker")
    host.before()
    host.begin()
    host.assert_disconnected([web, worker])
    host.crash(worker)
    host.again()
    host.end()
    host.assert_connected([web], gone=[worker])


def versions(host):
    return {request.version for request in host.engine.requests if request.path != "/_ping"}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_engine_is_spoken_to_in_its_newest_version(certificates, version):
    with Host(certificates, version=version) as host:
        whole_outage(host)
        assert versions(host) == {VERSIONS[version][2]}


@pytest.mark.parametrize("min_api, max_api, spoken", [("1.12", "1.41", "1.41"), ("1.24", "1.51", "1.51"), ("1.44", "1.99", "1.53")])
def test_the_version_is_the_engines_newest_or_ours(certificates, min_api, max_api, spoken):
    with Host(certificates, min_api=min_api, max_api=max_api) as host:
        whole_outage(host)
        assert versions(host) == {spoken}


def test_an_engine_that_is_too_new_is_not_reached_and_says_so_itself(certificates):
    with Host(certificates, min_api="1.60", max_api="1.70") as host:
        result = host.before(code=69)
        assert "client version 1.53 is too old" in result.log_text, result


@pytest.mark.parametrize("header", ["", *(f"Api-Version: {value}\r\n" for value in ("", "1.41/../../x", "-1.9", "1.1e9", "1." + "1" * 60000))],
                         ids=["none", "empty", "path", "negative", "float", "endless"])
def test_an_engine_without_a_usable_version_is_spoken_to_without_one(host, header):
    host.engine.fault("_ping", lambda call: call.raw(f"HTTP/1.1 200 OK\r\n{header}Content-Length: 2\r\n\r\nOK".encode()), times=None)
    whole_outage(host)
    assert versions(host) == {""}


# -- over TCP -----------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls_host(certificates):
    """As the SDKs are told: by their three variables."""
    with Host(certificates, tls=certificates) as host:
        host.eins.conf["docker"]["host"] = None
        host.eins.env.update(DOCKER_HOST=host.engine.tcp_host, DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=host.engine.cert_path)
        yield host


def test_a_whole_outage_over_tcp(certificates):
    with Host(certificates, tcp=True) as host:
        host.eins.conf["docker"]["host"] = host.engine.tcp_host
        whole_outage(host)


def test_a_whole_outage_over_tls_with_a_clients_certificate(tls_host):
    whole_outage(tls_host)
    assert not tls_host.engine.handshake_errors


def test_an_engine_with_a_certificate_of_another_authority_is_not_believed(tls_host, tmp_path):
    shutil.copy(Certificates(str(tmp_path)).ca_file, tls_host.engine.cert_path + "/ca.pem")
    result = tls_host.before(code=69)
    assert tls_host.engine.tcp_host in result.log_text and "certificate" in result.log_text, result
    assert not tls_host.engine.requests


@pytest.mark.parametrize("flaw", ["wrong_host", "expired"])
def test_an_engine_with_a_flawed_certificate_is_not_believed(certificates, flaw):
    class Flawed:
        ca_file = certificates.ca_file

        @staticmethod
        def pair(_):
            return certificates.pair(flaw)
    with Host(certificates, tls=Flawed) as host:
        host.eins.conf["docker"].update(host=host.engine.tcp_host, tls_verify="yes", cert_path=host.engine.cert_path)
        result = host.before(code=69)
        assert "certificate" in result.log_text.lower(), result
        assert not host.engine.requests


def test_without_tls_verify_any_engine_is_believed(tls_host, tmp_path):
    shutil.copy(Certificates(str(tmp_path)).ca_file, tls_host.engine.cert_path + "/ca.pem")
    del tls_host.eins.env["DOCKER_TLS_VERIFY"]
    whole_outage(tls_host)


@pytest.mark.parametrize("missing", ["ca.pem", "cert.pem", "key.pem"])
def test_a_missing_file_is_named(tls_host, missing):
    os.unlink(f"{tls_host.engine.cert_path}/{missing}")
    result = tls_host.before(code=69)
    assert missing in result.log_text, result


def test_a_plain_request_to_a_tls_port_and_the_reverse_fail_in_time(tls_host, certificates):
    del tls_host.eins.env["DOCKER_TLS_VERIFY"], tls_host.eins.env["DOCKER_CERT_PATH"]
    assert tls_host.before(code=69).seconds < HANG
    with Host(certificates, tcp=True) as plain:
        plain.eins.conf["docker"].update(host=plain.engine.tcp_host, tls_verify="yes", cert_path=tls_host.engine.cert_path)
        result = plain.before(code=69)
        assert result.seconds < HANG and "Docker cannot be reached" in result.log_text, result
