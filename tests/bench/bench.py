#!/usr/bin/python3
# SPDX-License-Identifier: MIT-0
"""Benchmarks of eins-check as a Markdown table: make bench, as root, in a build folder. Less than five minutes.

Goals are ratios to what was measured in the same run, or times that are far from this machine's noise. A goal that is missed is shown, and no
error; what does not work at all is one.
"""
import argparse
import os
import platform
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import growth  # noqa: E402
import idle  # noqa: E402
import measure  # noqa: E402
import transitions  # noqa: E402
import verdicts  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.eins import binary  # noqa: E402

PARTS = {"idle": idle.bench, "verdicts": verdicts.bench, "transitions": transitions.bench, "growth": growth.bench}


class Table:
    """Sections of rows, shown on standard output as they come."""

    def __init__(self):
        self.lines = []
        self.missed = 0

    def section(self, title):
        self._add("", f"**{title}**", "", "| what | measured | goal | |", "|---|---|---|---|")

    def row(self, what, measured, goal="", met=None):
        self.missed += met is False
        self._add(f"| {what} | {measured} | {goal} | {'' if met is None else 'met' if met else 'MISSED'} |")

    def grid(self, title, head, rows):
        """Rows of cells under their own head, without goals."""
        self._add("", f"**{title}**", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows))

    def text(self, line):
        self._add(line)

    def _add(self, *lines):
        self.lines += lines
        print("\n".join(lines), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("file", nargs="?", help="write the table to this file, too")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; may be given more than once")
    arguments = parser.parse_args()
    os.environ["EINS_CHECK"] = binary()
    os.environ.setdefault("EINS_BUILD", os.path.dirname(os.environ["EINS_CHECK"]))
    measure.enter_mount_namespace()
    table, began = Table(), time.monotonic()
    table.text(f"eins-check on {os.cpu_count()} CPUs, Linux {platform.release()}")
    with tempfile.TemporaryDirectory(prefix="eins-ca-") as folder:
        certificates = Certificates(folder)
        for name in arguments.only or PARTS:
            PARTS[name](table, certificates)
    table.text(f"\n{table.missed} goals missed; {time.monotonic() - began:.0f} s.")
    if arguments.file:
        with open(arguments.file, "w", encoding="utf-8") as file:
            file.write("\n".join(table.lines) + "\n")


if __name__ == "__main__":
    main()
