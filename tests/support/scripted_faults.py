# SPDX-License-Identifier: MIT-0
"""What a Docker socket may do instead of answering as it should: actions for ScriptedEngine.fault().

An action gets the Call (the request, the engine, the socket). It returns the Reply to send, or None when it has said all it wants to say; the
connection is closed then.
"""
import json

from . import server
from .scripted_http import JSON, PLAIN, Reply

MEGABYTE = 1 << 20

HARD_IDS = ["", ".", "..", "../../etc/passwd", "a/b", "0" * 63, "0" * 65, "G" * 64, "0" * 62 + "\r\n", "0" * 63 + "?", "%2e%2e%2f" + "0" * 55,
            "é" * 32, "0" * 63 + "\0", "\x1b[31m" + "0" * 59, "0" * 100000]
HARD_NAMES = ["/\x1b[2J\x1b[31mred", "/two\nlines", "/carriage\rreturn", "/nul\0inside", "/\x7f\x85\u202e", "/" + "long" * 5000, "/%s%n%p",
              "/é\U0001f433", "/]x=1", "", "/", "no-slash"]
WRONG = [None, True, False, 7, -1, 1.5, 2**70, 1e300, "text", "", [], [1], {}, {"a": 1}]

# What eins reads, as paths for edit(); for a list, of its first entry.
LIST_FIELDS = ["0", "0.Id", "0.Names", "0.Names.0", "0.Labels", "0.State"]
INSPECT_FIELDS = ["Id", "Name", "RestartCount", "State", "State.Status", "State.StartedAt", "State.ExitCode", "State.OOMKilled", "State.Error",
                  "HostConfig", "HostConfig.RestartPolicy", "HostConfig.RestartPolicy.Name", "HostConfig.RestartPolicy.MaximumRetryCount",
                  "HostConfig.AutoRemove", "Config", "Config.StopTimeout"]


# -- a proper reply, only not the one that was hoped for ---------------------------------------------------------------------------------------


def reply(status, body=b"", kind=JSON):
    """body: bytes, text, or a document. Nothing is done to the containers."""
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode() + b"\n"
    return lambda call: Reply(status, data, kind)


def error(status, message):
    return reply(status, {"message": message})


def plain_error(status, message):
    """As some engines, and the proxies before them, write it."""
    return reply(status, message + "\n", PLAIN)


def delay(seconds):
    """Does what it should, `seconds` late."""
    def action(call):
        call.sleep(seconds)
        return call.perform()
    return action


def delay_reply(seconds):
    """Does it at once, and says so `seconds` later."""
    def action(call):
        done = call.perform()
        call.sleep(seconds)
        return done
    return action


def vanish():
    """The container that the request is about is removed just before."""
    def action(call):
        call.engine.world.remove(call.request.container, force=True)
        return call.perform()
    return action


def before(function):
    """Calls function(), whatever it does to the engine, and goes on as usual: a race, on demand."""
    def action(call):
        function()
        return call.perform()
    return action


def edit(path, value):
    """The true reply with one thing in it changed: edit("State.Status", 7), edit("0.Id", "../x"). A value that is callable gets the old one."""
    return rewrite(lambda document: _put(document, path.split("."), value))


def leave_out(path):
    """The true reply with one key missing."""
    def without(document):
        *way, last = path.split(".")
        place = document
        for key in way:
            place = place[_key(place, key)]
        place.pop(_key(place, last), None) if isinstance(place, dict) else place.pop(_key(place, last))
        return document
    return rewrite(without)


def rewrite(function):
    """The true reply's document, changed by function(document), which returns the new one."""
    def action(call):
        true = call.perform()
        return Reply(true.status, json.dumps(function(json.loads(true.body))).encode() + b"\n")
    return action


def nested(depth=10000):
    return reply(200, b"[" * depth + b"]" * depth)


def nul_bytes():
    """NUL in the JSON text itself, before the true reply's end."""
    def action(call):
        true = call.perform()
        return Reply(true.status, true.body[:len(true.body) // 2] + b"\0\0" + true.body[len(true.body) // 2:])
    return action


def invalid_utf8():
    """Every colon in a string position gets a neighbour that is not UTF-8: names, labels and times are affected."""
    def action(call):
        true = call.perform()
        return Reply(true.status, true.body.replace(b':"', b':"\xff\xc0\xaf\xed\xa0\x80'))
    return action


def huge(size=100 * MEGABYTE, element=b'{"Id":"x"},'):
    """One valid JSON array of about that many bytes, with its Content-Length."""
    return reply(200, b"[" + element * (size // len(element)) + b"null]")


def endless_json():
    """An array that never ends, for as long as somebody reads it."""
    def forever():
        yield b"[" + b" " * 100
        while True:
            yield b'{"Id":"' + b"0" * 64 + b'"},' * 500
    return lambda call: Reply(200, stream=forever())


# -- not a reply -------------------------------------------------------------------------------------------------------------------------------


def hang():
    """Takes the request and says nothing until the other side leaves. With times=None and ".": socket activation of a daemon that does not
    come up."""
    return lambda call: call.wait_for_leave()


def garbage(data=b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00" * 20):
    """Not HTTP."""
    return lambda call: call.raw(data)


def truncated(share=0.5):
    """The true reply up to a share of its body, then the end of the connection."""
    def action(call):
        head, body = call.rendered(call.perform())
        call.raw(head + body[:int(len(body) * share)])
    return action


def half_headers():
    return lambda call: call.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConten")


def endless_headers():
    def action(call):
        call.raw(b"HTTP/1.1 200 OK\r\n")
        while not call.engine.leaving.is_set():
            call.raw(b"X-Filler: " + b"x" * 1000 + b"\r\n")
    return action


def drip(interval=1):
    """The true reply, a byte at a time."""
    def action(call):
        head, body = call.rendered(call.perform())
        for byte in head + body:
            call.raw(bytes([byte]))
            call.sleep(interval)
    return action


def reset():
    """The connection ends before anything is done. (Over TCP with RST; a unix socket has nothing like it.)"""
    return lambda call: server.reset(call.sock)


def lose_reply():
    """It is done, and nobody is told."""
    def action(call):
        call.perform()
        server.reset(call.sock)
    return action


def _put(document, way, value):
    if not way:
        return value(document) if callable(value) else value
    key = _key(document, way[0])
    document[key] = _put(document.get(key) if isinstance(document, dict) else document[key], way[1:], value)
    return document


def _key(place, key):
    return int(key) if isinstance(place, list) else key
