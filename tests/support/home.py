# SPDX-License-Identifier: MIT-0
"""eins at home: installed as the README says, in a guest that has a systemd of its own, with an engine outside of it and a region."""
import contextlib
import os
import re

from .eins import PATIENT, SOURCE
from .guest import Guest
from .region import Region
from .wait import wait_for

SERVICE, TIMER = "ecs-eins.service", "ecs-eins.timer"
STATE = "/var/lib/eins/state.ini"
ENGINE = "/run/eins-engine"  # where the guest sees the engine's folder
OTHER_ROOT = os.environ.get("EINS_GUEST_ROOT")  # of another Debian
BUILD = "/root/build" if OTHER_ROOT else os.getcwd()
LONG = 60
SPANS = {"d": 86400, "h": 3600, "min": 60, "s": 1, "ms": 1e-3, "us": 1e-6}  # systemd's


@contextlib.contextmanager
def installed(engine, certificates):
    """Boots a guest, installs eins, lets it at Docker's socket. Yields a Home."""
    with Region(certificates) as region, \
            Guest(OTHER_ROOT or "/", binds={engine.folder: ENGINE}, read_only=sorted({SOURCE, os.getcwd()})) as guest:
        guest.boot()
        home = Home(guest, engine, region)
        home.install()
        home.let_in()
        yield home


class Home:
    """A guest in which eins is installed, an engine outside of it that it uses, and a region."""

    def __init__(self, guest, engine, region):
        self.guest, self.engine, self.region = guest, engine, region

    def install(self):
        if OTHER_ROOT:  # with other libraries
            self.guest.run("sh", "-euc", f"mkdir -p {BUILD} && cd {BUILD} && {SOURCE}/configure -q --disable-e2e --prefix=/usr "
                           "--sysconfdir=/etc && make -s && make -s install")
        else:
            self.guest.run("make", "-s", "-C", BUILD, "install")
        self.guest.write("/etc/eins/ca.pem", open(self.region.certificates.ca_file, encoding="ascii").read())
        self.guest.write("/etc/eins/eins.conf", f"[region]\nendpoint = {self.region.url}\nca_file = /etc/eins/ca.pem\n"
                         + "".join(f"{key} = {value}\n" for key, value in PATIENT.items()) +
                         f"[docker]\nhost = unix://{ENGINE}/docker.sock\npid_file = {ENGINE}/pid\n")

    def let_in(self):
        """The socket is the group docker's, as its package has it; in the guest that group may have another number."""
        group = int(re.search("^docker:.*:([0-9]+):", self.guest.read("/etc/group"), re.MULTILINE).group(1))
        os.chown(self.engine.socket, 0, group)
        os.chmod(self.engine.folder, 0o711)

    def start_docker(self):
        self.engine.ensure()
        self.let_in()

    # -- looking -------------------------------------------------------------------------------------------------------

    def state(self, key):
        """A key of the section [state]; None when there is no state."""
        found = re.search(rf"^{key} = (.*)$", self.guest.read(STATE), re.MULTILINE) if self.guest.exists(STATE) else None
        return found and found.group(1).strip('"')

    def wait_phase(self, phase):
        wait_for(lambda: self.state("phase") == phase, LONG, lambda: f"{phase}\n{self.lines()}")

    def wait_check(self, count=1):
        """That many more checks have begun, and ended: one that runs now has ended, too, and does not count."""
        for _ in range(count):
            before = self.run_of_service()[0]

            def another():
                began, ended = self.run_of_service()
                return began > before and ended >= began
            wait_for(another, LONG, "another check has begun and ended")

    def stop_checks(self):
        """No check runs any more, and none begins; one that runs comes to its end."""
        self.guest.run("systemctl", "stop", TIMER)
        wait_for(lambda: self.guest.show(SERVICE, "ActiveState")["ActiveState"] in ("inactive", "failed"), LONG, "no check runs")

    def wait_status_text(self, pattern):
        """systemctl status shows that of the service. While a check runs it does not: systemd forgets the text when the next one begins."""
        def shown():
            done = self.guest.run("systemctl", "status", "--no-pager", SERVICE, code=None)
            texts.append(done.out)
            return done.returncode == 3 and re.search(f'Status: "{pattern}"', done.out)  # 3: it does not run now
        texts = []
        wait_for(shown, LONG, lambda: f"{pattern} is shown\n{texts[-1]}")

    def run_of_service(self):
        """When the last check began and ended, in seconds of the guest's clock; 0 is the end of one that runs."""
        shown = self.guest.show(SERVICE, "ExecMainStartTimestampMonotonic", "ExecMainExitTimestampMonotonic")
        return int(shown["ExecMainStartTimestampMonotonic"]) / 1e6, int(shown["ExecMainExitTimestampMonotonic"]) / 1e6

    def due_after(self):
        """How many seconds after the end of the last check the timer means to start the next one; None while one runs or has run meanwhile."""
        def ended():
            shown = self.guest.show(SERVICE, "ActiveState", "InactiveEnterTimestampMonotonic")
            return int(shown["InactiveEnterTimestampMonotonic"]) / 1e6 if shown["ActiveState"] == "inactive" else None
        before = ended()
        due = self.guest.show(TIMER, "NextElapseUSecMonotonic")["NextElapseUSecMonotonic"]  # "1min 41.779164s"
        if before is None or ended() != before or due == "infinity":
            return None
        return sum(float(number) * SPANS[unit] for number, unit in re.findall(r"([0-9.]+)([a-z]+)", due)) - before

    def lines(self):
        return self.guest.journal(SERVICE)

    def new_lines(self, seen):
        return self.lines()[len(seen):]
