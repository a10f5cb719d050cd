# SPDX-License-Identifier: MIT-0
"""eins at home: installed as the README says, in a guest that has a systemd of its own, with an engine outside of it and a region."""
import contextlib
import os
import re

from .eins import SOURCE
from .guest import Guest
from .region import Region
from .wait import wait_for

SERVICE, TIMER = "ecs-eins.service", "ecs-eins.timer"
STATE = "/var/lib/eins/state.ini"
ENGINE = "/run/eins-engine"  # where the guest sees the engine's folder
OTHER_ROOT = os.environ.get("EINS_GUEST_ROOT")  # of another Debian
BUILD = "/root/build" if OTHER_ROOT else os.getcwd()
LONG = 60


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
        """That many more checks have ended."""
        for _ in range(count):
            before = self.run_of_service()
            wait_for(lambda: self.run_of_service()[1] > before[1], LONG, "another check has ended")

    def run_of_service(self):
        """When the last check began and ended, in seconds of the guest's clock."""
        shown = self.guest.show(SERVICE, "ExecMainStartTimestampMonotonic", "ExecMainExitTimestampMonotonic")
        return int(shown["ExecMainStartTimestampMonotonic"]) / 1e6, int(shown["ExecMainExitTimestampMonotonic"]) / 1e6

    def lines(self):
        return self.guest.journal(SERVICE)

    def new_lines(self, seen):
        return self.lines()[len(seen):]
