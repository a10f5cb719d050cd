# SPDX-License-Identifier: MIT-0
"""Another machine for the tests of what is installed: a throw-away copy of a root, and in it a real systemd.

Everything is in a mount namespace of its own: the copy is an overlay on a tmpfs that is gone with its last process. The guest shares the
machine's network, so a Region and a private Engine outside of it can be used; a folder of theirs is shown to it with `binds`.
"""
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time

from . import processes
from .wait import wait_for

QUIET = ("docker.service", "docker.socket", "containerd.service", "systemd-firstboot.service", "systemd-resolved.service")


class Overlay:
    """A copy of `root` that may be written to. `path` is where this process sees it; `namespace` begins a command line that sees it at
    `inside`."""

    def __init__(self, root="/"):
        self.folder = tempfile.mkdtemp(prefix="eins-guest-")
        script = ('mount --make-rprivate / && mount -t tmpfs -o mode=755 eins "$0" && mkdir "$0/upper" "$0/work" "$0/root" && '
                  'mount -t overlay -o "lowerdir=$1,upperdir=$0/upper,workdir=$0/work" eins "$0/root" && '
                  'mount -t tmpfs -o mode=755 eins /run && echo ready && exec sleep infinity')
        self._holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", script, self.folder, root], stdout=subprocess.PIPE, text=True)
        if self._holder.stdout.readline() != "ready\n":
            self.close()
            raise RuntimeError(f"no copy of {root} can be made")
        self.inside = self.folder + "/root"  # its path in `namespace`
        self.path = f"/proc/{self._holder.pid}/root{self.inside}"
        self.namespace = ["nsenter", "--mount", f"--target={self._holder.pid}"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def mount_system(self):
        """For a program that is to run in it with chroot."""
        for command in (["mount", "-t", "proc", "proc", self.inside + "/proc"], ["mount", "--rbind", "/dev", self.inside + "/dev"]):
            subprocess.run([*self.namespace, *command], check=True)

    def close(self):
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()
        os.rmdir(self.folder)

    def write(self, path, text, mode=0o644):
        os.makedirs(self.path + os.path.dirname(path), exist_ok=True)
        with open(self.path + path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path + path, mode)

    def read(self, path):
        with open(self.path + path, encoding="utf-8") as file:
            return file.read()

    def exists(self, path):
        return os.path.lexists(self.path + path)

    def remove(self, *paths):
        for path in paths:
            if os.path.isdir(self.path + path) and not os.path.islink(self.path + path):
                shutil.rmtree(self.path + path)
            elif self.exists(path):
                os.unlink(self.path + path)


class Guest(Overlay):
    """The copy, booted. binds: folder outside -> folder in the guest; read_only: folders that it sees where they are."""

    def __init__(self, root="/", binds=None, read_only=()):
        super().__init__(root)
        self._binds = [f"--bind={outside}:{inside}" for outside, inside in (binds or {}).items()]
        self._binds += [f"--bind-ro={folder}" for folder in read_only]
        self.token = os.path.basename(self.folder)
        self._process = None
        self.init = None
        self._calm_down()

    def _calm_down(self):
        """Nothing runs in it but what systemd itself needs, and its journal outlives a reboot."""
        for folder in os.listdir(self.path + "/etc/systemd/system"):
            if folder.endswith(".wants"):
                self.remove("/etc/systemd/system/" + folder)
        for unit in QUIET:
            self.remove("/etc/systemd/system/" + unit)
            os.symlink("/dev/null", f"{self.path}/etc/systemd/system/{unit}")
        self.remove("/etc/machine-id", "/var/log/journal")
        self.write("/etc/machine-id", secrets.token_hex(16) + "\n")
        os.makedirs(self.path + "/var/log/journal")

    def close(self):
        self._kill()
        processes.remove_cgroups(self.token)
        super().close()

    # -- life and death ------------------------------------------------------------------------------------------------

    def boot(self, uptime=100):
        """Its clocks begin near 0, as those of a machine do, but for the one that tells how long it has been up."""
        offset = [str(start - int(time.clock_gettime(clock))) for start, clock in ((uptime, time.CLOCK_BOOTTIME), (1, time.CLOCK_MONOTONIC))]
        self._process = subprocess.Popen(
            [*self.namespace, "unshare", "--time", "--fork", "--kill-child", "--boottime", offset[0], "--monotonic", offset[1],
             "systemd-nspawn", "--boot", "--quiet", f"--directory={self.inside}", "--register=no", "--keep-unit", "--console=pipe",
             "--link-journal=no", *self._binds, "systemd.unit=timers.target"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: processes.enter_cgroup(self.token))
        self.init = wait_for(self._find_init, 60, "the guest's first process is there")
        wait_for(lambda: self.run("systemctl", "is-active", "timers.target", code=None).out.strip() == "active", 120, "the guest is up")

    def power_off(self):
        self._end("poweroff")

    def reboot(self):
        self._end("reboot")
        self.boot()

    def _end(self, how):
        self.run("systemctl", how, code=None)
        try:
            self._process.wait(180)
        finally:
            self._kill()

    def _kill(self):
        if self._process:
            if self._process.poll() is None and self.init:
                os.kill(self.init, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
        self.init = self._process = None

    def _find_init(self):
        """The descendant of ours that is number 1 in its own namespace."""
        if self._process.poll() is not None:
            raise RuntimeError(f"systemd-nspawn ended with {self._process.returncode}")
        parents, inits = {}, []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
                    status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
            except OSError:
                continue
            if "PPid" not in status:  # it has just ended
                continue
            parents[int(pid)] = int(status["PPid"])
            if status["Name"] == "systemd" and status.get("NSpid", "0").split()[-1] == "1":
                inits.append(int(pid))
        return next((pid for pid in inits if self._is_ours(pid, parents)), None)

    def _is_ours(self, pid, parents):
        while pid > 1 and pid != self._process.pid:
            pid = parents.get(pid, 0)
        return pid == self._process.pid

    # -- inside --------------------------------------------------------------------------------------------------------

    def run(self, *command, code=0):
        """Runs it as root in the guest. code: the exit code that is expected; None: any. Returns the finished process, with out and err."""
        done = subprocess.run(["nsenter", f"--target={self.init}", "--all", *command], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=300, check=False, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"})
        done.out, done.err = done.stdout, done.stderr
        if code not in (None, done.returncode):
            raise AssertionError(f"$ {' '.join(command)}\nexit code {done.returncode}\n{done.out}\n{done.err}")
        return done

    def show(self, unit, *properties):
        """systemd's properties of a unit, by name."""
        lines = self.run("systemctl", "show", unit, "--property=" + ",".join(properties)).out.splitlines()
        return dict(line.split("=", 1) for line in lines)

    def sync_journal(self):
        """Journald takes what it is told whenever it gets round to it; this waits until it has."""
        self.run("journalctl", "--sync")

    def journal(self, unit):
        """What the journal has of a unit, of all boots: the unit's own lines and systemd's about it, as (priority, message). All that was
        said until now is among it."""
        self.sync_journal()
        lines = self.run("journalctl", "--unit", unit, "--output=json", "--all", "--no-pager").out.splitlines()
        entries = [json.loads(line) for line in lines]
        return [(int(entry["PRIORITY"]), entry["MESSAGE"]) for entry in entries]
