# SPDX-License-Identifier: MIT-0
"""A terminal to print on."""
import contextlib
import fcntl
import os
import pty
import re
import struct
import termios

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def on_a_terminal(eins, *arguments, columns=80, **environment):
    """What eins-check writes to a pseudo terminal, with line feeds as they are."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    attributes = termios.tcgetattr(slave)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    eins.env = {"TERM": "xterm", **environment}
    output = b""
    try:
        process = eins.popen(*arguments, stdout=slave)
        os.close(slave)
        with contextlib.suppress(OSError):  # EIO: nobody has the other side open any more
            while part := os.read(master, 65536):
                output += part
        process.wait(60)
    finally:
        os.close(master)
        eins.env = {}
    return output.decode()
