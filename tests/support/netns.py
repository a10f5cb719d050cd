# SPDX-License-Identifier: MIT-0
"""Two network namespaces with a cable between them: in one the region, in the other the host that looks for it. Nothing leaves them.

Inside the client's namespace the region's real host name leads to the region on port 443, so the endpoint that eins derives by itself can
be tried, and packets, routes and name resolution can be lost as on a real network.
"""
import os
import secrets
import shutil
import subprocess

from .certificates import REGION_HOST
from .region import Region

REGION_ADDRESS = "198.18.0.1"  # 198.18.0.0/15 is for tests of network devices (RFC 2544)
CLIENT_ADDRESS = "198.18.0.2"
SILENT_ADDRESS = "198.18.0.53"
NOBODY = "02:00:00:00:00:01"  # a MAC address that no interface here has


class Network:
    """region is a Region on port 443 of its namespace; prefix is what a command line starts with to run in the client's.

    ok, lose_packets, no_route, link_down, silent_dns, no_dns: how the client's network is. Each of them undoes the one before.
    """

    def __init__(self, certificates):
        unique = secrets.token_hex(3)
        self.client = f"eins-host-{unique}"
        self.server = f"eins-region-{unique}"
        self.prefix = ["ip", "netns", "exec", self.client]
        self.url = f"https://{REGION_HOST}/"
        self.region = None
        self._certificates = certificates

    def __enter__(self):
        try:
            self._connect()
            self.region = Region(self._certificates, REGION_ADDRESS, 443, self.server)
            self.ok()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.region:
            self.region.close()
        for name in (self.client, self.server):  # a namespace takes its end of the cable with it, and that one the other
            if os.path.exists(f"/run/netns/{name}"):
                _ip("netns", "delete", name)
            shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)
        try:
            os.rmdir("/etc/netns")
        except OSError:  # other namespaces have files there
            pass

    # -- how the network is --------------------------------------------------------------------------------------------

    def ok(self):
        self._cable("up")
        self._in_client("neigh", "flush", "all", "nud", "permanent", "dev", "cable")
        self._in_client("route", "replace", "default", "via", REGION_ADDRESS)
        self._files(f"{REGION_ADDRESS} {REGION_HOST}\n")

    def lose_packets(self):
        """Frames go to an address that nobody has: no answer, no error, for connections that exist as well as for new ones."""
        self.ok()
        self._in_client("neigh", "replace", REGION_ADDRESS, "lladdr", NOBODY, "nud", "permanent", "dev", "cable")

    def no_route(self):
        """The name leads to an address for which there is no route."""
        self.ok()
        self._in_client("route", "delete", "default")
        self._files(f"198.19.0.1 {REGION_HOST}\n")

    def link_down(self):
        self.ok()
        self._cable("down")

    def silent_dns(self):
        """The name is asked from a server that never answers."""
        self.ok()
        self._in_client("neigh", "replace", SILENT_ADDRESS, "lladdr", NOBODY, "nud", "permanent", "dev", "cable")
        self._files("", SILENT_ADDRESS)

    def no_dns(self):
        """The name is asked from an address where nothing listens: an error at once."""
        self.ok()
        self._files("", REGION_ADDRESS)

    # -- making it -----------------------------------------------------------------------------------------------------

    def _connect(self):
        for name in (self.client, self.server):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("link", "add", "cable", "netns", self.client, "type", "veth", "peer", "name", "cable", "netns", self.server)
        _ip("-n", self.server, "address", "add", REGION_ADDRESS + "/24", "dev", "cable")
        _ip("-n", self.server, "link", "set", "cable", "up")
        self._in_client("address", "add", CLIENT_ADDRESS + "/24", "dev", "cable")

    def _cable(self, state):
        self._in_client("link", "set", "cable", state)

    def _in_client(self, *arguments):
        _ip("-n", self.client, *arguments)

    def _files(self, hosts, nameserver=REGION_ADDRESS):
        """`ip netns exec` mounts these over those in /etc, as far as there are such."""
        folder = f"/etc/netns/{self.client}"
        os.makedirs(folder, exist_ok=True)
        for name, text in {
            "hosts": "127.0.0.1 localhost\n" + hosts,
            "resolv.conf": f"nameserver {nameserver}\n",
            "nsswitch.conf": "hosts: files dns\n",  # no resolver daemon of this host
        }.items():
            if os.path.exists("/etc/" + name):
                with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                    file.write(text)


def _ip(*arguments):
    result = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {result.stderr.strip()}")
