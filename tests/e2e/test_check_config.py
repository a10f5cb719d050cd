# SPDX-License-Identifier: MIT-0
"""--check-config: every value that is in effect and where it came from, as a file that can be pasted and as JSON."""
import os
import re

import pytest

from support.eins import SOURCE, Eins
from support.schema import validate
from support.scripted_engine import ScriptedEngine


@pytest.fixture
def eins():
    with ScriptedEngine() as engine, Eins(engine) as eins:
        yield eins


def words(eins, *arguments):
    result = eins.check("--check-config", *arguments)
    assert result.err == "", result
    return result.out


def values(eins, *arguments):
    """(section, key) -> what --json says of it, in that order."""
    view = validate(eins.check("--check-config", "--json", *arguments).out)
    return {(value["section"], value["key"]): value for value in view["values"]}


def line(text, section, key):
    """(set or not, value, source) of a key in words."""
    found = re.search(rf"^(?:# (.+)\n)?(#?){key} =(.*?)(?:  # (.+))?$", text.split(f"\n[{section}]\n")[1].split("\n\n")[0], re.MULTILINE)
    return not found[2], found[3].strip(), found[4] or found[1]


def use_ecs(eins, tmp_path, text):
    """Runs where /var/lib/ecs/ecs.config is this text from now on; nobody else sees it."""
    path = tmp_path / "ecs.config"
    path.write_text(text, encoding="utf-8")
    script = 'mount -t tmpfs none /var/lib && mkdir /var/lib/ecs && cp "$0" /var/lib/ecs/ecs.config && exec "$@"'
    eins.prefix = ["unshare", "--mount", "sh", "-c", script, str(path)]


def keys_of_the_shipped_file():
    section, keys = None, []
    with open(os.path.join(SOURCE, "etc", "eins.conf"), encoding="utf-8") as file:
        for text in file:
            if found := re.fullmatch(r"\[(\w+)\]\n", text):
                section = found[1]
            elif found := re.fullmatch(r"#(\w+) =.*\n", text):
                keys.append((section, found[1]))
    return keys


# -- what is said -----------------------------------------------------------------------------------------------------------------------------


def test_every_key_is_there_in_the_order_of_eins_conf(eins):
    expected = keys_of_the_shipped_file()
    assert expected and list(values(eins)) == expected
    text = words(eins)
    told = []
    for part in re.split(r"^\[(?=\w+\]$)", text, flags=re.MULTILINE)[1:]:
        section, _, body = part.partition("]\n")
        told += [(section, key) for key in re.findall(r"^#?(\w+) =", body, re.MULTILINE)]
    assert told == expected, text


def test_each_value_names_the_place_that_it_came_from(eins, tmp_path):
    use_ecs(eins, tmp_path, "AWS_DEFAULT_REGION=eu-west-1\nECS_BACKEND_HOST=ecs.example\nHTTP_PROXY=proxy.example:3128\n")
    eins.conf["region"].update(name=None, timeout=7)
    eins.conf["docker"]["host"] = None
    eins.env = {"DOCKER_HOST": "unix:///run/other.sock"}
    expected = {
        ("region", "name"): ("eu-west-1", "ecs", "/var/lib/ecs/ecs.config AWS_DEFAULT_REGION"),
        ("region", "endpoint"): ("https://ecs.example/", "ecs", "/var/lib/ecs/ecs.config ECS_BACKEND_HOST"),
        ("region", "proxy"): ("proxy.example:3128", "ecs", "/var/lib/ecs/ecs.config HTTP_PROXY"),
        ("region", "timeout"): (7, "file", eins.conf_file),
        ("region", "fall"): (1, "default", "default"),
        ("docker", "host"): ("unix:///run/other.sock", "environment", "$DOCKER_HOST"),
        ("docker", "tls_verify"): (False, "default", "default"),
        ("docker", "retries"): (3, "option", "--retries"),
        ("log", "level"): ("DEBUG", "file", eins.conf_file),
    }
    told, text = values(eins, "--retries=3"), words(eins, "--retries=3")
    for (section, key), (value, origin, source) in expected.items():
        assert {name: told[section, key][name] for name in ("value", "origin", "source")} == \
            {"value": value, "origin": origin, "source": source}, key
        shown = "no" if value is False else str(value)
        assert line(text, section, key) == (origin != "default", shown, source), text


def test_what_is_derived_says_from_what(eins):
    eins.conf["region"].update(endpoint=None, timeout=3)
    told, text = values(eins), words(eins)
    assert told["region", "endpoint"]["value"] == "https://ecs.eu-central-1.amazonaws.com/"
    assert line(text, "region", "endpoint") == (False, "https://ecs.eu-central-1.amazonaws.com/", "the region's name")
    assert line(text, "region", "connect_timeout") == (False, "3", "default, but no more than timeout")


def test_it_is_itself_a_file_with_the_same_effect(eins, tmp_path):
    eins.conf["region"].update(endpoint="https://host.example:8443/a?b=c", ca_file='"/etc/some where/#1.pem"', proxy="", timeout=7, rise=3)
    eins.conf["docker"].update(recovery="keep", tls_verify="on", cert_path="/back\\slash", retries=9)
    eins.env = {"no_proxy": "one.example,two.example"}
    before = {key: value["value"] for key, value in values(eins).items()}
    assert before["region", "ca_file"] == "/etc/some where/#1.pem" and before["docker", "cert_path"] == "/back\\slash"
    pasted = tmp_path / "pasted.conf"
    pasted.write_text(words(eins), encoding="utf-8")
    after = values(eins, f"--config={pasted}")
    assert {key: value["value"] for key, value in after.items()} == before
    assert after["region", "proxy"]["origin"] == "file" and after["region", "fall"]["origin"] == "default"


def test_the_hosts_without_a_proxy_are_listed(eins, tmp_path):
    view = validate(eins.check("--check-config", "--json").out)
    assert (view["no_proxy"], view["no_proxy_origin"]) == ([], None)
    hosts = [f"host-{number}.example" for number in range(30)]
    eins.env = {"NO_PROXY": ",".join(hosts) + ", .internal"}
    view, text = validate(eins.check("--check-config", "--json").out), words(eins)
    assert (view["no_proxy"], view["no_proxy_origin"]) == (hosts + [".internal"], "environment")
    listed = text.split("# Hosts without a proxy (the environment's NO_PROXY):\n")[1].split("\n\n")[0]
    assert re.findall(r"[\w.-]+", listed) == hosts + [".internal"] and all(part.startswith("#   ") for part in listed.splitlines()), text
    eins.env = {}
    use_ecs(eins, tmp_path, "NO_PROXY=169.254.169.254\n")
    assert "NO_PROXY of ECS's files):\n#   169.254.169.254\n" in words(eins)


def test_files_that_were_looked_at_in_vain_are_named_with_the_reason(eins, tmp_path):
    eins.conf["region"].update(name=None, endpoint="https://host.example/")
    use_ecs(eins, tmp_path, "AWS_DEFAULT_REGION=Frankfurt\n")
    text, looked = words(eins), validate(eins.check("--check-config", "--json").out)["looked"]
    expected = [f"{eins.conf_file} (no name in [region])", "/var/lib/ecs/ecs.config (AWS_DEFAULT_REGION=Frankfurt is not a region's name)"]
    assert [entry for entry in looked if entry in expected] == expected, looked
    assert all(f"\n#   {entry}\n" in text for entry in expected), text


def test_what_holds_for_this_call_only_is_said_to(eins):
    hint = "holds for this call only"
    assert hint not in words(eins)
    assert hint in words(eins, "--retries=3")
    eins.env = {"https_proxy": "proxy.example:3128"}
    assert hint in words(eins)


@pytest.mark.parametrize("proxy", ["http://josephine:secret@proxy.example:3128", "josephine:secret@proxy.example",
                                   "http://josephine:secret@secret@proxy.example"])
@pytest.mark.parametrize("place", ["file", "environment", "ecs"])
def test_credentials_of_a_proxy_never_appear(eins, tmp_path, proxy, place):
    if place == "file":
        eins.conf["region"]["proxy"] = proxy
    elif place == "environment":
        eins.env = {"https_proxy": proxy, "no_proxy": "http://josephine:secret@inner.example"}
    else:
        use_ecs(eins, tmp_path, f"HTTP_PROXY={proxy}\nNO_PROXY=josephine:secret@inner.example\n")
    for option in ([], ["--json"]):
        result = eins.check("--check-config", *option)
        assert "secret" not in result.out + result.err and "josephine" not in result.out + result.err, result
        assert "***@proxy.example" in result.out, result
    assert values(eins)["region", "proxy"]["hidden"] and not values(eins)["region", "name"]["hidden"]
    text = words(eins)
    assert line(text, "region", "proxy")[0] is False and "its user and password are hidden" in text, "pasted it would be wrong"


def test_no_line_is_longer_than_80_columns(eins):
    eins.conf["region"].update(endpoint="https://ecs-telemetry.eu-central-1.amazonaws.example/", proxy="http://a:b@proxy.example.net:3128")
    eins.env = {"NO_PROXY": ",".join(f"host-{number}.example" for number in range(30))}
    text = words(eins, "--retries=3").replace(eins.folder, "/etc/eins")  # which is where it stands, on a line that is too long anyway
    assert max(map(len, text.splitlines())) <= 80


def test_strange_bytes_of_a_path_are_shown_as_harmless_text(eins):
    eins.conf["region"]["ca_file"] = "/etc/\x9b31m.pem"
    text = eins.check("--check-config", "--json").out + words(eins)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text), repr(text)
    assert line(words(eins), "region", "ca_file")[:2] == (False, "/etc/\\xc2\\x9b31m.pem")


def test_a_pipe_gets_no_colours(eins):
    eins.env = {"TERM": "xterm"}
    assert "\x1b" not in words(eins)


# -- what is not said -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", [[], ["--json"]], ids=["words", "json"])
def test_a_wrong_configuration_is_one_message_and_nothing_else(eins, option):
    eins.conf["docker"]["timeout"] = 4
    result = eins.check("--check-config", *option, code=78)
    assert result.out == "" and result.err.count("\n") == 1, result
    assert f"{eins.conf_file}: [docker] timeout = 4: expected a number of seconds from 5 to 600" in result.err, result


def test_without_a_region_it_says_where_it_looked(eins):
    eins.conf["region"]["name"] = None
    result = eins.check("--check-config", code=78)
    assert result.out == "" and "no region is known" in result.err and "/var/lib/ecs/ecs.config" in result.err, result


def test_it_asks_nobody_and_writes_nothing(eins, tmp_path):
    trace = tmp_path / "trace"
    eins.prefix = ["strace", "-f", "-qq", "-o", str(trace)]
    for option in ([], ["--json"]):
        eins.check("--check-config", *option)
        calls = [re.sub(r"^\d+ +", "", call) for call in trace.read_text(encoding="utf-8", errors="replace").splitlines()]
        assert [call for call in calls if f'"{eins.conf_file}"' in call], "it was traced"
        assert [call for call in calls if re.match(r"(socket|connect|flock|rename|unlink|mkdir|utimensat)", call)] == []
        assert [call for call in calls if re.match(r"open", call) and re.search("O_WRONLY|O_RDWR|O_CREAT", call) and "/dev/null" not in call] == []
    assert eins.files() == {}
