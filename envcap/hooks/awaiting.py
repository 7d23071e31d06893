# SPDX-License-Identifier: Apache-2.0
"""Waits until `envcap run` has recorded the job: until then its interpreter runs nothing of the job's own."""

from __future__ import annotations

import os
import select
import signal

from .telling import LINES, TOKENS, handed_down
from .variables import CONTEXT_VARIABLE

__all__ = ("await_context",)

_AGAIN_MS = 20
_LONGEST = 1 << 17


def await_context() -> None:
    """Wait for the context of the job, and put it into the environment; without one, there is none in it."""
    lines, tokens = handed_down(LINES), handed_down(TOKENS)
    text = ""
    if lines is not None and tokens is not None:
        # Python has not begun yet: as long, an interrupt ends it as it ends any program.
        may_end = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if may_end:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        text = _first_line(lines, tokens)
        if may_end:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    if text:
        os.environ[CONTEXT_VARIABLE] = text
    else:
        del os.environ[CONTEXT_VARIABLE]


def _first_line(lines: int, tokens: int) -> str:
    poll = select.poll()
    poll.register(tokens, select.POLLIN)
    ended = False
    while True:
        line, end, _ = os.pread(lines, _LONGEST, 0).partition(b"\n")
        if end and b"\0" not in line:
            return line.decode("utf-8", "surrogateescape")
        if ended:
            return ""
        # Another one may take the token.
        ended = any(event & select.POLLHUP for _, event in poll.poll(_AGAIN_MS))
