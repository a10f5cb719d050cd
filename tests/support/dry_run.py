# SPDX-License-Identifier: MIT-0
"""What a dry run says, in words and as JSON, and what it may find on a host."""
import contextlib
import os
import shlex

from . import scripted_faults as faults
from .host import CONTROL, Host
from .schema import validate

CRON = "/etc/cron.d/ecs-eins"
NO_IMAGE = "sha256:" + "9" * 64


@contextlib.contextmanager
def healthy_host(certificates, **options):
    """A Host on which all is well, and checks are started by cron."""
    with Host(certificates, **options) as host:
        files(host, CRON)
        yield host


# -- what it says ------------------------------------------------------------------------------------------------------


def words(host, *arguments, code=0):
    """What a person gets."""
    result = host.eins.dry_run(*arguments, code=code)
    assert not CONTROL.search(result.out + result.err), f"raw control characters\n{result}"
    return result.out


def document(host, *arguments, code=0):
    """What --json prints, which the schema must allow."""
    return validate(host.eins.dry_run("--json", *arguments, code=code).out)


# -- what it finds -----------------------------------------------------------------------------------------------------


def files(host, *paths):
    """From now on it sees only these files in /etc and /run."""
    made = "; ".join(f"mkdir -p {shlex.quote(os.path.dirname(path))} && : >{shlex.quote(path)} || exit" for path in paths)
    script = f"mount -t tmpfs none /etc && mount -t tmpfs none /run || exit; {made}{'; ' if made else ''}exec \"$0\" \"$@\""
    host.eins.prefix = ["unshare", "--mount", "sh", "-c", script]


def locks_folder(host):
    """The state's folder is nobody's to write, not even root's."""
    os.chmod(host.eins.folder, 0o500)
    host.eins.prefix += ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]


def shows(host, name, path, value):
    """Docker's answer about that container has another value in this place from now on."""
    host.engine.fault(f"GET /containers/{name}/json", faults.edit(path, value), times=None)


def loses_image(host, *names):
    """The image of these containers is gone: the list shows its id in place of its name, and Docker does not have it."""
    def without(entries):
        for entry in entries:
            if entry["Names"][0][1:] in names:
                entry.update(Image=NO_IMAGE, ImageID=NO_IMAGE)
        return entries
    host.engine.fault("GET /containers/json", faults.rewrite(without), times=None)
    for name in names:
        shows(host, name, "Image", NO_IMAGE)
    return host.engine.fault(f"GET /images/{NO_IMAGE}/json", faults.error(404, "No such image"), times=None)
