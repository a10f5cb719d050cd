# SPDX-License-Identifier: MIT-0
"""How an engine of a given version shows its containers: the recorded bodies of tests/unit/data with other values in them."""
import json
import os
import time

from .scripted_box import nanoseconds, rfc3339

RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "unit", "data")

# version: (recorded bodies, oldest API accepted, newest API). FACTS.md, "API versions". 24.0 and 29.0 have the bodies of their elders.
VERSIONS = {
    "20.10": ("20.10", "1.12", "1.41"),
    "24.0": ("20.10", "1.12", "1.43"),
    "26.1": ("26.1", "1.24", "1.45"),
    "28.5": ("28.5", "1.24", "1.51"),
    "29.0": ("28.5", "1.44", "1.53"),
}


def as_old_as(api):
    """The version of an engine whose newest API is this one, or the next older of those that there are."""
    def numbers(version):
        return tuple(map(int, version.split(".")))
    return [version for version, (_, _, newest) in VERSIONS.items() if numbers(newest) <= numbers(api)][-1]


class Shapes:
    def __init__(self, version):
        folder = os.path.join(RECORDED, VERSIONS[version][0])
        with open(os.path.join(folder, "inspect-running.json"), encoding="utf-8") as file:
            self._inspect = file.read()
        self._recorded_id = json.loads(self._inspect)["Id"]
        with open(os.path.join(folder, "list.json"), encoding="utf-8") as file:
            self._entry = json.dumps(json.load(file)[0])

    def inspect(self, box):
        shown = json.loads(self._inspect.replace(self._recorded_id, box.id))
        shown.update(Created=rfc3339(box.created), Path=box.cmd[0], Args=box.cmd[1:], Name="/" + box.name, RestartCount=box.restart_count)
        shown["State"].update(
            Status=box.status, Running=box.running, Paused=box.paused, Restarting=box.restarting, OOMKilled=box.oom_killed, Dead=box.dead,
            Pid=box.pid, ExitCode=box.exit_code, Error=box.error, StartedAt=box.started_at, FinishedAt=box.finished_at)
        shown["HostConfig"].update(RestartPolicy={"Name": box.policy.name, "MaximumRetryCount": box.policy.retries}, AutoRemove=box.auto_remove)
        shown["Config"].update(Hostname=box.id[:12], Cmd=box.cmd, Labels=box.labels)
        if box.stop_timeout is not None:
            shown["Config"]["StopTimeout"] = box.stop_timeout
        return shown

    def list_entry(self, box):
        entry = json.loads(self._entry)
        entry.update(Id=box.id, Names=["/" + box.name], Command=" ".join(box.cmd), Created=box.created // 10**9, Labels=box.labels,
                     State=box.status, Status=_status_text(box))
        return entry


def matches(box, filters):
    """A list's filters: {"label": ["key" or "key=value"], "status": [...], "name": [...], "id": [...]}."""
    def any_of(key, test):
        return key not in filters or any(test(value) for value in filters[key])

    def has_label(text):
        key, equals, value = text.partition("=")
        return key in box.labels and (not equals or box.labels[key] == value)
    return all(has_label(text) for text in filters.get("label", ())) and any_of("status", lambda value: value == box.status) and \
        any_of("name", lambda value: value in "/" + box.name) and any_of("id", box.id.startswith)


def _status_text(box):
    """For people: what `docker ps` prints."""
    now = time.time_ns()
    if box.status in ("running", "paused"):
        return f"Up {_ago(now - nanoseconds(box.started_at))}" + (" (Paused)" if box.paused else "")
    if box.status == "restarting":
        return f"Restarting ({box.exit_code}) {_ago(now - nanoseconds(box.finished_at))} ago"
    if box.status == "exited":
        return f"Exited ({box.exit_code}) {_ago(now - nanoseconds(box.finished_at))} ago"
    return {"created": "Created", "dead": "Dead", "removing": "Removal In Progress"}[box.status]


def _ago(difference):
    seconds = difference // 10**9
    return "Less than a second" if seconds < 1 else "1 second" if seconds == 1 else f"{seconds} seconds"
