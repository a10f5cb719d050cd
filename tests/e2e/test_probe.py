# SPDX-License-Identifier: MIT-0
"""Every way for a region to be unwell: what eins takes it for, which word it has for it, and that nothing makes it hang."""
import os
import re

import pytest

TIMEOUT = 2  # seconds, as configured for the probe where it must run out
CONNECT_PATIENCE, PATIENCE = 60, 300  # where it must not, however busy the machine is
HANG = 60  # a check that takes longer hangs, or waits for what need not come

NAME = "name resolution"
CONNECTION = "connection"
TIME = "timeout|timed out"
TLS = r"\btls\b|certificate"
HTTP = r"\bhttp\b"

WELL = ["forbidden", "ok", "http_429", "redirect", "continue_then_403", "endless_body", "endless_headers"]

UNWELL = {
    "refused": CONNECTION,
    "reset": f"{CONNECTION}|{TLS}",  # it happens between the two
    "no_tls": TIME,
    "plain_http": TLS,
    "self_signed": TLS,
    "wrong_host": TLS,
    "expired": TLS,
    "not_yet_valid": TLS,
    "old_tls": TLS,
    "tls_silent": TIME,
    "drip": TIME,
    "reset_after_request": f"{CONNECTION}|{HTTP}",
    "empty_reply": f"{CONNECTION}|{HTTP}",
    "not_http": HTTP,
    "http09": HTTP,
    "huge_status_line": HTTP,  # for libcurl "out of memory", which must not count as this host's own trouble
    "http_500": HTTP,
    "http_503": HTTP,
}

PROXY_UNWELL = {"auth": "407", "forbidden": "403", "bad_gateway": "502", "silent": TIME}

SLOW = (TIME, NAME)  # what only the deadline shows

NETWORK_UNWELL = {
    "lose_packets": TIME,
    "no_route": CONNECTION,
    "link_down": CONNECTION,
    "silent_dns": NAME,
    "no_dns": NAME,
}


@pytest.fixture
def prober(eins):
    patient(eins)
    return eins


def patient(eins):
    eins.conf["region"].update(connect_timeout=CONNECT_PATIENCE, timeout=PATIENCE)


def hasty(eins):
    eins.conf["region"].update(connect_timeout=1, timeout=TIMEOUT)


def says(text, word):
    """True when the word is in the text, the URL left out: it would say "http" in any case."""
    return re.search(word, re.sub(r"https?://\S+", "", text), re.IGNORECASE)


def check_unwell(eins, word):
    (hasty if word in SLOW else patient)(eins)
    result = eins.check()
    assert eins.phase == "disconnected", result
    assert says(result.log_text, word), result
    assert result.seconds < HANG, result


def check_well(eins):
    patient(eins)
    result = eins.check()
    assert eins.phase == "connected", result
    assert result.seconds < HANG, result
    return result


# -- the region --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", WELL)
def test_an_answer_below_500_means_reachable(prober, region, mode):
    region.mode = mode
    check_well(prober)


@pytest.mark.parametrize("mode,word", UNWELL.items(), ids=UNWELL)
def test_anything_else_means_unreachable_and_is_named(prober, region, mode, word):
    region.mode = mode
    check_unwell(prober, word)


@pytest.mark.parametrize("mode,reach,word", [
    ("forbidden", "reachable", "403"),
    ("http_503", "unreachable", "503"),
    ("refused", "unreachable", CONNECTION),
    ("expired", "unreachable", "expired"),
    ("tls_silent", "unreachable", TIME),
], ids=lambda value: value if value.isidentifier() else "")
def test_dry_run_says_what_the_probe_found_and_leaves_no_file(prober, region, mode, reach, word):
    region.mode = mode
    if word in SLOW:
        hasty(prober)
    before = prober.files()
    result = prober.dry_run()
    assert says(result.out, rf"\b{reach}\b") and says(result.out, word), result
    assert prober.files() == before, result


LAX = """openssl_conf = lax
[lax]
ssl_conf = ssl
[ssl]
system_default = default
[default]
MinProtocol = TLSv1
CipherString = ALL:@SECLEVEL=0
"""


def test_old_tls_is_refused_also_where_the_system_would_take_it(prober, region):
    """Debian's OpenSSL refuses it by itself; other systems, and their administrators, may not."""
    path = os.path.join(prober.folder, "openssl.cnf")
    with open(path, "w", encoding="ascii") as file:
        file.write(LAX)
    prober.env["OPENSSL_CONF"] = path
    region.mode = "old_tls"
    check_unwell(prober, TLS)


def test_a_status_is_enough(eins, region):
    """Nothing follows it, not even the other headers: a probe that waits for them waits for its timeout."""
    region.mode = "status_alone"
    check_well(eins)


def test_the_request_is_one_plain_get_without_credentials(prober, region):
    region.mode = "redirect"  # which is not followed, either
    check_well(prober)
    assert region.connections == 1
    (request,) = region.requests
    assert request.line == "GET / HTTP/1.1"
    assert request.headers["host"] == f"{region.address}:{region.port}"
    assert not {"authorization", "cookie", "proxy-authorization", "content-length"} & request.headers.keys(), request


def test_a_connection_that_the_server_keeps_open_is_not_waited_for(eins):
    check_well(eins)


def test_failures_are_counted_before_the_phase_ends(prober, region):
    prober.conf["region"].update(fall=3, rise=2)
    prober.check()
    phases = []
    for mode in ["http_503", "refused", "http_503", "forbidden", "forbidden"]:
        region.mode = mode
        prober.check()
        phases.append(prober.phase)
    assert phases == ["connected", "connected", "disconnected", "disconnected", "connected"]


# -- this host ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["forbidden", "refused"])
def test_a_host_that_cannot_look_changes_nothing(prober, region, docker, agent, mode):
    docker.run("web")
    prober.check()
    before, state = docker.view(), prober.state()
    told = {"last": None, "eins": None}  # what the check was like is remembered, for --status; the checksum follows it
    prober.conf["region"]["ca_file"] = prober.folder + "/missing.pem"
    region.mode = mode
    result = prober.check(code=70)
    assert says(result.err + result.log_text, "missing.pem"), result
    assert docker.view() == before and {**prober.state(), **told} == {**state, **told}, result
    assert agent.status == "running"


def test_an_outage_is_not_ended_by_a_host_that_cannot_look(prober, region, docker, agent):
    docker.run("web")
    region.mode = "refused"
    prober.check()
    before = docker.view()
    region.mode = "forbidden"
    prober.conf["region"]["ca_file"] = prober.folder + "/missing.pem"
    result = prober.check(code=70)
    assert prober.phase == "disconnected" and docker.view() == before and agent.status == "paused", result


# -- a proxy -----------------------------------------------------------------------------------------------------------


def test_the_region_is_asked_through_the_proxy(prober, proxy, region):
    prober.conf["region"]["proxy"] = proxy.url
    check_well(prober)
    (head,) = proxy.requests
    assert head.startswith(f"CONNECT {region.address}:{region.port} HTTP/1.1\r\n")
    assert len(region.requests) == 1


@pytest.mark.parametrize("mode,word", PROXY_UNWELL.items(), ids=PROXY_UNWELL)
def test_a_proxy_that_does_not_lead_on_means_unreachable(prober, proxy, region, mode, word):
    prober.conf["region"]["proxy"] = proxy.url
    proxy.mode = mode
    check_unwell(prober, word)
    assert not region.requests


def test_a_proxy_that_is_gone_means_unreachable(prober, proxy):
    prober.conf["region"]["proxy"] = proxy.url
    proxy.refuse()
    check_unwell(prober, f"proxy|{CONNECTION}")


def test_the_environment_names_a_proxy_and_exceptions_from_it(prober, proxy, region):
    prober.env["https_proxy"] = proxy.url
    check_well(prober)
    assert proxy.connections == 1
    prober.env["NO_PROXY"] = region.address
    check_well(prober)
    assert proxy.connections == 1 and len(region.requests) == 2


# -- the network -------------------------------------------------------------------------------------------------------


def test_the_endpoint_comes_from_the_name_of_the_region(prober, network):
    prober.use_network(network)
    check_well(prober)
    (request,) = network.region.requests
    assert request.headers["host"] == network.region.host


@pytest.mark.parametrize("how,word", NETWORK_UNWELL.items(), ids=NETWORK_UNWELL)
def test_a_network_that_fails_means_unreachable_and_back_again(prober, network, how, word):
    prober.use_network(network)
    getattr(network, how)()
    check_unwell(prober, word)
    network.ok()
    check_well(prober)
