# SPDX-License-Identifier: Apache-2.0
"""Starts a payload as it would start without envcap, and waits for it."""

from __future__ import annotations

import errno
import os
import select
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

__all__ = ("Signals", "keep_standard_streams", "over_within", "spawn", "wait")

_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT)
_THE_TERMINALS = (signal.SIGINT, signal.SIGQUIT)
# A payload expects these as they are by default.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


def keep_standard_streams() -> None:
    """Take the numbers 0 to 2 where our caller closed them, lest a file of ours gets one and what we say goes into it.

    The payload still finds them closed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)  # takes the lowest number that is free


class Signals:
    """Passes signals on to the payload, from before it starts; the terminal's own (INT, QUIT) reach it without us."""

    def __init__(self) -> None:
        self._previous: dict[int, Callable[..., object] | int | None] = {}
        self._pending: list[int] = []
        self._pid = 0

    def __enter__(self) -> Signals:
        self._previous = {number: signal.signal(number, self._forward) for number in _FORWARDED}
        self._previous |= {number: signal.signal(number, signal.SIG_IGN) for number in _THE_TERMINALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @property
    def to_restore(self) -> list[int]:
        """The signals that the payload must find as they are by default; one that our caller ignored stays ignored."""
        ours = [number for number in _THE_TERMINALS if self._previous[number] != signal.SIG_IGN]
        return [*_IGNORED_BY_PYTHON, *ours]

    def pass_on_to(self, pid: int) -> None:
        """Send the payload what came so far, and from now on all that comes."""
        self._pid = pid
        for number in self._pending:
            self._forward(number, None)

    def _forward(self, number: int, frame: object) -> None:
        if not self._pid:
            self._pending.append(number)
            return
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(self._pid, number)


def spawn(program: str, argv: Sequence[str], environ: Mapping[str, str], restore: Sequence[int]) -> int:
    """Start a program and return its process id.

    Parameters
    ----------
    restore : sequence of `int`
        Signals to be set to their defaults.

    Raises
    ------
    OSError
        If it can't be started.
    """
    try:
        return os.posix_spawn(program, list(argv), environ, setsigdef=restore)
    except OSError as err:
        if err.errno != errno.ENOEXEC:
            raise
        # A script without a first line that names its interpreter: POSIX has the shell run it.
        return os.posix_spawn("/bin/sh", ["/bin/sh", program, *argv[1:]], environ, setsigdef=restore)


def wait(pid: int) -> tuple[int, dict[str, str]]:
    """Wait for the payload and return its exit status, as a shell tells it, and what it used."""
    _, wait_status, usage = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(wait_status)
    resources = {
        "user_s": f"{usage.ru_utime:.3f}",
        "system_s": f"{usage.ru_stime:.3f}",
        "max_rss_kb": str(usage.ru_maxrss),
    }
    return (code if code >= 0 else 128 - code), resources


def over_within(pid: int, seconds: float) -> bool:
    """Wait for some seconds, or until the payload is over, and return whether it is; `wait` takes its status.

    Where it can't be waited for so (before Linux 5.3), nothing that wants time is begun: it counts as over.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)
