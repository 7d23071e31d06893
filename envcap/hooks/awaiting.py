# SPDX-License-Identifier: Apache-2.0
"""Waits until `envcap run` has recorded the job: until then its interpreter runs nothing of the job's own."""

from __future__ import annotations

import os
import select

from .telling import LINES, TOKENS, handed_down
from .variables import CONTEXT_VARIABLE

__all__ = ("await_context",)

_AGAIN_MS = 20


def await_context() -> None:
    """Wait for the context of the job, and put it into the environment; without one, there is none in it."""
    lines, tokens = handed_down(LINES), handed_down(TOKENS)
    text = "" if lines is None or tokens is None else _first_line(lines, tokens)
    if text:
        os.environ[CONTEXT_VARIABLE] = text
    else:
        del os.environ[CONTEXT_VARIABLE]


def _first_line(lines: int, tokens: int) -> str:
    poll = select.poll()
    poll.register(tokens, select.POLLIN)
    ended = False
    # One that started at the same time may take the token.
    while not (size := os.fstat(lines).st_size) and not ended:
        ended = any(event & select.POLLHUP for _, event in poll.poll(_AGAIN_MS))
    return os.pread(lines, size, 0).partition(b"\n")[0].decode("utf-8", "surrogateescape")
