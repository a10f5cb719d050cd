# SPDX-License-Identifier: MIT-0
"""The program under test, with a configuration, a state and a log of its own."""
import configparser
import dataclasses
import os
import shlex
import subprocess
import tempfile
import time

from .region import STATUS

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Seconds for a region that answers at once: a stall of the machine is no outage. The least that can be long beside a run's own limit.
PATIENT = {"connect_timeout": 40, "timeout": 60}
AT_ONCE = ("refused", *STATUS)  # its modes that are known not to keep anybody waiting
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def binary():
    """$EINS_CHECK, else the one of the build folder we are in, else that of the source folder."""
    candidates = [os.environ.get("EINS_CHECK"), os.path.join(os.getcwd(), "eins-check"), os.path.join(SOURCE, "eins-check")]
    for path in filter(None, candidates):
        if os.access(path, os.X_OK):
            return os.path.abspath(path)
    raise RuntimeError(f"eins-check is not built; looked at {candidates}")


@dataclasses.dataclass
class Result:
    """What one run did. `log` has the lines that it added to the log file."""

    command: list
    code: int
    out: str
    err: str
    seconds: float
    log: list

    @property
    def log_text(self):
        return "\n".join(self.log)

    def __str__(self):
        return (f"$ {shlex.join(self.command)}\nexit code {self.code} after {self.seconds:.2f} s\n"
                f"--- stdout\n{self.out}\n--- stderr\n{self.err}\n--- log\n{self.log_text}")


class Eins:
    """Runs eins-check. `conf` is its configuration, section -> key -> value, written anew before each run: change it at will (None leaves a
    key out). `env` is added to an otherwise clean environment; `prefix` starts the command line (see use_network)."""

    def __init__(self, engine, region=None, folder=None):
        self.engine = engine
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="eins-check-")
        self.folder = folder or self._temporary.name
        self._region = region
        self.env = {}
        self.prefix = []
        self._started = []
        self.conf_file = self._path("eins.conf")
        self.state_file = self._path("state.ini")
        self.lock_file = self.state_file + ".lock"
        self.log_file = self._path("eins.log")
        self.conf = {
            "region": {"name": "eu-central-1"},
            "docker": {"host": engine.host, "pid_file": engine.pid_file},
            "state": {"file": self.state_file},
            "log": {"file": self.log_file, "level": "DEBUG"},
        }
        if region:
            self.conf["region"].update(endpoint=region.url, ca_file=region.certificates.ca_file)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()
        if self._temporary:
            self._temporary.cleanup()

    def use_network(self, network):
        """Runs inside the namespace of a Network from now on, with the endpoint that eins derives from the region's name."""
        self.prefix = network.prefix
        self.conf["region"].update(endpoint=None, ca_file=network.region.certificates.ca_file)

    # -- running -------------------------------------------------------------------------------------------------------

    def command(self, *arguments):
        """The command line; writes the configuration file that it names."""
        self.write_conf(patient="--check-config" not in arguments)
        return [*self.prefix, binary(), "--config=" + self.conf_file, *arguments]

    def popen(self, *arguments, **options):
        """Starts a check and leaves the rest to the caller. One that still runs at the end of the test is killed."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        process = subprocess.Popen(self.command(*arguments), env=self.environment(), **options)
        self._started.append(process)
        return process

    def run(self, *arguments, timeout=90):
        """Runs it to its end, whatever the exit code. One that does not end in time is killed, and an error."""
        logged = len(self.log_lines())
        start = time.monotonic()
        process = self.popen(*arguments)
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException as error:
            process.kill()
            out, err = process.communicate()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
        result = Result(process.args, process.returncode, out, err, time.monotonic() - start, self.log_lines()[logged:])
        if result.seconds >= timeout:
            raise AssertionError(f"it hangs: killed after {timeout} s\n{result}")
        return result

    def check(self, *arguments, code=0, timeout=90):
        """Runs it and expects that exit code (or one of several)."""
        result = self.run(*arguments, timeout=timeout)
        codes = code if isinstance(code, (tuple, list, set)) else (code,)
        if result.code not in codes:
            raise AssertionError(f"exit code {result.code}, not {code}\n{result}")
        return result

    def dry_run(self, *arguments, code=0):
        return self.check("--dry-run", *arguments, code=code)

    def environment(self):
        """Nothing of the tester's own environment, which may have a proxy or a Docker host, but what sanitizers and coverage need."""
        kept = {key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS") or key.startswith(("GCOV_", "LLVM_"))}
        return {"PATH": PATH, "LC_ALL": "C.UTF-8", **kept, **self.env}

    def write_conf(self, patient=False):
        with open(self.conf_file, "w", encoding="utf-8") as file:
            for section, keys in self.conf.items():
                if section == "region" and patient and self._answers_at_once():
                    keys = {**PATIENT, **keys}
                lines = [f"{key} = {value}\n" for key, value in keys.items() if value is not None]
                file.write(f"[{section}]\n{''.join(lines)}\n")

    def _answers_at_once(self):
        """Nothing but the region itself is asked, and it says what it has to say; unless the test has deadlines of its own."""
        keys = self.conf["region"]
        return getattr(self._region, "mode", None) in AT_ONCE and keys.get("endpoint") == self._region.url and \
            not {"proxy", *PATIENT} & set(keys) and not {"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} & set(self.env)

    # -- what it left --------------------------------------------------------------------------------------------------

    def state(self):
        """state.ini as section -> key -> value, all text; None when there is none."""
        parser = configparser.ConfigParser(delimiters="=", comment_prefixes=("#", ";"), interpolation=None)
        parser.optionxform = str
        try:
            with open(self.state_file, encoding="utf-8") as file:
                parser.read_file(file)
        except FileNotFoundError:
            return None
        return {section: {key: value.strip('"') for key, value in parser[section].items()} for section in parser.sections()}

    @property
    def phase(self):
        """connected, disconnected, or None without a state."""
        state = self.state()
        return state and state["state"]["phase"]

    def containers(self):
        """What the state says of containers, by name."""
        sections = [(name.partition(":"), keys) for name, keys in (self.state() or {}).items()]
        return {keys["name"]: {"id": container_id, **keys} for (kind, _, container_id), keys in sections if kind == "container"}

    def log_lines(self):
        try:
            with open(self.log_file, encoding="utf-8", errors="replace") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def files(self):
        """Every file of its folder but the configuration: name -> (mtime in ns, content). Equal before and after means nothing written."""
        found = {}
        for name in sorted(os.listdir(self.folder)):
            path = self._path(name)
            if path != self.conf_file and os.path.isfile(path):
                with open(path, "rb") as file:
                    found[name] = os.stat(path).st_mtime_ns, file.read()
        return found

    def _path(self, name):
        return os.path.join(self.folder, name)
