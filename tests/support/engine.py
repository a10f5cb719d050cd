# SPDX-License-Identifier: MIT-0
"""A private Docker Engine: its own folder, socket and cgroup, no network, and nothing left of it afterwards."""
import glob
import math
import os
import shutil
import signal
import subprocess
import tempfile
import time

from . import image, processes
from .api import Api
from .containers import Containers
from .wait import NotInTime, wait_for

START_TIMEOUT = 60  # seconds; two is usual
STOP_TIMEOUT = 60


class Engine(Containers):
    """A dockerd and what belongs to it; see Containers for what runs inside.

    root: a Debian root whose engine is to be run, in place of this machine's. The engine's own folder is then below it.
    live_restore may be changed at each start. `up` is False from the moment at which a stop is asked for.
    """

    def __init__(self, dockerd="dockerd", root="", live_restore=False, arguments=()):
        self.dockerd = dockerd
        self.root = root.rstrip("/")
        self.live_restore = live_restore
        self.arguments = list(arguments)
        self.up = False
        self.downtimes = []  # [from, to] in seconds since the epoch; to is infinite for the one that lasts
        self._process = None
        self._holder = None
        os.makedirs(self.root + "/tmp", exist_ok=True)
        self.folder = tempfile.mkdtemp(prefix="eins-engine-", dir=self.root + "/tmp" if self.root else None)
        self.token = os.path.basename(self.folder)
        self.socket = self.folder + "/docker.sock"
        self.host = "unix://" + self.socket
        self.pid_file = self.folder + "/pid"
        self.log_file = self.folder + "/dockerd.log"
        super().__init__(Api(self.socket))

    def __enter__(self):
        try:
            self._enter_root()
            self.start()
            image.load(self.api)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    # -- life and death ------------------------------------------------------------------------------------------------

    def start(self, live_restore=None):
        """Starts dockerd and waits until it answers. Says why when it does not."""
        if live_restore is not None:
            self.live_restore = live_restore
        with open(self.log_file, "ab") as log:
            self._process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                             env={**os.environ, "TMPDIR": self._inside})  # a containerd that hangs leaves its stacks there
        try:
            wait_for(self._answers, START_TIMEOUT, "dockerd answers")
        except (NotInTime, RuntimeError) as error:
            self._process.kill()
            self._bury()
            raise RuntimeError(f"{error}\n{self.log_tail()}") from None
        self.up = True
        if self.downtimes:
            self.downtimes[-1][1] = time.time()
        for entry in self.api.get("/containers/json"):
            if entry["State"] == "running":
                self.wait_hears(entry["Id"])

    def stop(self):
        """As `systemctl stop docker`: containers get their SIGTERM, unless live-restore keeps them."""
        self._end(signal.SIGTERM)

    def kill(self):
        """dockerd alone dies; containers run on until the next one finds them."""
        self._end(signal.SIGKILL)

    def restart(self, live_restore=None):
        self.stop()
        self.start(live_restore)

    def ensure(self, live_restore=False):
        """An engine that runs with these settings, whatever a test has done to it."""
        if self.up and not self._comes_round():
            self._goes_down()
            self._process.kill()
            self._bury()
        if self.up and self.live_restore != live_restore:
            self.stop()
        if not self.up:
            self.start(live_restore)

    def power_loss(self):
        """All processes die at the same moment, and what a host keeps in memory (/run) is gone. start() is the boot after it."""
        self._goes_down()
        if self._process:
            self._process.kill()
        processes.end(self.token)
        self._reap()
        _unlink(self.pid_file, self.socket, *self._shim_sockets())
        processes.unmount(self.token)
        shutil.rmtree(self.folder + "/exec", ignore_errors=True)
        processes.remove_cgroups(self.token)

    def close(self):
        """Removes every trace, whatever state the engine is in; a trace that cannot be removed is an error."""
        self.power_loss()
        if self._holder:
            self._holder.kill()
            self._holder.wait()
            self._holder.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if os.path.exists(self.folder):
            raise RuntimeError(f"{self.folder} cannot be removed")

    def log_tail(self, lines=30):
        with open(self.log_file, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])

    # -- how -----------------------------------------------------------------------------------------------------------

    def _command(self):
        inside = self._inside
        command = [*self.command_prefix, self.dockerd, "--host", f"unix://{inside}/docker.sock", "--data-root", inside + "/data",
                   "--exec-root", inside + "/exec", "--pidfile", inside + "/pid", "--iptables=false", "--ip-masq=false",
                   "--bridge=none", "--cgroup-parent", "/" + self.token, "--exec-opt", "native.cgroupdriver=cgroupfs",
                   "--log-level", "warn"]
        return command + (["--live-restore"] if self.live_restore else []) + self.arguments

    @property
    def _inside(self):
        """The engine's folder as the engine sees it."""
        return self.folder[len(self.root):]

    @property
    def command_prefix(self):
        return ["nsenter", "--mount", "--target", str(self._holder.pid)] if self._holder else []

    def _enter_root(self):
        """A mount namespace of its own with `root` as its /, kept by a process that sleeps. Not a chroot: out of one, the engine's exec ends
        up in the machine's own file system. One for all starts, so that containers under live-restore keep their mounts."""
        if not self.root:
            return
        script = ('mount --rbind "$0" "$0" && for d in proc sys dev; do mount --rbind /$d "$0/$d" || exit; done && '
                  'cd "$0" && pivot_root . . && umount -l . && echo ready && exec sleep infinity')
        self._holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", script, self.root], stdout=subprocess.PIPE, text=True)
        if self._holder.stdout.readline() != "ready\n":
            raise RuntimeError(f"{self.root} cannot be entered")

    def _answers(self):
        if self._process.poll() is not None:
            raise RuntimeError(f"dockerd ended with {self._process.returncode}")
        return self._is_alive()

    def _comes_round(self):
        """Whether it answers. One that is only slow is waited for: to kill it would cost the containers their end."""
        try:
            return wait_for(self._answers, START_TIMEOUT, "dockerd answers")
        except (NotInTime, RuntimeError):
            return False

    def _is_alive(self):
        try:
            return self.api.raw("GET", "/_ping", timeout=5)[0] == 200
        except OSError:
            return False

    def _end(self, number):
        self._goes_down()
        self._process.send_signal(number)
        self._bury()

    def _bury(self):
        """Waits for the end of dockerd and of containerd, its child, which the kernel kills with it. Where process 1 is slow to reap, the
        next dockerd would take the zombie in the pid file for a containerd that runs, and wait for it in vain."""
        self._reap()
        wait_for(lambda: not self._containerd(), STOP_TIMEOUT, "containerd is gone")
        _unlink(self.folder + "/exec/containerd/containerd.pid")

    def _goes_down(self):
        if self.up:
            self.downtimes.append([time.time(), math.inf])
        self.up = False

    def _reap(self):
        if self._process:
            self._process.wait(STOP_TIMEOUT)
            self._process = None

    def _shim_sockets(self):
        """They are outside the exec-root, in /run/containerd, and a killed shim leaves its own behind."""
        for path in glob.glob(self.folder + "/exec/containerd/daemon/io.containerd.runtime.v2.task/moby/*/address"):
            with open(path, encoding="utf-8") as file:
                yield self.root + file.read().strip().removeprefix("unix://")

    def _containerd(self):
        return [pid for pid in processes.named(self.token) if processes.alive(pid) and processes.program(pid) == "containerd"]


def _unlink(*paths):
    for path in paths:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
