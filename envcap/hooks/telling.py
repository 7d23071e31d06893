# SPDX-License-Identifier: Apache-2.0
"""Telling `envcap run` something: a line in a file in memory, and if it is to be heard at once, a token taken.

`envcap.hooks.listening` is the other side. Every Python under `envcap run` loads this, so it imports nothing heavy.
"""

from __future__ import annotations

import os

from .variables import CONFIRM_VARIABLE

__all__ = (
    "CONTEXT",
    "FACT",
    "FORKS",
    "LINES",
    "TOKENS",
    "handed_down",
    "is_heard",
    "is_payload",
    "reached",
    "say",
    "wake",
)

CONTEXT = "context "
"""What the line begins with that `envcap run` tells: the context of the job, where it was to come."""
FACT = "quantum "
"""What a line begins with that is to be heard at once."""
FORKS = "forks"
"""What a process says whose `multiprocessing` forks."""

LINES, TOKENS = 0, 1
"""What is handed down: the file in memory, and the end of the pipe that tokens are taken from."""


def say(line: str) -> bool:
    """Tell `envcap run` something, if there is room; return whether there was. It reads it by the payload's end."""
    number, is_own = reached(LINES, os.O_WRONLY | os.O_APPEND)
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
    finally:
        if is_own:
            os.close(number)


def reached(which: int, how: int) -> tuple[int | None, bool]:
    """Return a descriptor, inherited or else opened in a way (flags of open(2)), and whether it is to be closed."""
    inherited = handed_down(which)
    if inherited is not None:
        return inherited, False
    number = _opened(which, how)
    return number, number is not None


def _opened(which: int, how: int) -> int | None:
    """Open what wasn't inherited: `subprocess` closes what it may; `envcap run` has it open."""
    try:
        *names, listener = os.environ.get(CONFIRM_VARIABLE, "").split(" ")
        name = names[which]
        path = f"/proc/{int(listener)}/fd/{int(name.partition(':')[0])}"
        # Another file may have got the number, or another process the pid: to open that could do something.
        if not _is_named(os.stat(path), name):
            return None
        number = os.open(path, how | os.O_NONBLOCK | os.O_CLOEXEC)
    except (IndexError, OSError, OverflowError, ValueError):
        return None
    if _is_named(os.fstat(number), name):
        return number
    os.close(number)  # it has changed meanwhile
    return None


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


def is_payload() -> bool:
    """Whether this process is the one that `envcap run` has started, not one that was started by it."""
    return os.environ.get(CONFIRM_VARIABLE, "").rpartition(" ")[2] == str(os.getppid())


def handed_down(which: int) -> int | None:
    """Return the number of a descriptor that `envcap run` has handed down, if this process has it.

    It isn't inherited by every grandchild, and the payload may have opened a file that got its number: it is used only
    if it is the very file that `envcap run` made.
    """
    try:
        name = os.environ.get(CONFIRM_VARIABLE, "").split(" ")[which]
        number = int(name.partition(":")[0])
        return number if _is_named(os.fstat(number), name) else None
    except (IndexError, OSError, OverflowError, ValueError):
        return None


def _is_named(state: os.stat_result, name: str) -> bool:
    """Whether a file is the one that a name ("number:device:inode") is of."""
    return f"{state.st_dev}:{state.st_ino}" == name.partition(":")[2]
