# SPDX-License-Identifier: MIT-0
"""The scripted engine must not lie: the same requests, sent to it and to a real dockerd, are answered alike and leave the containers alike."""
import concurrent.futures
import json
import re
import socket
import threading
import time

import pytest

from support import image
from support import scripted_faults as faults
from support.api import ApiError
from support.containers import DEAF, POLITE
from support.scripted_engine import ScriptedEngine
from support.scripted_shapes import VERSIONS
from support.wait import NotInTime, wait_for

JSON = "application/json"
FAILING = ["sh", "-c", "exit 3"]
READY = ["sh", "-c", "trap 'exit 0' TERM; : > /ready; sleep 1000000 & wait $!"]  # as POLITE, and says when it hears SIGTERM
BACKOFF_RESTART = 5  # the one after which Docker waits 3.2 s: long enough to look around

VERBS = {
    "update": ("POST", "/update", {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 0}}),
    "update to no": ("POST", "/update", {"RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}}),
    "update to nothing": ("POST", "/update", {"RestartPolicy": {"Name": ""}}),
    "update wrongly": ("POST", "/update", {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 2}}),
    "update to nonsense": ("POST", "/update", {"RestartPolicy": {"Name": "sometimes"}}),
    "pause": ("POST", "/pause", None),
    "unpause": ("POST", "/unpause", None),
    "stop": ("POST", "/stop?t=1", None),
    "kill": ("POST", "/kill", None),
    "hang up": ("POST", "/kill?signal=HUP", None),
    "start": ("POST", "/start", None),
    "restart": ("POST", "/restart?t=1", None),
    "DELETE": ("DELETE", "?v=1", None),
    "DELETE force": ("DELETE", "?v=1&force=1", None),
}

# FACTS.md, "State codes". The verbs that it does not have are compared all the same.
COLUMNS = "update", "pause", "unpause", "stop", "DELETE", "DELETE force", "start", "kill"
CODES = {
    "running": (200, 204, 500, 204, 409, 204, 304, 204),
    "deaf": (200, 204, 500, 204, 409, 204, 304, 204),
    "paused": (200, 409, 204, 204, 409, 204, 409, 204),
    "restarting": (200, 409, 500, 204, 409, 204, 304, 204),
    "exited": (200, 409, 500, 304, 204, 204, 204, 409),
    "killed": (200, 409, 500, 304, 204, 204, 204, 409),
    "created": (200, 409, 500, 304, 204, 204, 204, 409),
    "missing": (404, 404, 404, 404, 404, 404, 404, 404),
}


@pytest.fixture
def scripted(docker):
    """A scripted engine of the real one's age."""
    real = tuple(map(int, docker.api.get("/version")["ApiVersion"].split(".")))
    older = [name for name, (_, _, newest) in VERSIONS.items() if tuple(map(int, newest.split("."))) <= real]
    with ScriptedEngine(older[-1]) as engine:
        yield engine


def recorded(docker):
    """Whether the real engine is one whose words we have."""
    return docker.api.get("/version")["Version"].startswith(("20.10.", "26.1.", "28.5."))


def at_once(function, arguments):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(function, arguments))


def on_both(function, scripted, docker):
    """function(engine) on both at the same time. Returns both results."""
    return at_once(function, [scripted, docker])


def assert_soon_equal(expected, observe, timeout=10):
    """A real engine takes its time until everything has settled."""
    try:
        wait_for(lambda: observe() == expected, timeout, "both engines agree", 0.1)
    except NotInTime:
        assert observe() == expected


def events(engine, container_id, since):
    """What the log says of the container since then: its own events in their order, and how many its network had."""
    query = {"since": f"{since:.9f}", "until": f"{time.time():.9f}"}
    own, network = [], 0
    for line in engine.api.raw("GET", "/events", query=query)[1].splitlines():
        event = json.loads(line)
        attributes = event["Actor"]["Attributes"]
        if event["Type"] == "container" and event["Actor"]["ID"] == container_id:
            own.append(" ".join([event["Action"].strip(), *(attributes[key] for key in ("signal", "exitCode") if key in attributes)]))
        network += event["Type"] == "network" and attributes.get("container") == container_id
    for i in range(1, len(own)):  # from Docker 25 on these two come in either order
        if own[i - 1] == "stop" and own[i].startswith("die"):
            own[i - 1:i + 1] = own[i], own[i - 1]
    return own, network


def look(engine, container_id):
    try:
        facts = engine.inspect(container_id)
    except ApiError as error:
        return error.status
    state = facts["State"]
    return {key: state[key] for key in ("Status", "Running", "Paused", "Restarting", "OOMKilled", "Dead", "ExitCode", "Error")} | {
        "has a pid": state["Pid"] > 0, "policy": facts["HostConfig"]["RestartPolicy"], "finished": not state["FinishedAt"].startswith("0001")}


# -- each verb in each state ---------------------------------------------------------------------------------------------------------------------


def wait_backoff(engine, name, restart):
    """Until it waits for that restart."""
    def waits():
        now = engine.seen(name)
        return now.status == "restarting" and now.restart_count == restart
    wait_for(waits, 60, "the backoff has grown")


def container_in(engine, state):
    """Makes one. Returns its id."""
    name = "honest-" + "".join(re.findall("[a-z0-9]", f"{time.monotonic_ns()}-{threading.get_ident()}"))
    if state == "missing":
        return "0" * 64
    if state == "restarting":
        engine.run_plain(name, FAILING, policy="always")
        wait_backoff(engine, name, BACKOFF_RESTART)
        return engine.id(name)
    began = time.time()
    container_id = engine.create(name, DEAF if state == "deaf" else READY)
    if state == "created":
        return container_id
    engine.start_container(name)
    if state != "deaf":
        wait_for(lambda: engine.exec(name, "test", "-e", "/ready")[0] == 0, 20, "it hears SIGTERM")
    if state == "paused":
        engine.pause(name)
    elif state == "exited":
        engine.stop_container(name)
    elif state == "killed":
        engine.api.post(f"/containers/{name}/kill")
    if state in ("exited", "killed"):  # newer engines show the end before they log it
        wait_for(lambda: any(event.startswith("die") for event in events(engine, container_id, began)[0]), 20, "its end is in the log")
    return container_id


def send(engine, verb, container_id):
    """Returns (status, message), with id and name taken out of the message."""
    method, path, body = VERBS[verb]
    status, reply = engine.api.raw(method, f"/containers/{container_id}{path}", json.dumps(body) if body else None, JSON if body else None)
    text = re.sub("[0-9a-f]{64}|/honest-[0-9a-z]+", "ID", reply.decode())
    return status, json.loads(text)["message"] if status >= 400 else text.strip()


class EachVerb:
    """One container in that state for each verb, and what the verb did to it."""

    def __init__(self, engine, state):
        self.engine = engine
        # A restart of a container that fails at once never comes to rest.
        self.verbs = [verb for verb in VERBS if (state, verb) != ("restarting", "restart")]
        self.ids = at_once(lambda _: container_in(engine, state), self.verbs)
        self.since = time.time()
        self.replies = at_once(lambda item: send(engine, *item), list(zip(self.verbs, self.ids)))

    @property
    def codes(self):
        replies = dict(zip(self.verbs, self.replies))
        return tuple(replies[verb][0] for verb in COLUMNS)

    def outcome(self, words):
        return {verb: (reply if words else reply[0], look(self.engine, container_id), events(self.engine, container_id, self.since))
                for verb, container_id, reply in zip(self.verbs, self.ids, self.replies)}


@pytest.mark.parametrize("state", CODES)
def test_every_verb_is_answered_alike(state, scripted, docker):
    def scripted_or_real(engine):
        done = EachVerb(engine, state)
        return done, done.outcome(recorded(docker)) if engine is scripted else None  # at once, before a backoff is over
    (ours, expected), (theirs, _) = on_both(scripted_or_real, scripted, docker)
    assert theirs.codes == CODES[state], "FACTS.md is wrong"
    assert_soon_equal(expected, lambda: theirs.outcome(recorded(docker)), 3)
    assert ours.codes == CODES[state]


@pytest.mark.parametrize("status, codes", {
    "dead": (500, 409, 500, 304, 204, 204, 409, 409),
    "removing": (500, 409, 500, 304, 409, 409, 409, 409),
}.items())
def test_states_that_no_real_engine_shows_on_demand_answer_as_in_facts(status, codes, scripted):
    def reply(verb):
        name = scripted.run(verb.replace(" ", "-"))
        scripted.force_status(name, status)
        assert scripted.status(name) == status
        return send(scripted, verb, name)[0]
    assert tuple(map(reply, COLUMNS)) == codes


# -- restarts -----------------------------------------------------------------------------------------------------------------------------------


def policy(engine, name, policy_name, retries=0):
    engine.api.post(f"/containers/{name}/update", {"RestartPolicy": {"Name": policy_name, "MaximumRetryCount": retries}})


def crash_is_restarted(engine, say):
    name = engine.run("x", DEAF, policy="on-failure")
    before = engine.seen(name)
    say(name)
    engine.crash(name)
    engine.wait_restarted(name, before)


def crash_without_a_policy_is_final(engine, say):
    name = engine.run("x", DEAF)
    say(name)
    engine.crash(name)
    engine.wait_status(name, "exited")


def a_policy_set_while_it_runs_counts(engine, say):
    name = engine.run("x", DEAF)
    before = engine.seen(name)
    say(name)
    policy(engine, name, "on-failure", 3)
    engine.crash(name)
    engine.wait_restarted(name, before)


def a_policy_taken_back_counts(engine, say):
    name = engine.run("x", DEAF, policy="always")
    say(name)
    policy(engine, name, "no")
    engine.crash(name)
    engine.wait_status(name, "exited")


def a_policy_set_on_a_stopped_one_starts_nothing(engine, say):
    name = engine.run("x", ["false"])
    engine.wait_status(name, "exited")
    say(name)
    policy(engine, name, "on-failure")
    policy(engine, name, "always")


def a_policy_taken_back_in_backoff_lets_it_run_once_more(engine, say):
    name = engine.run("x", FAILING, policy="always")
    wait_backoff(engine, name, 4)
    say(name)
    policy(engine, name, "no")
    engine.wait_status(name, "exited")


def retries_are_counted(engine, say):
    say(engine.create("fails", FAILING, policy="on-failure", retries=2))
    engine.start_container("fails")
    wait_for(lambda: engine.status("fails") == "exited", 20, "it has given up")


def success_is_final(engine, say):
    say(engine.create("succeeds", ["true"], policy="on-failure"))
    engine.start_container("succeeds")
    engine.wait_status("succeeds", "exited")


def success_is_restarted_under_always(engine, say):
    name = engine.run("x", ["sh", "-c", "sleep 2; exit 0"], policy="always")
    before = engine.seen(name)
    say(name)
    engine.wait_restarted(name, before)


def a_stop_is_final_even_under_always(engine, say):
    name = engine.run("x", DEAF, policy="always", stop_timeout=0)
    say(name)
    engine.stop_container(name)


def a_stop_waits_as_long_as_the_container_says(engine, say):
    name = engine.run("x", DEAF, stop_timeout=1)
    say(name)
    began = time.monotonic()
    engine.stop_container(name)
    assert 0.9 <= time.monotonic() - began < 6


def a_kill_is_final_even_under_always(engine, say):
    name = engine.run("x", DEAF, policy="always")
    say(name)
    engine.api.post(f"/containers/{name}/kill")
    engine.wait_status(name, "exited")


def a_crash_after_any_signal_is_final(engine, say):
    """One that Docker was asked to deliver: it turns the restart manager off, even if the program goes on."""
    name = engine.run("x", DEAF, policy="always")
    engine.api.post(f"/containers/{name}/kill", signal="HUP")
    say(name)
    engine.crash(name)
    engine.wait_status(name, "exited")


def a_start_by_request_counts_from_0(engine, say):
    name = engine.run("x", DEAF, policy="on-failure", stop_timeout=0)
    before = engine.seen(name)
    engine.crash(name)
    engine.wait_restarted(name, before)
    assert engine.seen(name).restart_count == 1
    say(name)
    engine.api.post(f"/containers/{name}/restart")


def auto_remove_refuses_a_policy_and_goes_with_the_process(engine, say):
    name = engine.run("x", DEAF, stop_timeout=0, host_config={"AutoRemove": True})
    say(name)
    with pytest.raises(ApiError) as refusal:
        policy(engine, name, "on-failure")
    assert refusal.value.status == 409
    policy(engine, name, "no")
    engine.stop_container(name)
    wait_for(lambda: not engine.exists(name), 20, "it is gone")


def a_program_that_is_missing(engine, say):
    engine.create("missing-program", ["/nonesuch"])
    say("missing-program")
    with pytest.raises(ApiError) as refusal:
        engine.start_container("missing-program")
    assert refusal.value.status == 400


def a_network_has_events_of_its_own(engine, say):
    """They share the log, so that a crash and its restart are four entries, not two."""
    body = {"Image": image.NAME, "Cmd": DEAF, "HostConfig": {"NetworkMode": "none", "RestartPolicy": {"Name": "on-failure"}}}
    engine.api.post("/containers/create", body, name="networked")
    engine.start_container("networked")
    before = engine.seen("networked")
    say("networked")
    engine.crash("networked")
    engine.wait_restarted("networked", before)
    engine.api.post("/containers/networked/stop", t=0)


def health_checks_leave_three_events(engine, say):
    name = engine.run("x", DEAF)
    say(name)
    engine.exec(name, "true")


SCENARIOS = [value for value in list(globals().values()) if getattr(value, "__code__", None) and value.__code__.co_varnames[:2] == ("engine", "say")]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_restarts_and_events_are_alike(scenario, scripted, docker):
    def play(engine):
        begun = []

        def say(name):
            begun.extend([engine.id(name), engine.inspect(name)["State"]["StartedAt"], time.time()])
        scenario(engine, say)
        return begun

    def outcome(engine, begun):
        container_id, started_at, since = begun
        seen = look(engine, container_id)
        if isinstance(seen, dict):
            facts = engine.inspect(container_id)
            seen.update(restarts=facts["RestartCount"], restarted=facts["State"]["StartedAt"] != started_at)
            seen["Error"] = seen["Error"].rpartition("exec:")[2].removesuffix(": unknown")  # its beginning and end are containerd's and runc's
        return seen, events(engine, container_id, since)
    ours, theirs = on_both(play, scripted, docker)
    expected = outcome(scripted, ours)
    assert_soon_equal(expected, lambda: outcome(docker, theirs))


# -- the rest of the API --------------------------------------------------------------------------------------------------------------------------


def test_an_inspection_and_a_list_have_the_same_types_where_eins_looks(scripted, docker):
    def types(engine):
        name = engine.run("x", DEAF, stop_timeout=3)
        documents = [(engine.api.get("/containers/json", all=1), faults.LIST_FIELDS), (engine.inspect(name), faults.INSPECT_FIELDS)]
        return {field: type(_get(document, field)).__name__ for document, fields in documents for field in fields}
    ours, theirs = on_both(types, scripted, docker)
    assert ours == theirs


def _get(document, field):
    for key in field.split("."):
        document = document[int(key) if isinstance(document, list) else key]
    return document


def test_a_list_leaves_out_what_is_not_up_unless_all_is_asked_for(scripted, docker):
    def lists(engine):
        up, down = engine.run("up", DEAF), engine.run("down", ["true"])
        engine.pause(up)
        engine.wait_status(down, "exited")
        label = json.dumps({"label": ["com.amazonaws.ecs.container-name=down"]})
        return [sorted((entry["Labels"]["com.amazonaws.ecs.container-name"], entry["State"]) for entry in engine.api.get("/containers/json", **query))
                for query in ({}, {"all": 1}, {"all": 1, "filters": label}, {"filters": label})]
    ours, theirs = on_both(lists, scripted, docker)
    assert ours == theirs


def test_a_container_is_found_by_id_name_and_beginning(scripted, docker):
    def found(engine):
        container_id = engine.create("honest-by-name", DEAF)
        words = container_id, "honest-by-name", container_id[:12], container_id[:12] + "z", "honest-by", "a/b"
        return [engine.api.raw("GET", f"/containers/{word}/json")[0] for word in words]
    ours, theirs = on_both(found, scripted, docker)
    assert ours == theirs == [200, 200, 200, 404, 404, 404]


def test_versions_out_of_range_are_refused_in_the_same_words(scripted, docker):
    def replies(engine, minimum):
        ranges = [engine.api.raw("GET", f"/v{version}/containers/json") for version in ("1.10", "1.99")]
        return [(status, re.sub(r"is 1\.\d+", "is " + minimum, body.decode())) for status, body in ranges]
    ours, theirs = replies(scripted, "X"), replies(docker, "X")
    assert [status for status, _ in ours] == [status for status, _ in theirs] == [400, 400]
    assert ours == theirs or not recorded(docker)
    for engine in (scripted, docker):
        newest = engine.api.get("/version")["ApiVersion"]
        assert engine.api.raw("GET", f"/v{newest}/containers/json")[0] == 200
        assert engine.api.raw("GET", "/nonsense")[0] == 404


def test_a_body_without_its_type_is_refused(scripted, docker):
    def reply(engine):
        container_id = engine.create("honest-typeless", DEAF)
        return engine.api.raw("POST", f"/containers/{container_id}/update", "{}")
    ours, theirs = on_both(reply, scripted, docker)
    assert ours[0] == theirs[0] == 400
    assert ours == theirs or not recorded(docker)


def test_the_event_log_holds_256_entries_and_waits_for_a_future_end(scripted, docker):
    def read(engine):
        name = engine.run("x", DEAF)
        since = time.time() - 1
        at_once(lambda _: policy(engine, name, "no"), range(300))
        full = engine.api.raw("GET", "/events", query={"since": f"{since:.9f}", "until": f"{time.time():.9f}"})[1].splitlines()
        began = time.time()
        late = engine.api.raw("GET", "/events", query={"since": f"{began:.9f}", "until": f"{began + 0.7:.9f}"})
        assert time.time() - began >= 0.65
        return len(full), late
    ours, theirs = on_both(read, scripted, docker)
    assert ours == theirs == (256, (200, b""))


# -- what only the scripted one can do ----------------------------------------------------------------------------------------------------------


def request(path, *lines):
    """Sends requests over one connection. Returns everything that comes back."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(path)
        sock.sendall("".join(f"{line} HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n" for line in lines).encode())
        sock.shutdown(socket.SHUT_WR)
        reply = b""
        while part := sock.recv(65536):
            reply += part
        return reply


def test_requests_are_recorded_by_name_and_those_of_the_test_are_not():
    with ScriptedEngine() as engine:
        name = engine.run("x")
        request(engine.socket, "GET /_ping", f"POST /v1.41/containers/{engine.id(name)}/stop?t=3", "GET /containers/json?all=1")
        request(engine.socket, "DELETE /containers/nobody?v=1")
        assert engine.lines == ["GET /_ping", f"POST /containers/{name}/stop", "GET /containers/json", "DELETE /containers/nobody"]
        assert [entry.connection for entry in engine.requests] == [1, 1, 1, 2]
        assert [entry.status for entry in engine.requests] == [200, 204, 200, 404]
        assert [entry.line for entry in engine.changes] == [f"POST /containers/{name}/stop", "DELETE /containers/nobody"]
        assert engine.requests[1].query == {"t": "3"} and engine.requests[1].version == "1.41"
        assert engine.most_at_once() == 1 and engine.connections == 2


def test_a_raced_update_fails_and_works_all_the_same():
    with ScriptedEngine() as engine:
        name = engine.run("x", POLITE)
        before = engine.seen(name)
        engine.race_update(1)
        with pytest.raises(ApiError) as raced:
            policy(engine, name, "on-failure")
        assert raced.value.status == 500 and engine.policy(name) == ("no", 0)
        engine.crash(name)
        engine.wait_restarted(name, before)
        policy(engine, name, "on-failure")
        assert engine.policy(name) == ("on-failure", 0)


def test_a_fault_hits_the_requests_it_is_meant_for():
    with ScriptedEngine() as engine:
        fault = engine.fault("^GET /_ping", faults.error(500, "no"), nth=2, times=2)
        reply = request(engine.socket, *["GET /_ping"] * 5)
        assert re.findall(rb"HTTP/1.1 (\d+)", reply) == [b"200", b"500", b"500", b"200", b"200"]
        assert fault.fired == 2


def test_closing_leaves_nothing_whatever_hangs():
    before = threading.active_count()
    with ScriptedEngine() as engine:
        for action in (faults.hang(), faults.endless_json(), faults.drip(3600), faults.delay(3600), faults.endless_headers()):
            engine.fault("_ping", action)
        engine.fault("/events", faults.delay_reply(3600))
        name = engine.run("x", DEAF, stop_timeout=3600)
        lines = ["GET /_ping"] * 5 + ["GET /events", f"POST /containers/{name}/stop", "GET /events?until=99999999999"]
        sockets = [socket.socket(socket.AF_UNIX) for _ in lines]
        for sock, line in zip(sockets, lines):
            sock.connect(engine.socket)
            sock.sendall(f"{line} HTTP/1.1\r\nHost: d\r\n\r\n".encode())
        wait_for(lambda: len(engine.requests) == len(lines), 10, "all have arrived")
    for sock in sockets:
        sock.close()
    assert threading.active_count() == before
