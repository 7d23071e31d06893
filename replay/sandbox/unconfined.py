# SPDX-License-Identifier: Apache-2.0
"""No sandbox: a process of this user, held to nothing but the time that it may take."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from ..errors import ReplayRefusedError
from .base import Ended, Process, Program, Sandbox

__all__ = ("LocalProcess", "Unconfined", "start_local")

_GRACE = 10.0


class LocalProcess(Process):
    """A process of this host that leads a session of its own.

    Parameters
    ----------
    process : `subprocess.Popen`
        With pipes for its standard input and output.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._read = b""

    def send(self, line: str) -> None:
        """Write a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def receive(self, seconds: float) -> str | None:
        """Return the next line."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._read:
            if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            data = os.read(descriptor, 1 << 16)
            if not data:
                return None
            self._read += data
        line, _, self._read = self._read.partition(b"\n")
        return line.decode("utf-8", "replace")

    def interrupt(self) -> None:
        """Send it SIGINT: in a session of its own, the terminal's doesn't reach it."""
        self._process.send_signal(signal.SIGINT)

    def wait(self, seconds: float) -> Ended:
        """Wait for it."""
        try:
            return Ended(self._process.wait(seconds))
        except subprocess.TimeoutExpired:
            self._kill()
            return Ended(self._process.wait(), f"it took more than {seconds:.0f} s, and was killed")

    def close(self) -> None:
        """Let it end by itself, now that nothing more is asked of it, else end it."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        self._kill()
        self._process.wait()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def start_local(program: Program, command: Sequence[str]) -> LocalProcess:
    """Start a command on this host with a program's variables, directory and log.

    Raises
    ------
    ReplayRefusedError
        If it can't be started.
    """
    try:
        with open(program.log, "ab") as log:
            process = subprocess.Popen(
                list(command),
                env=dict(program.variables),
                cwd=program.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                umask=-1 if program.umask is None else int(program.umask, 8),
            )
    except (OSError, ValueError) as err:
        raise ReplayRefusedError(f"the payload can't be started: {err}") from err
    return LocalProcess(process)


class Unconfined(Sandbox):
    """Runs programs as this user does, with all that this user may do."""

    def start(self, program: Program) -> Process:
        """Start a program."""
        return start_local(program, program.command)

    def describe(self) -> str:
        """Return that there is none."""
        return f"none, at most {self.limits.seconds} s"
