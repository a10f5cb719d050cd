# SPDX-License-Identifier: MIT-0
"""Whatever has become of the state file: no check is wedged, nothing is stopped or removed on a guess, and the agent runs again in the end.

The file is cut off at, and has a bit flipped in, many of its bytes: one in so many, or every single one with EINS_ALL_POINTS=1.
"""
import contextlib
import os
import shutil
import subprocess
import time

import pytest

from support import injection
from support.eins import Eins, binary
from support.host import Host
from support.injection import ALL_POINTS, Scene, differences
from support.scripted_engine import ScriptedEngine

STEP = 1 if ALL_POINTS else 67  # bytes
NOBODY = "12345"  # a user and a group that nobody has


@pytest.fixture
def host(region):
    with ScriptedEngine() as engine, Eins(engine, region) as eins:
        yield engine, region, eins


def write(data):
    def damage(path):
        with open(path, "wb") as file:
            file.write(data)
    return damage


def cut(at):
    return lambda path: os.truncate(path, at)


def flip(at):
    """One bit of the byte at that place."""
    def damage(path):
        with open(path, "r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << at % 8]))
    return damage


def edit(old, new):
    def damage(path):
        with open(path, "rb") as file:
            data = file.read()
        assert old in data
        write(data.replace(old, new))(path)
    return damage


def append(data):
    def damage(path):
        with open(path, "ab") as file:
            file.write(data)
    return damage


def instead(make):
    """Something that is no regular file has its name."""
    def damage(path):
        os.unlink(path)
        make(path)
    return damage


def folder_with_content(path):
    os.mkdir(path)
    write(b"precious")(path + "/somebody's file")


def link_elsewhere(path):
    os.rename(path, path + ".elsewhere")
    os.symlink(path + ".elsewhere", path)


DAMAGES = {
    "missing": os.unlink,
    "empty": write(b""),
    "zeros": write(b"\0" * 1500),  # as some file systems leave it after a power loss
    "noise": write(bytes(range(256)) * 8),
    "huge": write(b"x" * (9 << 20)),
    "newer": edit(b"version = 1\n", b"version = 2\n"),
    "older": edit(b"version = 1\n", b"version = 0\n"),
    "edited": edit(b"phase = ", b"phase =  "),
    "longer": append(b"[container:x]\n"),
    "line feeds": edit(b"\n", b"\r\n"),
    "folder": instead(os.mkdir),
    "folder with content": instead(folder_with_content),
    "dangling link": instead(lambda path: os.symlink("/nonexistent/state.ini", path)),
    "link to itself": instead(lambda path: os.symlink(path, path)),
    "link to somewhere else": link_elsewhere,
    "fifo": instead(os.mkfifo),
}


def set_aside(eins):
    return [name for name in os.listdir(eins.folder) if name.startswith("state.ini.corrupt-")]


def check_says(result, eins, damage):
    """The log tells that the state was unusable, why, and where it is now; a file that is not there is nothing to tell."""
    warnings = [line for line in result.log if " WARNING " in line and "[begin]" in line]
    kept = set_aside(eins)
    if damage is os.unlink:
        assert not warnings and not kept, result
        return
    assert len(kept) == 1 and len(warnings) == 1, result
    assert kept[0] in warnings[0] and "the state is rebuilt from what Docker shows" in warnings[0], result


def given_back(view):
    """All that can be given back is, and nothing else has changed: what the policy was before eins set its own is only guessed."""
    view = {name: seen._replace(policy="no" if seen.policy == "on-failure" else seen.policy, retries=0) for name, seen in view.items()}
    return {name: seen._replace(status="running") for name, seen in view.items()}


def region_is_back(scene, damage):
    """The first check after the damage finds the region: two containers were restarted, and with its state, eins would remove them."""
    scene.reset()
    damage(scene.eins.state_file)
    result = scene.eins.check()
    check_says(result, scene.eins, damage)
    expected = given_back(scene.before)
    assert scene.engine.view() == expected, "\n".join([*differences(expected, scene.engine.view()), str(result)])
    result = scene.eins.check()
    assert scene.engine.view() == expected and " WARNING " not in result.log_text and scene.eins.phase == "connected", result


def outage_goes_on(scene, damage):
    """It finds no region, and a later one does: the agent stays paused and the policies stay as long as the outage lasts. What Docker restarts
    after the damage is not removed, either: who knows what it was."""
    scene.reset()
    scene.region.mode = "refused"
    damage(scene.eins.state_file)
    result = scene.eins.check()
    check_says(result, scene.eins, damage)
    assert scene.engine.view() == scene.before and scene.eins.phase == "disconnected", result
    scene.eins.check()
    assert scene.engine.view() == scene.before
    injection.restart(scene.engine, list(scene.roles)[:1])
    expected = given_back(scene.engine.view())
    scene.region.mode = "forbidden"
    result = scene.eins.check()
    assert scene.engine.view() == expected and scene.eins.phase == "connected", result


def all_was_well(scene, damage):
    """Connected, nothing owed: nothing but the baseline is lost, and that is rebuilt at once."""
    scene.reset()
    before = scene.outcome()
    damage(scene.eins.state_file)
    result = scene.eins.check()
    check_says(result, scene.eins, damage)
    assert scene.engine.view() == scene.before, result
    after = scene.outcome()
    assert after["state"] == before["state"], result


STORIES = {"the region is back": (injection.in_outage, region_is_back), "the outage goes on": (injection.in_outage, outage_goes_on),
           "all was well": (injection.well, all_was_well)}


@pytest.mark.parametrize("arrange,story", STORIES.values(), ids=STORIES)
def test_an_unusable_state_is_set_aside(arrange, story, host):
    with Scene(arrange, *host) as scene:
        for name, damage in DAMAGES.items():
            try:
                story(scene, damage)
            except AssertionError as error:
                raise AssertionError(f"the state is {name}: {error}") from error
            finally:
                clear(scene.eins.folder)


def clear(folder):
    """What Scene.reset() does not expect to find."""
    for name in os.listdir(folder):
        if os.path.isdir(os.path.join(folder, name)):
            shutil.rmtree(os.path.join(folder, name))


@pytest.mark.parametrize("arrange,story", STORIES.values(), ids=STORIES)
def test_every_damaged_byte_is_noticed(arrange, story, host, capsys, record_property, request):
    began, count = time.monotonic(), 0
    with Scene(arrange, *host) as scene:
        size = os.path.getsize(scene.eins.state_file)
        step = STEP if story is region_is_back or ALL_POINTS else 5 * STEP
        for kind in (cut, flip):
            for at in range(0, size, step):
                try:
                    story(scene, kind(at))
                except AssertionError as error:
                    raise AssertionError(f"{kind.__name__} at {at} of {size}: {error}") from error
                count += 1
    injection.report(capsys, record_property, request.node.name, f"{count} damaged bytes of {2 * size} in {time.monotonic() - began:.0f} s")


def test_what_was_set_aside_does_not_fill_the_disk(host):
    """A medium that damages the file again and again: the newest five stay, and whatever a person put beside them."""
    with Scene(injection.well, *host) as scene:
        scene.reset()
        mine = scene.eins.state_file + ".corrupt-by-me"
        write(b"")(mine)
        for _ in range(12):
            write(b"rubbish")(scene.eins.state_file)
            scene.eins.check()
        assert len(set_aside(scene.eins)) == 5 + 1 and os.path.exists(mine)


# -- who may not read or write it ---------------------------------------------------------------------------------------------


@pytest.fixture
def as_nobody(host, monkeypatch, region):
    """eins-check runs as a user of its own, who owns its folder and may use Docker."""
    engine, _, eins = host
    program = shutil.copy(binary(), eins.folder + "/program")
    eins.conf["region"]["ca_file"] = shutil.copy(region.certificates.ca_file, eins.folder + "/ca.pem")
    monkeypatch.setenv("EINS_CHECK", program)
    os.chmod(engine.folder, 0o755)
    os.chmod(engine.socket, 0o666)
    shutil.chown(eins.folder, int(NOBODY), int(NOBODY))
    eins.prefix = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]
    return host


def no_mode(path):
    os.chmod(path, 0)


def roots(path):
    """As an operator's sudo editor leaves it."""
    shutil.chown(path, "root", "root")
    os.chmod(path, 0o600)


@pytest.mark.parametrize("damage", [no_mode, roots])
@pytest.mark.parametrize("story", [region_is_back, outage_goes_on])
def test_a_state_that_may_not_be_read_is_set_aside(story, damage, as_nobody):
    with Scene(injection.in_outage, *as_nobody) as scene:
        story(scene, damage)


def test_a_folder_that_may_not_be_written_does_not_keep_the_agent_from_being_given_back(as_nobody):
    """All is given back, again and again, until the folder can be written; what happened in between is not taken for the outage's doing."""
    with Scene(injection.in_outage, *as_nobody) as scene:
        expected = {name: seen._replace(status="running") for name, seen in scene.before.items()}
        for path in (scene.eins.folder, scene.eins.state_file, scene.eins.lock_file):
            shutil.chown(path, "root", "root")
        os.chmod(scene.eins.folder, 0o755)
        for _ in range(2):
            result = scene.eins.check(code=74)
            assert "state.ini: cannot write: Permission denied: run eins-check as root or as the owner of the folder" in result.err, result
            view = scene.engine.view()
            assert {name: seen._replace(policy="", retries=0) for name, seen in view.items()} == \
                {name: seen._replace(policy="", retries=0) for name, seen in expected.items()}, result
            assert sorted((seen.policy, seen.retries) for seen in view.values()) == \
                [("always", 0), ("no", 0), ("no", 0), ("no", 0), ("on-failure", 3)], result
        shutil.chown(scene.eins.folder, int(NOBODY), int(NOBODY))
        result = scene.eins.check()
        assert scene.engine.view() == view and scene.eins.phase == "connected", result
        assert not [entry for entry in scene.eins.containers().values() if "takeover" in entry], result


def test_whoever_runs_a_check_the_owner_of_the_folder_can_run_the_next(as_nobody):
    """An operator's check, as root, in the middle of the service's own."""
    with Scene(injection.in_outage, *as_nobody) as scene:
        expected = scene.undisturbed()
        scene.reset()
        for name in set(os.listdir(scene.eins.folder)) - {"eins.conf"}:  # which root must not take from others
            shutil.chown(os.path.join(scene.eins.folder, name), int(NOBODY), int(NOBODY))
        prefix, scene.eins.prefix = scene.eins.prefix, []
        scene.eins.check()
        for name in ("state.ini", "state.ini.lock", "eins.log"):
            assert os.stat(os.path.join(scene.eins.folder, name)).st_uid == int(NOBODY), name
        scene.eins.prefix = prefix
        assert scene.converge(expected) == 1


# -- damaged, and on a disk that cannot be written ----------------------------------------------------------------------------


@contextlib.contextmanager
def disk(eins):
    """A small file system of its own for the state. Yields a function that mounts it again with other options."""
    folder = eins.folder + "/disk"
    os.mkdir(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
    eins.state_file = eins.conf["state"]["file"] = folder + "/state.ini"
    try:
        yield lambda option: subprocess.run(["mount", "-o", "remount," + option, folder], check=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("failure", ["full", "read-only"])
@pytest.mark.parametrize("name", ["empty", "noise", "newer", "folder", "dangling link"])
def test_a_damaged_state_on_a_disk_that_cannot_be_written_does_not_wedge(name, failure, certificates):
    with Host(certificates) as host, disk(host.eins) as remount:
        names = [host.engine.run("web"), host.engine.run("db")]
        host.before()
        host.begin()
        host.crash(names[0])
        damaged = host.engine.view()
        DAMAGES[name](host.eins.state_file)
        filler = os.path.dirname(host.eins.state_file) + "/filler"
        if failure == "full":
            with open(filler, "ab", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
        else:
            remount("ro")
        results = [host.again(code=74)]
        assert host.engine.view() == damaged, results[0]
        results.append(host.end(code=74))
        logged = "\n".join(result.log_text for result in results)
        assert ("moved to" if failure == "full" else "could not be moved away") in logged, logged
        assert all("state.ini: cannot write" in result.err for result in results)
        assert host.agent.status == "running" and all(host.engine.exists(name) for name in names), logged
        remount("rw")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(filler)
        host.end()
        host.assert_connected(names)
