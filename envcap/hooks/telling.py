# SPDX-License-Identifier: Apache-2.0
"""Telling `envcap run` something: a line in a file in memory, and if it is to be heard at once, a token taken.

`envcap.hooks.listening` is the other side. Every Python under `envcap run` loads this, so it imports nothing heavy.
"""

from __future__ import annotations

import os

from .variables import CONFIRM_VARIABLE

__all__ = ("FACT", "LINES", "TOKENS", "handed_down", "is_heard", "say", "wake")

FACT = "quantum "
"""What a line begins with that is to be heard at once."""

LINES, TOKENS = 0, 1
"""What is handed down: the file in memory, and the end of the pipe that tokens are taken from."""


def say(line: str) -> bool:
    """Tell `envcap run` something, if there is room; return whether there was. It reads it by the payload's end."""
    number = handed_down(LINES)
    if number is None:
        return False
    try:
        data = line.encode("utf-8", "surrogateescape") + b"\n"
    except UnicodeEncodeError:
        data = line.encode("utf-8", "backslashreplace") + b"\n"
    try:
        return os.write(number, data) == len(data)
    except OSError:
        return False  # what is said here must never hold up the payload


def is_heard() -> bool:
    """Whether somebody listens, who hears at once what is said before `wake`."""
    number = handed_down(TOKENS)
    if number is None or handed_down(LINES) is None:
        return False
    import select

    poll = select.poll()
    poll.register(number, select.POLLIN)
    return not any(event & select.POLLHUP for _, event in poll.poll(0))


def wake() -> None:
    """Have what was said heard now.

    Nothing is written for it, since that raises a signal where nobody listens, and a payload may want to die of it.
    """
    number = handed_down(TOKENS)
    if number is None:
        return
    try:
        os.read(number, 1)
    except OSError:
        return  # somebody else has just taken the token


def handed_down(which: int) -> int | None:
    """Return the number of a descriptor that `envcap run` has handed down, if this process has it.

    It isn't inherited by every grandchild, and the payload may have opened a file that got its number: it is used only
    if it is the very file that `envcap run` made.
    """
    try:
        number, device, inode = map(int, os.environ.get(CONFIRM_VARIABLE, "").split(" ")[which].split(":"))
        state = os.fstat(number)
    except (IndexError, OSError, OverflowError, ValueError):
        return None
    return number if (state.st_dev, state.st_ino) == (device, inode) else None
