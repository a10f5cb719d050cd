# SPDX-License-Identifier: MIT-0
"""The scripted engine must not lie: the same requests, sent to it and to a real dockerd, are answered alike and leave the containers alike."""
import json
import re
import threading
import time

import pytest

from support import scripted_faults as faults
from support.comparison import at_once, logged, look, on_both, soon, wait_backoff, wait_logged
from support.containers import DEAF, FAILING
from support.wait import wait_for

JSON = "application/json"
READY = ["sh", "-c", "trap 'exit 0' TERM; : > /ready; sleep 1000000 & wait $!"]  # as POLITE, and says when it hears SIGTERM
BACKOFF_RESTART = 8  # Docker waits 12.8 s before it: long enough to look around on a machine that is stalled for some of them

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


def recorded(docker):
    """Whether the real engine is one whose words we have."""
    return docker.api.get("/version")["Version"].startswith(("20.10.", "26.1.", "28.5."))


# -- each verb in each state ---------------------------------------------------------------------------------------------------------------------


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
        wait_for(lambda: engine.exec(name, "test", "-e", "/ready")[0] == 0, 60, "it hears SIGTERM")
        wait_logged(engine, container_id, began, "exec_die")
    if state == "paused":
        engine.pause(name)
    elif state == "exited":
        engine.stop_container(name)
    elif state == "killed":
        engine.api.post(f"/containers/{name}/kill")
    if state in ("exited", "killed"):  # newer engines show the end before they log it
        wait_logged(engine, container_id, began, "die")
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
        self.ids = at_once(lambda _: container_in(engine, state), self.verbs, len(self.verbs))  # side by side: a backoff has its time
        self.since = time.time()
        self.replies = at_once(lambda item: send(engine, *item), list(zip(self.verbs, self.ids)), len(self.verbs))

    @property
    def codes(self):
        replies = dict(zip(self.verbs, self.replies))
        return tuple(replies[verb][0] for verb in COLUMNS)

    def outcome(self, words):
        return {verb: (reply if words else reply[0], look(self.engine, container_id), logged(self.engine, container_id, self.since))
                for verb, container_id, reply in zip(self.verbs, self.ids, self.replies)}


@pytest.mark.parametrize("state", CODES)
def test_every_verb_is_answered_alike(state, scripted, docker):
    def scripted_or_real(engine):
        done = EachVerb(engine, state)
        return done, done.outcome(recorded(docker)) if engine is scripted else None  # at once, before a backoff is over
    (ours, expected), (theirs, _) = on_both(scripted_or_real, scripted, docker)
    assert theirs.codes == CODES[state], "FACTS.md is wrong"
    assert soon(expected, lambda: theirs.outcome(recorded(docker))) == expected
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
        at_once(lambda _: engine.set_policy(name, "no"), range(300))
        full = engine.api.raw("GET", "/events", query={"since": f"{since:.9f}", "until": f"{time.time():.9f}"})[1].splitlines()
        began, clock = time.time(), time.monotonic()
        late = engine.api.raw("GET", "/events", query={"since": f"{began:.9f}", "until": f"{began + 0.7:.9f}"})
        assert time.monotonic() - clock >= 0.65
        return len(full), late
    ours, theirs = on_both(read, scripted, docker)
    assert ours == theirs == (256, (200, b""))
