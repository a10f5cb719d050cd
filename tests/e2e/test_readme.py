# SPDX-License-Identifier: MIT-0
"""What README tells to type is typed, in its order, on a host of its own; and what it shows is what is seen there."""
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree

import pytest

from support.agent import Agent
from support.eins import PATH, PATIENT, SOURCE
from support.guest import Guest
from support.wait import wait_for

BENCH = os.path.join(SOURCE, "tests", "bench")
sys.path.insert(0, BENCH)

CLONE = ("configure.ac", "Makefile.am", "README.md", "LICENSE", "CONTRIBUTING.md", "NEWS", "etc", "man", "src", "systemd", "tests")
ENGINE = "/run/eins-engine"  # where the guest sees the engine's folder
HOME = "/home/reader"
EDITOR = "/root/editor"
LONG = 60  # seconds: against a hang
SERVICE, TIMER = "ecs-eins.service", "ecs-eins.timer"
HELD, FREE = ("on-failure", 0), ("no", 0)
CONF = f"[docker]\nhost = unix://{ENGINE}/docker.sock\npid_file = {ENGINE}/pid\n"

DEMO = "sudo sh tests/demo"
# Commands that are run somewhere else: where.
ELSEWHERE = {
    DEMO: "tests/e2e/test_readme.py",  # below, on this machine and not in a guest
    "sudo bash tests/check": ".ci/run",
}


def readme():
    with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
        return file.read()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", readme(), re.MULTILINE | re.DOTALL)


def commands():
    """In their order; one that goes on in the next line is one."""
    return [line for block in blocks("sh") for line in block.replace("\\\n", "").splitlines() if line]


def shape(text):
    """Without what differs from run to run: ids, numbers, and how many blanks stand between."""
    return [" ".join(re.sub(r"\d+", "N", re.sub(r"\b[0-9a-f]{12,}\b", "ID", line)).split()) for line in text.splitlines()]


def copy_clone(folder):
    """What git has, without what a build leaves in between."""
    os.makedirs(folder, exist_ok=True)
    leave = shutil.ignore_patterns("__pycache__", "*.o", "*.a", "*.log", "*.trs", ".deps", ".dirstamp")
    for name in CLONE:
        path = os.path.join(SOURCE, name)
        if os.path.isdir(path):
            shutil.copytree(path, os.path.join(folder, name), ignore=leave)
        else:
            shutil.copy(path, folder)


class Reader:
    """A person who types all that README says, and looks after each command whether it did what README says. A method of `looks` is named for
    the command, and gets what it printed; one of `before` makes what has to happen until then."""

    def __init__(self, guest, engine, region):
        self.guest, self.engine, self.region = guest, engine, region
        self.agent = Agent(engine)
        self.agent.start()
        self.tasks = {name: engine.run(name) for name in ("web", "cache", "worker")}
        self.drop_in, self.metrics = (block for block in blocks("ini"))

    def type(self, command):
        """sudo is not installed everywhere, and in the guest the tests are root anyway. A command without it is an ordinary user's, but
        systemctl: it would need dbus for that."""
        if command.startswith("sudo -u "):
            user, rest = re.fullmatch(r"sudo -u (\w+) (.*)", command).groups()
        elif command.startswith(("sudo ", "systemctl ")):
            user, rest = "root", command.removeprefix("sudo ")
        else:
            user, rest = "reader", command
        code = {"systemctl status ecs-eins.service": 3, "/usr/sbin/eins-check --status": 1, "/usr/sbin/eins-check --status --json": 1}
        typed = ["sh", "-c", f"cd {HOME}/eins && {rest}"]
        return self.guest.run(*(typed if user == "root" else ["runuser", "-u", user, "--", *typed]), code=code.get(command, 0)).out

    def check(self):
        """By hand. The timer's may be in the way, now and then."""
        def made():
            done = self.guest.run("eins-check", code=None)
            assert done.returncode in (0, 75), done
            return done.returncode == 0
        wait_for(made, LONG, "no other check runs")

    def check_by_service(self):
        """One that has begun after this. The timer's next one comes a minute after it, so none is in the way of what is typed then."""
        self.wait_no_check()
        self.guest.run("systemctl", "start", SERVICE)

    def wait_no_check(self):
        wait_for(lambda: self.guest.show(SERVICE, "ActiveState")["ActiveState"] == "inactive", LONG, "no check runs")

    def go_offline(self):
        self.region.mode = "refused"
        self.check_by_service()
        self.agent.wait_status("paused", LONG)
        assert self.engine.policy(self.tasks["web"]) == HELD

    def expect_given_back(self):
        self.agent.wait_status("running", LONG)
        assert self.engine.policy(self.tasks["web"]) == FREE

    # -- Install -------------------------------------------------------------------------------------------------------------------

    def installed(self, _):
        for path in ("/usr/sbin/eins-check", "/usr/share/man/man8/eins-check.8", "/etc/cron.d/ecs-eins", "/etc/eins/eins.conf",
                     "/usr/share/bash-completion/completions/eins-check"):
            assert self.guest.exists(path), path
        assert "docker" in self.guest.run("id", "-nG", "eins").out.split()
        self.guest.write("/etc/ecs/ecs.config", "AWS_DEFAULT_REGION=eu-central-1\n")
        checked = self.type("sudo -u eins eins-check --check-config")
        assert re.search(r"^name = eu-central-1 +# .*/etc/ecs/ecs.config", checked, re.MULTILINE), checked  # nothing was configured
        self.guest.write("/etc/eins/ca.pem", open(self.region.certificates.ca_file, encoding="ascii").read())
        self.guest.write("/etc/eins/eins.conf", f"[region]\nendpoint = {self.region.url}\nca_file = /etc/eins/ca.pem\n"
                         + "".join(f"{key} = {value}\n" for key, value in PATIENT.items()) + CONF)

    def shows_configuration(self, out):
        assert f"{ENGINE}/docker.sock" in out and "/etc/eins/eins.conf" in out

    def would_do_nothing(self, out):
        assert "reachable" in out and not self.guest.exists("/var/lib/eins/state.ini")

    def timer_runs(self, _):
        wait_for(lambda: self.guest.exists("/var/lib/eins/state.ini"), LONG, "the timer has had a check made")
        self.wait_no_check()

    def prepare_edit(self):
        """systemctl edit wants a terminal, and an editor. The file is its last argument."""
        self.guest.write("/root/drop-in", self.drop_in)
        self.guest.write(EDITOR, '#!/bin/sh\nfor file; do :; done\nexec cp /root/drop-in "$file"\n', 0o755)

    def edit(self, command):
        self.guest.run("env", f"SYSTEMD_EDITOR={EDITOR}", "TERM=dumb", "script", "-qec", command.removeprefix("sudo "), "/dev/null")
        timers = self.guest.run("systemctl", "show", TIMER, "--property=TimersMonotonic").out
        found = dict(re.findall(r"On(Boot|UnitInactive)USec=(\w+)", timers))
        assert found == {"Boot": "10s", "UnitInactive": "1min"}, timers

    def folders_are_there(self, _):
        assert self.guest.exists("/var/lib/eins") and self.guest.exists("/var/log/eins")

    # -- Watch it ------------------------------------------------------------------------------------------------------------------

    def have_an_outage(self):
        self.region.mode = "forbidden"
        self.check()
        self.go_offline()
        self.engine.crash_and_restart(self.tasks["worker"])
        self.check()

    def status_is_as_shown(self, out):
        assert shape(out) == shape(blocks("text")[0])

    def json_says_the_same(self, out):
        status = json.loads(out)
        assert (status["phase"], status["counts"]["restarted"], len(status["containers"])) == ("disconnected", 1, 3)

    def write_metrics(self):
        conf = self.guest.read("/etc/eins/eins.conf")
        self.guest.write("/etc/eins/eins.conf", conf + self.metrics)
        self.guest.run("mkdir", "-p", "/var/lib/prometheus/node-exporter")

    def metrics_are_those_of_the_table(self, _):
        self.check_by_service()
        seen = set(re.findall(r"^# TYPE (\w+)", self.guest.run("cat", "/var/lib/prometheus/node-exporter/eins.prom").out, re.MULTILINE))
        cells = re.findall(r"^\| (`eins_.*?) \|", readme(), re.MULTILINE)
        told = {name for cell in cells for name in re.findall(r"`(\w+)", cell)}
        assert told == seen
        rules = self.guest.read("/usr/share/doc/eins/eins.rules.yml")
        assert set(re.findall(r"eins_\w+", rules)) <= seen and rules.count("alert:") == 4

    def end_the_outage(self):
        self.region.mode = "forbidden"
        self.check_by_service()
        self.agent.wait_status("running", LONG)
        assert not self.engine.exists(self.tasks["worker"])

    def status_has_a_line_of_ours(self, out):
        assert re.search(r'Status: "connected since .*: 2 containers of ECS run"', out), out

    def wait_for_journald(self):
        self.guest.sync_journal()

    def every_container_has_its_line(self, out):
        sample = shape(blocks("text")[1])[0]
        assert sample in shape(self.guest.read("/var/log/eins/eins.log"))
        message = sample.split("] ", 1)[1]
        assert any(message in line for line in shape(out)), out

    # -- Remove it -----------------------------------------------------------------------------------------------------------------

    def nothing_is_left(self, _):
        self.expect_given_back()
        left = self.guest.run("find", "/etc", "/usr", "/lib/systemd", "/var/lib", "/var/log", "-regex", r".*/\(ecs-\)?eins[^/]*").out.split()
        ours = {"/var/lib/eins/eins.prom", "/var/lib/prometheus/node-exporter/eins.prom", "/var/log/eins/eins.log", f"/etc/systemd/system/{TIMER}.d"}
        assert set(left) - ours == {"/etc/eins", "/etc/eins/eins.conf", "/var/lib/eins", "/var/log/eins"}

    def install_again(self):
        self.type("sudo make install")
        self.type("sudo systemctl enable --now ecs-eins.timer")
        self.timer_runs(None)
        self.go_offline()

    def timer_is_gone(self, _):
        assert self.guest.run("systemctl", "is-enabled", TIMER, code=1).out.strip() == "disabled"
        assert self.guest.run("systemctl", "is-active", TIMER, code=3).out.strip() == "inactive"

    def reset_gives_back(self, _):
        self.expect_given_back()
        assert not self.guest.exists("/var/lib/eins/state.ini")


# Command -> what is made before it, and what is looked at after it.
STEPS = {
    "sudo apt-get install": (None, None),
    "autoreconf -fi": (None, None),
    "./configure --prefix=/usr --sysconfdir=/etc": (None, None),
    "make": (None, None),
    "sudo make install": (None, Reader.installed),
    "sudo -u eins eins-check --check-config": (None, Reader.shows_configuration),
    "sudo -u eins eins-check --dry-run": (None, Reader.would_do_nothing),
    "sudo systemctl enable --now ecs-eins.timer": (None, Reader.timer_runs),
    "sudo systemctl edit ecs-eins.timer": (Reader.prepare_edit, Reader.edit),
    "sudo install -d /var/lib/eins /var/log/eins": (None, Reader.folders_are_there),
    "/usr/sbin/eins-check --status": (Reader.have_an_outage, Reader.status_is_as_shown),
    "/usr/sbin/eins-check --status --json": (None, Reader.json_says_the_same),
    "sudo ln -s /var/lib/eins/eins.prom /var/lib/prometheus/node-exporter/": (Reader.write_metrics, Reader.metrics_are_those_of_the_table),
    "systemctl status ecs-eins.service": (Reader.end_the_outage, Reader.status_has_a_line_of_ours),
    "sudo journalctl -u ecs-eins.service": (Reader.wait_for_journald, Reader.every_container_has_its_line),
    "sudo make uninstall": (Reader.go_offline, Reader.nothing_is_left),
    "sudo systemctl disable --now ecs-eins.timer": (Reader.install_again, Reader.timer_is_gone),
    "sudo eins-check --reset": (None, Reader.reset_gives_back),
}


def step_of(command):
    """The packages of apt-get are README's own affair."""
    return "sudo apt-get install" if command.startswith("sudo apt-get install ") else command


@pytest.fixture
def reader(docker, region):
    os.chmod(docker.folder, 0o711)
    with Guest("/", binds={docker.folder: ENGINE}) as guest:
        # Packages that are there stay as they are: nothing is fetched for a newer version.
        guest.write("/etc/apt/apt.conf.d/99eins", 'APT::Get::Upgrade "false";\nAPT::Get::Download "false";\n')
        guest.remove("/etc/eins", "/etc/ecs", "/var/lib/eins", "/var/log/eins")
        copy_clone(guest.path + HOME + "/eins")
        guest.boot()
        guest.run("useradd", "reader")
        guest.run("chown", "-R", "reader:", HOME)
        yield Reader(guest, docker, region)


def let_in(reader):
    """The socket is the group docker's, as its package has it; in the guest that group may have another number."""
    group = int(re.search("^docker:.*:([0-9]+):", reader.guest.read("/etc/group"), re.MULTILINE).group(1))
    os.chown(reader.engine.socket, 0, group)


def test_every_command_is_typed_here_or_run_somewhere_else():
    known = [*STEPS, *ELSEWHERE]
    assert [command for command in commands() if step_of(command) not in known] == []
    assert set(known) == {step_of(command) for command in commands()}
    for command, where in ELSEWHERE.items():
        with open(os.path.join(SOURCE, where), encoding="utf-8") as file:
            assert command.split()[-1] in file.read(), where


def test_every_block_of_code_says_what_it_is():
    fences = re.findall(r"^ *(?:```|~~~)(.*)$", readme(), re.MULTILINE)
    assert set(fences[0::2]) <= {"sh", "ini", "text"} and set(fences[1::2]) == {""}
    assert not re.search(r"\n\n(?: {4}|\t)\S", re.sub(r"^```.*?^```$", "", readme(), flags=re.MULTILINE | re.DOTALL)), "an indented one"


def test_a_reader_gets_from_the_clone_to_a_host_that_knows_nothing_of_eins_any_more(reader):
    for command in commands():
        if command in ELSEWHERE:
            continue
        before, look = STEPS[step_of(command)]
        if before:
            before(reader)
        if look is Reader.edit:
            reader.edit(command)
            continue
        out = reader.type(command)
        if command == "sudo make install":
            let_in(reader)
        if look:
            look(reader, out)


def test_the_demo_plays_and_leaves_the_clone_as_it_is(tmp_path):
    clone = tmp_path / "clone"
    copy_clone(clone)
    before = sorted(clone.rglob("*"))
    assert DEMO in commands()
    env = {"PATH": PATH, "LC_ALL": "C.UTF-8"}  # no TMPDIR: in a deep folder the engine's sockets would have names that are too long
    done = subprocess.run(DEMO.split()[1:], cwd=clone, env=env, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0 and "The story came out as told" in done.stdout, done.stdout[-3000:] + done.stderr
    assert sorted(clone.rglob("*")) == before
    used = set(re.findall(r"/tmp/eins-[\w-]+", done.stdout))
    assert used and [folder for folder in used if os.path.exists(folder)] == []


def test_the_picture_is_what_is_drawn_from_its_record():
    from picture import picture
    with open(os.path.join(BENCH, "outage.json"), encoding="utf-8") as record, open(os.path.join(BENCH, "outage.svg"), encoding="utf-8") as drawn:
        text = drawn.read()
        assert picture(json.load(record)) == text
    root = xml.etree.ElementTree.fromstring(text)
    names = [element.tag.split("}")[1] for element in root.iter()]
    assert (root.get("width"), root.get("role")) == ("800", "img") and "script" not in names and {"title", "desc"} <= set(names)
    assert "prefers-color-scheme:dark" in text and not re.search(r"(?:href|url)=|url\((?!#)|@import", text)
    assert re.search(r"!\[[^]]{40,}\]\(tests/bench/outage\.svg\)", readme())


def test_the_picture_can_be_played_again(tmp_path):
    """A short one; timeline.py itself sees to it that the story comes out, however busy this machine is. How wide a bar gets, and so which words
    are in it, depends on that."""
    drawn, recorded = tmp_path / "outage.svg", tmp_path / "outage.json"
    times = ["--before=1", "--outage=3", "--crash=1.5", "--after=2", "--interval=0.4", f"--pause={LONG}"]
    done = subprocess.run([sys.executable, "-B", os.path.join(BENCH, "timeline.py"), drawn, f"--record={recorded}", *times], capture_output=True,
                          text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    record = json.loads(recorded.read_text())
    assert [run["eins"] for run in record["runs"]] == [True, False]
    assert ["paused" in [span["state"] for span in run["agent"]] for run in record["runs"]] == [True, False]
    bars = [element.get("class") for element in xml.etree.ElementTree.parse(drawn).getroot().iter() if element.tag.endswith("}rect")]
    assert (bars.count("ecs"), bars.count("docker"), bars.count("pause")) == (2, 1, 1), bars
