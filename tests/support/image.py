# SPDX-License-Identifier: MIT-0
"""The only image there is: a static busybox. Built here, because a test fetches nothing."""
import io
import subprocess
import tarfile

from .api import ApiError

NAME = "eins-test:latest"


def load(api, busybox="/bin/busybox"):
    """Imports the image unless the engine has it already."""
    try:
        api.get(f"/images/{NAME}/json")
        return
    except ApiError as error:
        if error.status != 404:
            raise
    repository, _, tag = NAME.partition(":")
    status, reply = api.raw("POST", "/images/create", _tar(busybox), "application/x-tar", {"fromSrc": "-", "repo": repository, "tag": tag})
    if status != 200 or b'"error"' in reply:
        raise RuntimeError(f"the test image cannot be imported: {status} {reply!r}")


def _tar(busybox):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("bin", "tmp", "etc", "proc", "sys", "dev"):
            _add(tar, folder, tarfile.DIRTYPE)
        with open(busybox, "rb") as file:
            _add(tar, "bin/busybox", tarfile.REGTYPE, file.read())
        for applet in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
            if applet != "busybox":
                _add(tar, "bin/" + applet, tarfile.SYMTYPE, link="busybox")
    return buffer.getvalue()


def _add(tar, name, kind, data=b"", link=""):
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size, entry.linkname = kind, 0o755, len(data), link
    tar.addfile(entry, io.BytesIO(data))
