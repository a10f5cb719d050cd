# SPDX-License-Identifier: MIT-0
"""The man pages, as they are written."""
import os

from .eins import SOURCE


def chapter(page, heading):
    """The source of that chapter of a man page."""
    with open(os.path.join(SOURCE, "man", page), encoding="utf-8") as file:
        return file.read().split(f"\n.Sh {heading}\n")[1].split("\n.Sh ")[0] + "\n"
