# SPDX-License-Identifier: MIT-0
"""Finding and ending what an engine left behind: processes, mounts and cgroups, all told by a token that nobody else has."""
import os
import re
import signal
import subprocess

from .wait import wait_for


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace")
    except OSError:  # it has just ended
        return ""


def alive(pid):
    """A zombie counts as gone: it holds nothing, and its parent may be a container's init that does not wait."""
    stat = _read(f"/proc/{pid}/stat")
    return bool(stat) and stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def program(pid):
    """The kernel's name for it: no path, 15 characters."""
    return _read(f"/proc/{pid}/comm").strip()


def hears(pid, number):
    """Whether a container's program has a handler for that signal by now. One that is not there has nothing to set up any more. It is not there
    yet while runc is, a Go program, which has one for everything."""
    status = _read(f"/proc/{pid}/status")
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return not caught or not status.startswith("Name:\trunc") and bool(int(caught.group(1), 16) >> (number - 1) & 1)


def named(token):
    """Processes with the token in their command line: containerd and the shims carry the engine's exec-root."""
    return [pid for pid in _pids() if token in _read(f"/proc/{pid}/cmdline")]


def caged(token):
    """Processes in a cgroup with the token in its path: whatever runs in the engine's containers."""
    return [pid for pid in _pids() if token in _read(f"/proc/{pid}/cgroup")]


def _pids():
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != os.getpid()]


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def end(token):
    """Ends everything that has the token, engine parts first so that none of them sees a container die and writes that down."""
    def sweep():
        send(named(token), signal.SIGKILL)
        send(caged(token), signal.SIGKILL)
        thaw(token)
        return not [pid for pid in named(token) + caged(token) if alive(pid)]
    wait_for(sweep, 20, f"the processes of {token} are gone")


def mounts(token):
    """Mount points with the token in their path, the innermost first."""
    points = [line.split()[1].encode().decode("unicode_escape") for line in _read("/proc/self/mounts").splitlines()]
    return [point for point in reversed(points) if token in point]


def unmount(token):
    for point in mounts(token):
        subprocess.run(["umount", "-l", point], stderr=subprocess.DEVNULL, check=False)


def _hierarchies():
    """Where cgroup hierarchies are mounted, v1 and v2: (folder, type, options)."""
    return [(folder, kind, options.split(",")) for _, folder, kind, options, *_ in map(str.split, _read("/proc/self/mounts").splitlines())
            if kind in ("cgroup", "cgroup2")]


def cgroups(token):
    """Folders of that name near the top of each hierarchy."""
    paths = {os.path.join(root, token) for root, _, _ in _hierarchies()}
    return sorted(path for path in paths if os.path.isdir(path))


def enter_cgroup(token):
    """Moves this process into a cgroup of that name, in the hierarchies that systemd keeps its units in."""
    for root, kind, options in _hierarchies():
        if kind == "cgroup2" or "name=systemd" in options:
            os.makedirs(os.path.join(root, token), exist_ok=True)
            with open(os.path.join(root, token, "cgroup.procs"), "w", encoding="ascii") as file:
                file.write(str(os.getpid()))


def frozen(pid):
    """Whether a cgroup's freezer holds it: the kernel's own word, where Docker may not have heard yet."""
    for _, controllers, path in (line.split(":", 2) for line in _read(f"/proc/{pid}/cgroup").splitlines()):
        for root, kind, options in _hierarchies():
            if kind == "cgroup" and controllers == "freezer" and "freezer" in options and \
                    _read(root + path + "/freezer.state").strip() in ("FREEZING", "FROZEN"):
                return True
            if kind == "cgroup2" and not controllers and "frozen 1" in _read(root + path + "/cgroup.events"):
                return True
    return False


def thaw(token):
    """A SIGKILL only reaches a process that the v1 freezer holds once it is thawed (that of v2 lets it through)."""
    for top in cgroups(token):
        for folder, _, files in os.walk(top):
            if "freezer.state" in files:
                with open(os.path.join(folder, "freezer.state"), "w", encoding="ascii") as file:
                    file.write("THAWED")


def remove_cgroups(token):
    """A cgroup stays busy for a moment after its last process; rmdir is the only way to remove one."""
    def sweep():
        for top in cgroups(token):
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass
        return not cgroups(token)
    wait_for(sweep, 10, f"the cgroups {token} are gone")
