# SPDX-License-Identifier: MIT-0
"""A region, or somebody in its place, who means harm: certificates that prove nothing, answers without an end at every stage, TLS that begins
anew for ever. The verdict comes in time, from a bounded amount of memory, and nobody else is asked. Plain misfortunes: test_probe.py."""
import contextlib
import os
import re
import ssl
import subprocess
import threading
import zlib

import pytest

from support.certificates import RIGHT_NAMES
from support.eins import Eins, binary
from support.host import CONTROL
from support.proxy import Proxy
from support.region import Region
from support.scripted_engine import ScriptedEngine
from support.server import IGNORED_IN_HANDSHAKE, Server, read_head, wait_for_leave
from support.wait import wait_for

TIMEOUT = 1  # seconds, as configured for the probe where it must run out
CONNECT_PATIENCE, PATIENCE = 60, 300  # where it must not, however busy the machine is
HANG = 60  # a check that takes longer hangs, or waits for what need not come
DATA = 16 << 20  # bytes that a check may have of its own; one that goes well takes 2 MB

HTTP, TIME = r"\bHTTP\b", "timeout"


@pytest.fixture(scope="module")
def engine():
    with ScriptedEngine() as engine:
        yield engine


def probe(engine, region, runs_out=False, **conf):
    """One check. Returns (phase, Result). runs_out: it is the deadline that ends it, or may be."""
    with Eins(engine, region) as eins, open(binary(), "rb") as file:
        if b"__asan_init" not in file.read():  # which has its own ideas of memory
            eins.prefix = ["prlimit", f"--data={DATA}"]
        connect_timeout, timeout = (TIMEOUT, TIMEOUT) if runs_out else (CONNECT_PATIENCE, PATIENCE)
        eins.conf["region"].update(connect_timeout=connect_timeout, timeout=timeout, **conf)
        result = eins.check()
        assert result.seconds < HANG and not CONTROL.search(result.err + result.log_text), result
        return eins.phase, result


def assert_unreachable(engine, region, word, **conf):
    phase, result = probe(engine, region, runs_out=re.search(word, TIME), **conf)
    found = re.search(" is unreachable: (.*)", result.log_text)
    assert phase == "disconnected" and found and re.search(word, found[1]), result


def assert_reachable(engine, region):
    assert probe(engine, region)[0] == "connected"


# -- answers -----------------------------------------------------------------------------------------------------------------------------------


class Hostile(Region):
    """Serves with one of its methods; or it is (start, more), which comes over TLS: the start, and the more again and again."""

    def __init__(self, certificates, how, pair=None):
        self.how, self.pair = how, pair or certificates.pair("valid")
        super().__init__(certificates)

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")  # the server does not mind
        context.load_cert_chain(*self.pair)
        return context

    def _serve(self, sock):
        if isinstance(self.how, str):
            return getattr(self, self.how)(sock)
        with contextlib.suppress(ssl.SSLError), self.context().wrap_socket(sock, server_side=True) as tls:
            self._flood(tls, *self.how)

    def flood_instead_of_tls(self, sock):
        while not self._leaving.is_set():
            sock.sendall(b"\x16\x03\x03" * 4096)

    def ignorable_flood_in_handshake(self, sock):
        sock.recv(4096)
        while not self._leaving.is_set():
            sock.sendall(IGNORED_IN_HANDSHAKE * 4096)

    def drip_in_handshake(self, sock):
        """All of it is right, and each byte takes its time."""
        received, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context().wrap_bio(received, to_send, server_side=True)
        while not self._leaving.is_set():
            try:
                tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                for byte in to_send.read():
                    sock.sendall(bytes([byte]))
                    self._leaving.wait(0.05)
                received.write(sock.recv(4096))


FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\n"
ANSWER = FORBIDDEN + b"Content-Length: 100000000\r\n\r\n", b"and more "

UNREACHABLE = {
    "flood instead of TLS": ("flood_instead_of_tls", "TLS failed"),
    "ignorable flood in the handshake": ("ignorable_flood_in_handshake", f"{TIME}|TLS failed"),
    "drip in the handshake": ("drip_in_handshake", TIME),
    "continue for ever": ((b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 512), f"{TIME}|{HTTP}"),
    "endless interim headers": ((b"HTTP/1.1 100 Continue\r\n", b"X-More: and more\r\n" * 1024), f"{TIME}|{HTTP}"),
    "endless interim header": ((b"HTTP/1.1 100 Continue\r\nX-More: ", b"and more " * 4096), HTTP),
    "switching protocols": ((b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"\x81\x7f" * 4096), f"{TIME}|{HTTP}"),
    "HTTP/2": ((b"\0\0\0\4\0\0\0\0\0", b"\0\0\x08\6\0\0\0\0\0pingpong" * 512), HTTP),
    "raw bytes": ((b"HTTP/1.1 503 \x1b[2J\x00\x9b31m\xff\r\n", b"\x1b[2J\r\n" * 512), HTTP),
}


@pytest.mark.parametrize("how,word", UNREACHABLE.values(), ids=UNREACHABLE)
def test_what_never_becomes_an_answer_is_left_in_time_and_in_bounds(engine, certificates, how, word):
    with Hostile(certificates, how) as region:
        assert_unreachable(engine, region, word)


def bomb():
    """Each 2 KB of it would become 2 MB."""
    squeezed = zlib.compress(bytes(2 << 20), 9, wbits=31)
    return FORBIDDEN + b"Content-Encoding: gzip\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", b"%x\r\n%s\r\n" % (len(squeezed), squeezed)


@pytest.mark.parametrize("start,more", [bomb(), (FORBIDDEN + b"X-More: ", b"and more " * 4096)], ids=["bomb", "endless header"])
def test_behind_a_status_nothing_is_read(engine, certificates, start, more):
    with Hostile(certificates, (start, more)) as region:
        assert_reachable(engine, region)


@pytest.mark.parametrize("code", [301, 308])
def test_a_redirect_is_an_answer_and_leads_nowhere(engine, certificates, code):
    """Neither to another server, nor to one without TLS, nor to a file."""
    with Region(certificates) as elsewhere:
        for target in (elsewhere.url, elsewhere.url.replace("https:", "http:"), f"//127.0.0.1:{elsewhere.port}/", "file:///etc/shadow", ""):
            with Hostile(certificates, (f"HTTP/1.1 {code} Moved\r\nLocation: {target}\r\n\r\n".encode(), b"x" * 4096)) as region:
                assert_reachable(engine, region)
                assert region.connections == 1 and len(region.requests) == 1
        assert elsewhere.connections == 0


class Flooding(Proxy):
    """Its answer to CONNECT goes on and on."""

    def __init__(self, *flood):
        self.start, self.more = flood
        super().__init__(None)

    def _serve(self, sock):
        read_head(sock)
        sock.sendall(self.start)
        while True:
            sock.sendall(self.more)


@pytest.mark.parametrize("start,more", [
    (b"HTTP/1.1 200 ", b"x" * 4096),
    (b"HTTP/1.1 200 Done\r\n", b"X-More: and more\r\n" * 512),
    (b"HTTP/1.1 200 Done\r\n\r\n", b"and more " * 512),
    (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 99999999999\r\n\r\n", b"and more " * 512),
    (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 512),
], ids=["status line", "headers", "instead of TLS", "refusal", "interim"])
def test_a_proxy_without_an_end_is_left_in_time_and_in_bounds(engine, region, start, more):
    with Flooding(start, more) as proxy:
        assert_unreachable(engine, region, ".", proxy=proxy.url)
    assert region.connections == 0


# -- certificates ------------------------------------------------------------------------------------------------------------------------------


def issue(certificates, folder, name, extensions, signer=None, digest="sha256", key=None):
    """(certificate, key), signed by the authority that eins trusts, or by `signer`, another such pair. key: a weak one is made there."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)
    if key:
        openssl("genrsa", "-out", key, "1024")
    key = key or certificates.pair("valid")[1]
    authority = signer or (certificates.ca_file, os.path.join(certificates.folder, "ca.key"))
    (folder / f"{name}.ext").write_text("\n".join(extensions))
    openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", f"{name}.csr")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", authority[0], "-CAkey", authority[1], "-set_serial", "1234", "-days", "30", f"-{digest}",
            "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    return str(folder / f"{name}.pem"), key


def below(certificates, folder, extensions, copies=1):
    """A right certificate, signed by one in between that has these extensions."""
    between = issue(certificates, folder, "between", extensions)
    certificate, key = issue(certificates, folder, "server", [NAMES], signer=between)
    with open(certificate, "a", encoding="ascii") as file:
        file.write(open(between[0], encoding="ascii").read() * copies)
    return certificate, key


NAMES = f"subjectAltName = {RIGHT_NAMES}"
MAY_SIGN = ["basicConstraints = critical, CA:true", "keyUsage = critical, keyCertSign"]

# name: (what to serve with, a word of the reason)
WORTHLESS = {
    "for clients only": (lambda *to: issue(*to, "server", [NAMES, "extendedKeyUsage = clientAuth"]), "purpose"),
    "for mail only": (lambda *to: issue(*to, "server", [NAMES, "extendedKeyUsage = emailProtection"]), "purpose"),
    "to sign others only": (lambda *to: issue(*to, "server", [NAMES, *MAY_SIGN]), "purpose|key usage"),
    "critical and unknown": (lambda *to: issue(*to, "server", [NAMES, "1.2.3.4 = critical, ASN1:UTF8:x"]), "critical extension"),
    "weak key": (lambda *to: issue(*to, "server", [NAMES], key=to[1] / "small.key"), "key too (weak|small)"),
    "weak signature": (lambda *to: issue(*to, "server", [NAMES], digest="sha1"), "too weak"),
    "wildcard": (lambda *to: issue(*to, "server", ["subjectAltName = DNS:*,DNS:*.0.0.1"]), "no alternative|does not match"),
    "signed by one that is no authority": (lambda *to: below(*to, ["basicConstraints = critical, CA:false"]), "invalid CA"),
    "signed by one that may not": (lambda *to: below(*to, ["basicConstraints = critical, CA:true", "keyUsage = critical, cRLSign"]), "certificate"),
    "not for the signer": (lambda *to: below(*to, [*MAY_SIGN, "nameConstraints = permitted;IP:10.0.0.0/255.0.0.0"]), "permitted subtree"),
    "a chain of hundreds": (lambda *to: below(*to, MAY_SIGN, copies=400), "excessive|too (long|large)"),
}


@pytest.mark.parametrize("make,word", WORTHLESS.values(), ids=WORTHLESS)
def test_a_certificate_that_proves_nothing_is_refused_and_said_why(engine, certificates, tmp_path, make, word):
    with Hostile(certificates, ANSWER, make(certificates, tmp_path)) as region:
        assert_unreachable(engine, region, f"TLS failed.*({word})")
        assert not region.requests


def test_a_signer_in_between_that_may_sign_is_believed(engine, certificates, tmp_path):
    """Or the tests above prove nothing."""
    with Hostile(certificates, ANSWER, below(certificates, tmp_path, MAY_SIGN)) as region:
        assert_reachable(engine, region)


def test_nobody_is_asked_whether_a_certificate_was_revoked(engine, certificates, tmp_path):
    """It would be the certificate who says whom to ask, and a list that cannot be had would be one more way to be offline."""
    with contextlib.closing(Server(wait_for_leave)) as other:
        address = f"URI:http://127.0.0.1:{other.port}/list"
        pair = issue(certificates, tmp_path, "server", [NAMES, f"crlDistributionPoints = {address}", f"authorityInfoAccess = OCSP;{address}"])
        with Hostile(certificates, ANSWER, pair) as region:
            assert_reachable(engine, region)
        assert other.connections == 0


# -- TLS that begins anew ------------------------------------------------------------------------------------------------------------------------


class Renegotiator:
    """openssl's own server, told to begin the handshake anew."""

    def __init__(self, certificates, *options):
        self.certificates = certificates
        self._said, self.over = b"", False
        files = zip(("-cert", "-key"), certificates.pair("valid"))
        self._process = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", *sum(files, ()), *(options or ["-tls1_2"])],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self):
        listens = wait_for(lambda: re.search(rb"ACCEPT (\S+)\n", self._said), HANG, "it listens")
        self.url = f"https://{listens[1].decode()}/"
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()
        self._reader.join()

    def _read(self):
        while part := os.read(self._process.stdout.fileno(), 65536):
            self._said += part

    def begin_anew(self, times):
        """After the request, until so many handshakes are over, or the client is gone."""
        wait_for(lambda: b"GET / HTTP/1.1" in self._said or self.over, HANG, "the request came")
        for number in range(1, times + 1):
            if self.over:
                return
            self._process.stdin.write(b"r\n")
            wait_for(lambda: self._said.count(b"SSL_do_handshake -> ") >= number or self.over, HANG, "it shook hands", 0.005)
        self._process.stdin.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")


@pytest.mark.parametrize("times,phase,words", [(2, "connected", "HTTP status 403"), (1 << 20, "disconnected", TIME)], ids=["twice", "for ever"])
def test_a_handshake_may_begin_anew_but_not_for_ever(engine, certificates, times, phase, words):
    with Renegotiator(certificates) as region:
        server = threading.Thread(target=region.begin_anew, args=[times])
        server.start()
        try:
            found, result = probe(engine, region, runs_out=words == TIME)
        finally:
            region.over = True
            server.join()
        assert found == phase and words in result.log_text, result


def test_session_tickets_for_ever_are_left_in_time(engine, certificates):
    with Renegotiator(certificates, "-tls1_3", "-num_tickets", "1000000000") as region:
        assert_unreachable(engine, region, TIME)
