# SPDX-License-Identifier: MIT-0
"""A certificate authority of our own, and certificates with everything that can be wrong with one. Made with the openssl command."""
import os
import subprocess

REGION_HOST = "ecs.eu-central-1.amazonaws.com"
RIGHT_NAMES = f"DNS:{REGION_HOST},DNS:localhost,IP:127.0.0.1"

# name: (subject alternative names, not before, not after). Dates far away, so that no clock is wrong enough to matter.
ISSUED = {
    "valid": (RIGHT_NAMES, "20200101000000Z", "20490101000000Z"),
    "wrong_host": ("DNS:somebody-else.example", "20200101000000Z", "20490101000000Z"),
    "expired": (RIGHT_NAMES, "20000101000000Z", "20010101000000Z"),
    "not_yet_valid": (RIGHT_NAMES, "20480101000000Z", "20490101000000Z"),
}

CA_SUBJECT = "/CN=eins test authority"
CA_CONFIG = """
[ca]
default_ca = eins
[eins]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""


class Certificates:
    """ca_file is what a client trusts; pair(name) is a certificate and its key: valid, self_signed, wrong_host, expired, not_yet_valid."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.ca_file = self._path("ca.pem")
        self._write("ca.cnf", CA_CONFIG)
        self._write("index.txt", "")
        self._self_sign("ca", CA_SUBJECT, ["-extensions", "authority"])
        self._self_sign("self_signed", f"/CN={REGION_HOST}", ["-addext", "subjectAltName=" + RIGHT_NAMES])
        for name, terms in ISSUED.items():
            self._issue(name, *terms)

    def pair(self, name):
        return self._path(name + ".pem"), self._path(name + ".key")

    def expired_authority(self):
        """The file of a certificate of the same authority, with its name and key, that is not valid any more."""
        self._openssl("req", "-new", "-key", "ca.key", "-subj", CA_SUBJECT, "-out", "expired_ca.csr")
        self._openssl("ca", "-batch", "-notext", "-selfsign", "-keyfile", "ca.key", "-in", "expired_ca.csr", "-out", "expired_ca.pem",
                      "-startdate", "20000101000000Z", "-enddate", "20010101000000Z", "-extensions", "authority")
        return self._path("expired_ca.pem")

    def _self_sign(self, name, subject, extra):
        self._openssl("req", "-x509", *self._new_key(name), "-subj", subject, "-days", "3650", "-out", name + ".pem", *extra)

    def _issue(self, name, alt_names, not_before, not_after):
        self._openssl("req", *self._new_key(name), "-subj", f"/CN={name}", "-out", name + ".csr")
        self._write(name + ".ext", f"subjectAltName = {alt_names}\n")
        self._openssl("ca", "-batch", "-notext", "-in", name + ".csr", "-out", name + ".pem", "-cert", "ca.pem", "-keyfile", "ca.key",
                      "-startdate", not_before, "-enddate", not_after, "-extfile", name + ".ext")

    def _new_key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key"]

    def _openssl(self, command, *arguments):
        result = subprocess.run(["openssl", command, "-config", "ca.cnf", *arguments], cwd=self.folder, capture_output=True, text=True,
                                check=False)
        if result.returncode:
            raise RuntimeError(f"openssl {command} {' '.join(arguments)}\n{result.stderr}")

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _write(self, name, text):
        with open(self._path(name), "w", encoding="ascii") as file:
            file.write(text)
