# SPDX-License-Identifier: MIT-0
"""What a run of a program costs: CPU time, instructions, memory, what it writes. Whatever does not come to its end with 0 is an error."""
import contextlib
import ctypes
import os
import re
import shlex
import shutil
import statistics
import subprocess
import tempfile

CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 0x20000, 0x1000, 0x4000, 0x40000, 2
SYSTEM_STORE = "/etc/ssl/certs"
BUSYBOX_PEAK = r"Maximum resident set size \(kbytes\): (\d+)"
WRITING = "write,pwrite64,writev,ftruncate,rename,renameat,renameat2,unlink,unlinkat,utimensat,fsync,fdatasync,fchmod,fchown"


class Command:
    """A command line and its environment."""

    def __init__(self, *words, env=None):
        self.words = [str(word) for word in words]
        self.env = env or {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}

    def run(self, *prefix):
        """Returns what it says on standard error."""
        result = subprocess.run([*prefix, *self.words], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                text=True, check=False)
        if result.returncode:
            raise RuntimeError(f"$ {shlex.join([*prefix, *self.words])}\nexit code {result.returncode}\n{result.stderr}")
        return result.stderr

    def cpu(self):
        """Seconds, user and system."""
        process = subprocess.Popen(self.words, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"$ {shlex.join(self.words)}\nexit code {process.returncode}")
        return usage.ru_utime + usage.ru_stime

    def instructions(self, function=None):
        """In user mode, of all or of that function with what it calls: what does not jitter."""
        with tempfile.TemporaryDirectory(prefix="eins-bench-") as folder:
            out = folder + "/callgrind"
            said = self.run("valgrind", "--tool=callgrind", "--callgrind-out-file=" + out)
            total = _number(r"Collected : (\d+)", said)
            if not function:
                return total
            table = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", out], capture_output=True, text=True,
                                   check=True).stdout
        return total, _number(rf"^ *([\d,]+) .*:{function} \[", table)

    def peak(self):
        """Bytes resident at most. A child of ours would begin with our own peak, so a small process is its parent."""
        said = self.run("busybox", "time", "-v")
        return _number(BUSYBOX_PEAK, said) * 1024 // _busybox_factor()

    def writes(self, folder):
        """The system calls that change something in the folder, as (name, bytes) in their order."""
        with tempfile.TemporaryDirectory(prefix="eins-bench-") as scratch:
            self.run("strace", "-f", "-y", "-s", "0", "-e", "trace=" + WRITING, "-o", scratch + "/trace")
            with open(scratch + "/trace", encoding="utf-8", errors="replace") as file:
                calls = [re.match(r"\d+ +(\w+)\((.*)\) += (-?\d+)", line) for line in file]
        return [(call[1], int(call[3]) if "write" in call[1] else 0) for call in calls if call and folder in call[2] and int(call[3]) >= 0]


def compare(commands, rounds):
    """Median CPU seconds by name. They take turns, each time in the other order, so that what the machine does meanwhile hits all of them."""
    seconds = {name: [] for name in commands}
    for i in range(rounds + 1):
        for name in sorted(commands, reverse=bool(i % 2)):
            spent = commands[name].cpu()
            if i:  # the first round warms caches
                seconds[name].append(spent)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _number(pattern, text):
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise RuntimeError(f"no {pattern} in\n{text}")
    return int(found[1].replace(",", ""))


def _busybox_factor():
    """Some versions take the kernel's kilobytes for pages and show four times as many: ask about one whose peak is known."""
    result = subprocess.run(["busybox", "time", "-v", "cat", "/proc/self/status"], capture_output=True, text=True, check=True)
    return max(1, round(_number(BUSYBOX_PEAK, result.stderr) / _number(r"VmHWM:\s*(\d+)", result.stdout)))


# -- the system's certificates ----------------------------------------------------------------------------------------------------------


def _system_call(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def enter_mount_namespace():
    """What is mounted from now on is seen by this process and its children alone. To be called before there are threads."""
    _system_call("unshare", CLONE_NEWNS)
    _system_call("mount", b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)


@contextlib.contextmanager
def trusted_by_system(ca_file):
    """Puts a copy with one authority more in the place of the machine's own certificates, bundle and hashed folder."""
    with tempfile.TemporaryDirectory(prefix="eins-bench-") as folder:
        store = folder + "/certs"
        shutil.copytree(SYSTEM_STORE, store, symlinks=True)
        digest = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", ca_file], capture_output=True, text=True, check=True).stdout.strip()
        shutil.copy(ca_file, f"{store}/{digest}.0")
        with open(ca_file, encoding="ascii") as file, open(store + "/ca-certificates.crt", "a", encoding="ascii") as bundle:
            bundle.write(file.read())
        _system_call("mount", store.encode(), SYSTEM_STORE.encode(), None, ctypes.c_ulong(MS_BIND), None)
        try:
            yield
        finally:
            _system_call("umount2", SYSTEM_STORE.encode(), MNT_DETACH)


def system_certificates():
    """How many the system's bundle has."""
    with open(SYSTEM_STORE + "/ca-certificates.crt", encoding="utf-8") as file:
        return file.read().count("BEGIN CERTIFICATE")
