# SPDX-License-Identifier: MIT-0
"""Whatever becomes of the state file or of its disk: the agent is given back, and nothing is removed on a guess."""
import contextlib
import glob
import os
import subprocess

import pytest

from support.containers import DEAF
from support.host import Host


def begin_and_restart(engine, outage):
    """An outage in which one container was restarted: with its state, eins would remove it. Its name."""
    web = engine.run("web", DEAF, stop_timeout=0)
    engine.run("quiet")
    outage.before()
    outage.begin()
    engine.crash_and_restart(web)
    return web


@pytest.fixture
def restarted(docker, agent, outage):
    return begin_and_restart(docker, outage)


def warned(result, *words):
    return [line for line in result.log if " WARNING " in line and all(word in line for word in words)]


def wait_thawed(engine):
    """Docker may show a pause once more when containerd's late word of it comes after the end."""
    engine.wait_status("ecs-agent", "running")


def given_back(docker):
    """The view as it should be when all is given back and nothing is removed."""
    view = {name: seen._replace(policy="no") for name, seen in docker.view().items()}
    view["ecs-agent"] = view["ecs-agent"]._replace(status="running")
    return view


# -- lost ------------------------------------------------------------------------------------------------------------------


def remove(path):
    os.unlink(path)


def write(text):
    def damage(path):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    return damage


def cut(path):
    os.truncate(path, os.path.getsize(path) // 2)


def flip(path):
    """One letter of a container's id is another one: only the checksum tells."""
    with open(path, "r+", encoding="utf-8") as file:
        text = file.read()
        at = text.index("[container:") + 20
        file.seek(at)
        file.write("0" if text[at] != "0" else "1")


def lead_elsewhere(path):
    os.rename(path, path + ".elsewhere")
    os.symlink(path + ".elsewhere", path)


def make_folder(path):
    os.unlink(path)
    os.mkdir(path)


DAMAGES = {"removed": remove, "empty": write(""), "garbage": write("\0\1\2 no state\n"), "cut": cut, "flipped": flip,
           "newer": write("[eins]\nversion = 99\nchecksum = 00\n"), "link": lead_elsewhere, "folder": make_folder}


def nothing_is_removed(engine, outage, restarted, damage):
    expected = given_back(engine)
    damage(outage.eins.state_file)
    result = outage.end()
    wait_thawed(engine)
    assert engine.view() == expected, result
    assert len(warned(result, "the state was lost")) == 2, result
    assert warned(result, restarted, "the state was lost"), result
    kept = glob.glob(outage.eins.state_file + ".corrupt-*")
    assert len(kept) == (0 if damage is remove else 1), result
    assert all(warned(result, path) for path in kept), "it says what was kept aside, and where"
    result = outage.before()
    assert engine.view() == expected and not warned(result), result


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_nothing_is_removed_on_a_state_that_was_lost_in_the_outage(certificates, damage):
    with Host(certificates) as host:
        nothing_is_removed(host.engine, host, begin_and_restart(host.engine, host), damage)


@pytest.mark.parametrize("damage", [remove, flip], ids=["removed", "flipped"])
def test_nor_is_it_on_a_real_engine(docker, agent, restarted, outage, damage):
    nothing_is_removed(docker, outage, restarted, damage)


def test_an_outage_goes_on_when_its_state_is_lost(docker, agent, restarted, eins, outage):
    before = docker.view()
    remove(eins.state_file)
    outage.again()
    assert docker.view() == before
    docker.crash_and_restart(restarted)
    outage.again()
    expected = given_back(docker)
    outage.end()
    wait_thawed(docker)
    assert docker.view() == expected, "what was guessed is not removed, not even for what was seen since"


def test_a_state_that_is_lost_while_connected_costs_nothing(docker, agent, eins, outage):
    web = docker.run("web")
    outage.before()
    before = docker.view()
    os.unlink(eins.state_file)
    result = outage.before()
    assert docker.view() == before and set(eins.containers()) == {web} and not warned(result), result


# -- not writable ----------------------------------------------------------------------------------------------------------


class Disk:
    """A file system of its own for the state, so small that it can be filled."""

    def __init__(self, folder):
        self.folder = folder

    def full(self):
        with open(self.folder + "/filler", "ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)

    def read_only(self):
        self._mount("remount,ro")

    def well(self):
        self._mount("remount,rw")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.folder + "/filler")

    def _mount(self, options):
        subprocess.run(["mount", "-o", options, self.folder], check=True)


@pytest.fixture
def disk(eins):
    folder = eins.folder + "/disk"
    os.mkdir(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
    eins.state_file = eins.conf["state"]["file"] = folder + "/state.ini"
    yield Disk(folder)
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(params=["full", "read_only"])
def fail(disk, request):
    """Makes the disk fail, in one of two ways."""
    return getattr(disk, request.param)


def test_the_agent_is_given_back_although_the_state_cannot_be_written(disk, fail, docker, agent, restarted, region, eins):
    expected = given_back(docker)
    fail()
    region.mode = "forbidden"
    for _ in range(2):
        result = eins.check(code=74)
        wait_thawed(docker)
        assert docker.view() == expected, result
        assert "state.ini" in result.err and "state.ini" in result.log_text, result
    disk.well()
    eins.check()
    # Its policy was given back by a check that could not write so, and the agent has seen it since: what it is now is ECS's to say.
    assert eins.phase == "connected" and docker.exists(restarted)
    wait_thawed(docker)


def test_without_a_state_that_can_be_written_no_outage_is_taken_over(disk, fail, docker, agent, region, eins):
    web = docker.run("web")
    eins.check()
    before = docker.view()
    fail()
    region.mode = "refused"
    for _ in range(2):
        result = eins.check(code=74)
        assert docker.view() == before, result
    disk.well()
    eins.check()
    assert eins.phase == "disconnected" and agent.status == "paused" and docker.policy(web) == ("on-failure", 0)


def test_an_outage_is_kept_although_the_state_cannot_be_written_any_more(disk, fail, docker, agent, restarted, region, eins):
    before = docker.view()
    fail()
    result = eins.run()
    assert result.code in (0, 74) and docker.view() == before, result
