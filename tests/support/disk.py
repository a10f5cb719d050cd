# SPDX-License-Identifier: MIT-0
"""A file system that can be full, or read-only."""
import contextlib
import os
import subprocess


@contextlib.contextmanager
def file_system(folder):
    """A small one of its own in that folder. Yields a function that mounts it again with other options."""
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", folder], check=True)
    try:
        yield lambda option: subprocess.run(["mount", "-o", "remount," + option, folder], check=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
