# SPDX-License-Identifier: MIT-0
"""Waiting for a condition, with a bound: the only way in which a test lets time pass."""
import time


class NotInTime(AssertionError):
    """What was awaited did not come; an AssertionError, so that pytest shows it as a failed expectation."""


def wait_for(condition, timeout, what, interval=0.03):
    """Polls until condition() is true and returns its value.

    `what` is a phrase ("the agent is paused"), or a callable that makes one at the end, when it can say more. Whatever condition() raises
    goes through: a condition that fails is not one that is not met yet.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise NotInTime(f"not within {timeout:g} s: {what() if callable(what) else what}")
        time.sleep(interval)
