# SPDX-License-Identifier: MIT-0
"""The system's certificates: the hashed folder says yes cheaply, and never no where the bundle would say yes."""
import re
import shutil
import subprocess

import pytest

from support.eins import PATIENT, Eins
from support.region import Region
from support.server import wait_for_leave

STORE = "/etc/ssl/certs"  # where Debian's libcurl looks
BUNDLE = "ca-certificates.crt"
MOUNTED = ["unshare", "--mount", "sh", "-euc", 'mount --bind "$0" ' + STORE + '; exec "$@"']


@pytest.fixture
def store(tmp_path):
    """What the system trusts, as a folder: a bundle with another authority than the region's, and nothing else."""
    folder = tmp_path / "certs"
    folder.mkdir()
    add(folder, stranger(tmp_path), bundle=True, hashed=False)
    return folder


@pytest.fixture
def eins(docker, agent, region, store):
    with Eins(docker, region) as eins:
        eins.prefix = [*MOUNTED, str(store)]
        eins.conf["region"].update(PATIENT, ca_file=None)
        yield eins


def stranger(folder):
    path = folder / "stranger.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-out", path, "-days", "2",
                    "-subj", "/CN=an authority that has signed nothing"], check=True, capture_output=True)
    return path


def add(store, certificate, *, bundle, hashed):
    """Trusts it, by the bundle, by the hashed folder, or by both."""
    if bundle:
        with open(certificate, encoding="ascii") as source, open(store / BUNDLE, "a", encoding="ascii") as file:
            file.write(source.read())
    if hashed:
        name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", certificate], check=True, capture_output=True, text=True).stdout
        shutil.copy(certificate, store / (name.strip() + ".0"))


def bytes_of_bundle(eins, trace):
    """How many a check reads of it."""
    eins.prefix += ["strace", "-f", "-y", "-e", "trace=read,pread64", "-o", str(trace)]
    eins.check()
    with open(trace, encoding="utf-8", errors="replace") as file:
        return sum(int(line.rpartition("= ")[2]) for line in file if BUNDLE in line)


def test_an_authority_of_the_hashed_folder_is_found_without_reading_the_bundle(eins, region, store, tmp_path):
    add(store, region.certificates.ca_file, bundle=True, hashed=True)
    assert bytes_of_bundle(eins, tmp_path / "trace") == 0
    assert eins.phase == "connected" and region.connections == 1


def test_a_folder_without_hashed_names_is_left_aside(eins, region, store, tmp_path):
    add(store, region.certificates.ca_file, bundle=True, hashed=False)
    shutil.copy(region.certificates.ca_file, store / "0123456x.0")
    assert bytes_of_bundle(eins, tmp_path / "trace") > 0, "or the test above proves nothing"
    assert eins.phase == "connected" and region.connections == 1


def test_an_authority_that_only_the_bundle_has_is_found_by_a_second_try(eins, region, store, tmp_path):
    """As after an installation into the bundle alone, or where the folder is older."""
    add(store, stranger(tmp_path), bundle=False, hashed=True)
    add(store, region.certificates.ca_file, bundle=True, hashed=False)
    eins.check()
    assert eins.phase == "connected" and region.connections == 2


def test_an_expired_authority_in_the_folder_does_not_hide_the_one_in_the_bundle(eins, region, store, tmp_path):
    add(store, region.certificates.expired_authority(), bundle=False, hashed=True)
    add(store, region.certificates.ca_file, bundle=True, hashed=False)
    eins.check()
    assert eins.phase == "connected" and region.connections == 2


def test_an_authority_that_neither_has_is_refused_and_named_as_such(eins, store, region, tmp_path):
    add(store, stranger(tmp_path), bundle=False, hashed=True)
    result = eins.check()
    assert eins.phase == "disconnected" and region.connections == 2
    assert "the certificate is not valid: unable to get local issuer certificate" in result.log_text


def test_what_the_configuration_names_is_all_that_is_trusted(eins, store, region, tmp_path):
    add(store, region.certificates.ca_file, bundle=True, hashed=True)
    eins.conf["region"]["ca_file"] = str(stranger(tmp_path))
    eins.check()
    assert eins.phase == "disconnected" and region.connections == 1


DEADLINE = 8  # seconds


class Slow(Region):
    """Its first connection takes a second and has a certificate of an unknown authority, its second one says nothing."""

    def _serve(self, sock):
        if self.connections > 1:
            wait_for_leave(sock)
            return
        self._leaving.wait(1)
        super()._serve(sock)


def test_both_tries_have_one_deadline(docker, agent, certificates, store, tmp_path):
    add(store, stranger(tmp_path), bundle=False, hashed=True)
    with Slow(certificates) as region, Eins(docker, region) as eins:
        eins.prefix = [*MOUNTED, str(store)]
        eins.conf["region"].update(ca_file=None, timeout=DEADLINE, connect_timeout=DEADLINE)
        result = eins.check()
        assert region.connections == 2 and f"timeout: no answer within {DEADLINE} s" in result.log_text, result
        taken = float(re.search(r"([0-9.]+) s\)", result.log_text)[1])
        assert taken > DEADLINE - 0.1, result
        # One that is not told what is left is cut by the guard a second later, which in libcurl's words is an error of the connection.
        assert re.search("timed out after|connection timeout", result.log_text), result
