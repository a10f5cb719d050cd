# SPDX-License-Identifier: MIT-0
"""What a check is trusted with, a proxy's password and the key for Docker, is in nothing that it says, writes or shows."""
import base64

import pytest

from support.host import Host
from support.proxy import Proxy
from support.wait import wait_for

PASSWORD = "s3cr3tword"
TOLD = [PASSWORD, base64.b64encode(f"josephine:{PASSWORD}".encode()).decode().rstrip("=")[4:-4], "josephine"]


@pytest.fixture
def host(certificates):
    with Host(certificates) as host:
        yield host


def assert_not_told(text):
    assert not [word for word in TOLD if word in text], text


def everything(host):
    """All that is left in its folder but the configuration, as text."""
    return "".join(content.decode("utf-8", "replace") for _, content in host.eins.files().values())


@pytest.mark.parametrize("place", ["configuration", "environment"])
def test_the_credentials_of_a_proxy_are_given_to_it_and_to_nobody_else(host, place):
    host.engine.run("web")
    host.eins.conf["metrics"] = {"file": host.eins.folder + "/eins.prom"}
    with Proxy((host.region.address, host.region.port)) as proxy:
        def use(address):
            url = f"http://josephine:{PASSWORD}@{address}"
            host.eins.conf["region"]["proxy"] = url if place == "configuration" else None
            host.eins.env = {"https_proxy": url} if place == "environment" else {}
        text = ""
        host.eins.conf["region"].update(connect_timeout=1, timeout=1)
        for mode in ("ok", "auth", "bad_gateway", "refused", "no name") if place == "configuration" else ("ok", "auth"):
            use(f"127.0.0.1:{proxy.port}" if mode != "no name" else "proxy.invalid:1")
            proxy.mode = mode if mode in ("auth", "bad_gateway") else "ok"
            if mode == "refused":
                proxy.refuse()
            for arguments in (["--verbose"], ["--dry-run"], ["--status"], ["--status", "--json"]):
                text += str(host.eins.run(*arguments))
        text += str(host.eins.run("--dry-run", "--json"))
        assert "Proxy-Authorization: Basic " in proxy.requests[0], "or it proves nothing"
    assert_not_told(text + everything(host))


def test_nor_do_they_show_in_the_list_of_processes(host):
    with Proxy((host.region.address, host.region.port)) as proxy:
        proxy.mode = "silent"
        host.eins.conf["region"]["proxy"] = f"http://josephine:{PASSWORD}@127.0.0.1:{proxy.port}"
        check = host.eins.popen("--verbose")
        wait_for(lambda: proxy.requests, 30, "the proxy is asked")
        shown = "".join(open(f"/proc/{check.pid}/{name}", encoding="utf-8").read() for name in ("cmdline", "comm", "status"))
        waits = check.poll() is None
        check.kill()
        text = "".join(check.communicate())
    assert waits and "eins-check" in shown, "or it proves nothing"
    assert_not_told(shown + text + everything(host))


@pytest.mark.parametrize("broken", [False, True], ids=["right", "broken"])
def test_the_key_for_docker_is_not_told(certificates, broken):
    with Host(certificates, tls=certificates) as host:
        path = host.engine.cert_path + "/key.pem"
        with open(path, encoding="ascii") as file:
            key = file.read()
        if broken:
            with open(path, "w", encoding="ascii") as file:
                file.write(key.replace("\n", "\nXX", 1))
        host.eins.conf["docker"].update(host=host.engine.tcp_host, tls_verify="yes", cert_path=host.engine.cert_path)
        runs = (["--verbose"], ["--dry-run"], ["--dry-run", "--json"], ["--check-config"], ["--check-config", "--json"], ["--status"])
        text = "".join(str(host.eins.run(*arguments)) for arguments in runs) + everything(host)
        assert ("Docker cannot be reached" in text) == broken, text
        assert not [line for line in key.splitlines()[1:-1] if line[4:40] in text], text
