# SPDX-License-Identifier: Apache-2.0
"""Starts a payload as it would start without envcap, and waits for it."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # without `enum`, which a payload would wait for
import errno
import os
import select

from .stderr import warn

__all__ = ("CANNOT_START", "NOT_EXECUTABLE", "NOT_FOUND", "Ended", "Payload", "Signals", "keep_standard_streams")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CANNOT_START = 125
NOT_EXECUTABLE = 126
NOT_FOUND = 127

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
        try:
            os.kill(self._pid, number)
        except ProcessLookupError:
            return  # it has ended meanwhile


class Ended:
    """How a payload ended.

    Attributes
    ----------
    status : `int`
        Its exit status, as a shell tells it.
    resources : `dict` [ `str`, `str` ]
        What it used.
    error : `str` or `None`
        Why it could not be started.
    """

    __slots__ = ("error", "resources", "status")

    def __init__(self, status: int, resources: dict[str, str], error: str | None = None) -> None:
        self.status = status
        self.resources = resources
        self.error = error


class Payload:
    """A program that is started as it would be without us.

    Parameters
    ----------
    program : `str`
        Its path.
    argv : sequence of `str`
    """

    def __init__(self, program: str, argv: Sequence[str]) -> None:
        self._program = program
        self._argv = list(argv)
        self._pid = 0
        self._failed = Ended(CANNOT_START, {}, "not started")

    @property
    def runs(self) -> bool:
        """Whether it could be started; it may have ended since."""
        return self._pid != 0

    def start(self, environ: Mapping[str, str], signals: Signals) -> None:
        """Start it, and pass signals on to it. Where that can't be done, it is said, and `wait` returns why."""
        try:
            self._pid = self._spawn(environ, signals.to_restore)
        except OSError as err:
            status = {errno.EACCES: NOT_EXECUTABLE, errno.ENOEXEC: NOT_EXECUTABLE, errno.ENOENT: NOT_FOUND}
            # The program itself was found.
            is_there = err.errno != errno.ENOENT
            reason = err.strerror if is_there else "the interpreter that it asks for is not there"
            warn(f"{self._program}: {reason}")
            self._failed = Ended(status.get(err.errno or 0, CANNOT_START), {}, f"not started: {reason}")
        else:
            signals.pass_on_to(self._pid)

    def _spawn(self, environ: Mapping[str, str], restore: Sequence[int]) -> int:
        try:
            return os.posix_spawn(self._program, self._argv, environ, setsigdef=restore)
        except OSError as err:
            if err.errno != errno.ENOEXEC:
                raise
            # A script without a first line that names its interpreter: POSIX has the shell run it.
            shell = ["/bin/sh", self._program, *self._argv[1:]]
            return os.posix_spawn("/bin/sh", shell, environ, setsigdef=restore)

    def over_within(self, seconds: float) -> bool:
        """Wait for some seconds, or until it is over, and return whether it is; `wait` takes its status.

        Where it can't be waited for so (before Linux 5.3), nothing that wants time is begun: it counts as over.
        """
        try:
            descriptor = os.pidfd_open(self._pid)
        except OSError:
            return True
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            return bool(poll.poll(seconds * 1000))
        finally:
            os.close(descriptor)

    def wait(self) -> Ended:
        """Wait for its end, and return how that was."""
        if not self.runs:
            return self._failed
        _, wait_status, usage = os.wait4(self._pid, 0)
        code = os.waitstatus_to_exitcode(wait_status)
        resources = {
            "user_s": f"{usage.ru_utime:.3f}",
            "system_s": f"{usage.ru_stime:.3f}",
            "max_rss_kb": str(usage.ru_maxrss),
        }
        return Ended(code if code >= 0 else 128 - code, resources)
