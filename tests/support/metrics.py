# SPDX-License-Identifier: MIT-0
"""Those who watch: a host whose checks write metrics, a real node_exporter, and promtool."""
import contextlib
import http.client
import os
import re
import subprocess
import tempfile

from .eins import PATH
from .host import Host

NOBODY = 65534
NAME = "eins.prom"
ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C.UTF-8"}


def values(text):
    """The samples of a text in the exposition format, by name with labels."""
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")}


def promtool(*arguments, text=None):
    """One run of it, as subprocess has it; text is what it reads."""
    return subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, timeout=60, env=ENVIRONMENT)


class NodeExporter:
    """A real one, as a user who owns nothing, with the textfile collector and no other."""

    def __init__(self, folder):
        self._process = subprocess.Popen(
            ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "prometheus-node-exporter", "--collector.disable-defaults",
             "--collector.textfile", f"--collector.textfile.directory={folder}", "--web.listen-address=127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        for line in self._process.stderr:
            if found := re.search(r"Listening on.* address=127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                return
        self.close()
        raise AssertionError("node_exporter does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stderr.close()

    def scrape(self):
        """The text that Prometheus gets."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            text = response.read().decode()
        assert response.status == 200, text
        return text


class Watched:
    """A host whose checks write metrics into a folder that everybody may read."""

    def __init__(self, certificates):
        with contextlib.ExitStack() as stack:
            self.folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="eins-metrics-"))
            os.chmod(self.folder, 0o755)
            self.host = stack.enter_context(Host(certificates))
            self._stack = stack.pop_all()
        self.eins = self.host.eins
        self.path = os.path.join(self.folder, NAME)
        self.eins.conf["metrics"] = {"file": self.path}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def text(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def values(self):
        return values(self.text())

    def holds(self, expected):
        """Asserts that these samples, and maybe more, are in the file."""
        found = self.values()
        assert {name: found.get(name) for name in expected} == expected, f"{expected} is not in\n{self.text()}"
