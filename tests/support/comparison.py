# SPDX-License-Identifier: MIT-0
"""Two engines side by side: the same is done to both, and this is what tells whether they are alike."""
import concurrent.futures
import json
import time

from .api import ApiError
from .wait import NotInTime, wait_for


def at_once(function, arguments, workers=8):
    """function(argument) for each of them, side by side. Returns the results, in the order of the arguments."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, arguments))


def on_both(function, scripted, docker):
    """function(engine) on both at the same time. Returns both results."""
    return at_once(function, [scripted, docker])


def soon(expected, observe, timeout=60):
    """`expected`, when observe() returns that within the time; else what it returns in the end. A real engine takes a while to settle."""
    try:
        wait_for(lambda: observe() == expected, timeout, "both engines agree", 0.1)
        return expected
    except NotInTime:
        return observe()


def wait_backoff(engine, name, restart):
    """Until it waits for that restart."""
    def waits():
        now = engine.seen(name)
        return now.status == "restarting" and now.restart_count >= restart
    wait_for(waits, 120, "the backoff has grown")


def logged(engine, container_id, since):
    """What the log says of the container since then: its own events in their order, and how many its network had."""
    query = {"since": f"{since:.9f}", "until": f"{time.time():.9f}"}
    own, network = [], 0
    for line in engine.api.raw("GET", "/events", query=query)[1].splitlines():
        event = json.loads(line)
        attributes = event["Actor"]["Attributes"]
        if event["Type"] == "container" and event["Actor"]["ID"] == container_id:
            own.append(" ".join([event["Action"].strip(), *(attributes[key] for key in ("signal", "exitCode") if key in attributes)]))
        network += event["Type"] == "network" and attributes.get("container") == container_id
    for i in range(1, len(own)):  # from Docker 25 on these two come in either order; and who waits for a stop may hear of it after the removal
        if own[i - 1] == "stop" and own[i].startswith("die") or own[i - 1] == "destroy" and own[i] == "stop":
            own[i - 1:i + 1] = own[i], own[i - 1]
    for i in range(len(own) - 2):  # containerd's word of a pause came when that was over: Docker shows it again, until the next word
        if own[i:i + 3] == ["unpause", "pause", "unpause"]:
            own[i:i + 3] = ["unpause"]
    return own, network


def wait_logged(engine, container_id, since, ending):
    """What Docker shows, it may log a moment later. Returns when the log has an end, "die" or "exec_die", for each beginning."""
    def is_logged():
        own, _ = logged(engine, container_id, since)
        begun, ended = (sum(event.startswith(word) for event in own) for word in (ending.replace("die", "start"), ending))
        return ended and ended >= begun
    wait_for(is_logged, 60, f"{ending} is in the log")


def look(engine, container_id):
    """What an inspection shows that must be alike; its status code when there is no such container."""
    try:
        facts = engine.inspect(container_id)
    except ApiError as error:
        return error.status
    state = facts["State"]
    return {key: state[key] for key in ("Status", "Running", "Paused", "Restarting", "OOMKilled", "Dead", "ExitCode", "Error")} | {
        "has a pid": state["Pid"] > 0, "policy": facts["HostConfig"]["RestartPolicy"], "finished": not state["FinishedAt"].startswith("0001")}
