# SPDX-License-Identifier: Apache-2.0
"""Waits until `envcap run` has recorded the job: until then its interpreter runs nothing of the job's own.

It imports nothing that Python has not loaded or built in: the job may have modules of its own with such names.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what `signal` wraps; every Python has it built in
import os
import time

from .telling import CONTEXT, LINES, TOKENS, reached
from .variables import CONTEXT_VARIABLE, TO_COME

__all__ = ("await_after", "await_context")

_AGAIN_S = 0.0003
_LATE = 1.02
"""How much longer each look is waited for than the last one: nobody waits longer than by a fiftieth."""
_CHUNK = 1 << 17


def await_context() -> None:
    """Wait, as Python starts, for the context of the job."""
    # Python has not begun yet: as long, an interrupt ends it as it ends any program.
    may_end = _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler
    if may_end:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    _await()
    if may_end:
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)


def await_after(module: object) -> None:
    """Wait, where a program has imported this module and begins now, if its job isn't recorded yet."""
    if os.environ.get(CONTEXT_VARIABLE, "").startswith(TO_COME):
        _await()


def _await() -> None:
    """Wait for the context of the job, and put it into the environment; without one, there is none in it."""
    ends = [reached(which, os.O_RDONLY) for which in (LINES, TOKENS)]
    (lines, _), (tokens, _) = ends
    text = _told(lines, tokens) if lines is not None and tokens is not None else ""
    for number, is_own in ends:
        if is_own and number is not None:
            os.close(number)
    if text:
        os.environ[CONTEXT_VARIABLE] = text
    else:
        del os.environ[CONTEXT_VARIABLE]


def _told(lines: int, tokens: int) -> str:
    ended, again = False, _AGAIN_S
    while True:
        found = _context(lines)
        if found is not None:
            return found
        if ended:
            return ""
        try:
            ended = not os.read(tokens, 1)  # a token that is taken has the listener put another
        except BlockingIOError:
            time.sleep(again)
            again *= _LATE


def _context(lines: int) -> str | None:
    """Return the context, if it stands in the file in memory; other processes may have said things before."""
    at, rest = 0, b""
    while chunk := os.pread(lines, _CHUNK, at):
        at += len(chunk)
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.startswith(CONTEXT.encode()) and b"\0" not in line:
                return line.decode("utf-8", "surrogateescape").removeprefix(CONTEXT)
    return None
