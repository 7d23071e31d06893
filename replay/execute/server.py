# SPDX-License-Identifier: Apache-2.0
"""A rebuilt environment that has imported its stack, and runs one quantum after the other."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from ..build.base import Built, own_directories
from ..errors import ReplayFailedError
from ..readback.programs import Telling
from ..sandbox.base import Ended, Mount, Process, Program

__all__ = ("Answer", "QuantumServer", "Servers", "last_lines")

_HERE = os.path.dirname(os.path.abspath(__file__))
_FORKSERVER = os.path.join(_HERE, "forkserver.py")
_WORKER = os.path.join(os.path.dirname(_HERE), "rubin", "inside")
_START_SECONDS = 600
_GRACE = 30.0
_LOG_LINES = 3
_MAX_LAST = 160
_MOST = 4
"""Servers that one session keeps: each holds an imported stack in memory."""


@dataclass(frozen=True)
class Answer:
    """What a server says of a quantum.

    Attributes
    ----------
    ended : `Ended`
        How its process ended.
    seconds : `float`
        How long that ran.
    """

    ended: Ended
    seconds: float


class QuantumServer:
    """A process that forks for each quantum.

    It runs one at a time; another one may be asked for meanwhile, and is prepared then.

    Parameters
    ----------
    built : `Built`
    mounts : sequence of `Mount`
        What quanta see besides the environment.
    folder : `str`
        Of this host: where the server's own log goes.
    modules : sequence of `str`
        What to import before the first quantum.
    network : `bool`
        Whether quanta may reach one.
    """

    def __init__(
        self, built: Built, mounts: Sequence[Mount], folder: str, modules: Sequence[str], network: bool
    ) -> None:
        own = os.path.join(folder, "server")
        variables = {**built.variables, **own_directories(own, built.sandbox)}
        self._log = os.path.join(own, "log.txt")
        self._seconds = built.sandbox.limits.seconds
        self._memory = built.sandbox.limits.memory
        self._pids = built.sandbox.limits.pids
        programs = [Mount(path, path) for path in (_FORKSERVER, _WORKER)]
        telling = Telling(built.sandbox)
        outside = os.readlink("/proc/self/ns/pid")
        program = Program(
            # -P: the server's own directory must not be importable by the payload.
            [built.python, "-P", _FORKSERVER, _WORKER, telling.program, *telling.parts, outside, *modules],
            variables,
            [*built.mounts, *programs, *telling.mounts, *mounts],
            folder,
            self._log,
            network=network,
        )
        self._asked = self._heard = 0
        self._closed = False
        self._answers: dict[int, Answer] = {}
        self._process: Process = built.sandbox.start(program)
        try:
            self._hear(_START_SECONDS)
        except BaseException:
            self._process.close()
            raise

    def ask(
        self, request: str, response: str, told: str, log: str, variables: Mapping[str, str], umask: str | None
    ) -> int:
        """Ask for a quantum, and return the number by which the answer is to be heard.

        Parameters
        ----------
        request, response, told, log : `str`
            Paths, in the quantum's own directory; `told` is for what its process tells of its numerics.
        variables : mapping
            Of this quantum alone.
        umask : `str` or `None`
            Its file mode mask, in octal; `None` leaves it as it is.

        Raises
        ------
        ReplayFailedError
            If the server takes no request.
        """
        task = {"request": request, "response": response, "told": told, "log": log, "variables": dict(variables),
                "folder": os.path.dirname(request), "seconds": self._seconds, "umask": umask}  # fmt: skip
        try:
            self._process.send(json.dumps(task))
        except OSError as err:
            raise ReplayFailedError(self._last_words(f"it takes no request: {err.strerror}")) from err
        self._asked += 1
        return self._asked

    def hear(self, number: int) -> Answer:
        """Return the answer of a number; others may be asked for, and are answered in their order.

        Raises
        ------
        ReplayFailedError
            If the server died, with this quantum or with another one that was asked for.
        """
        while number > self._heard:
            if self._closed:
                raise ReplayFailedError(self._last_words("it ended with another quantum"))
            try:
                found = self._hear(self._seconds + _GRACE)
            except KeyboardInterrupt:
                self._process.interrupt()
                with suppress(TimeoutError, OSError, ReplayFailedError):
                    self._hear(_GRACE)  # it takes back what is half made in the user's repository
                raise
            self._heard += 1
            self._answers[self._heard] = Answer(self._ended(found), float(found["seconds"]))
        return self._answers.pop(number)

    @property
    def waiting(self) -> int:
        """How many quanta were asked for, and not answered."""
        return self._asked - self._heard

    def close(self) -> None:
        """End it."""
        self._closed = True
        self._process.close()

    def _ended(self, found: Mapping[str, Any]) -> Ended:
        status = int(found["status"])
        if found["timed_out"]:
            return Ended(status, f"it took more than {self._seconds} s, and was killed")
        if found["out_of_memory"]:
            return Ended(status, f"it took more than {self._memory >> 20} MiB of memory, and was killed")
        if found["out_of_processes"]:
            return Ended(status, f"it wanted more than {self._pids} processes")
        return Ended(status)

    def _hear(self, seconds: float) -> dict[str, Any]:
        try:
            line = self._process.receive(seconds)
        except TimeoutError:
            self._process.close()
            raise ReplayFailedError(self._last_words(f"no answer within {seconds:.0f} s")) from None
        if line is None:
            raise ReplayFailedError(self._last_words(str(self._process.wait(_GRACE))))
        try:
            return dict(json.loads(line))
        except (ValueError, TypeError):
            raise ReplayFailedError(self._last_words(f"{line[:80]!r} is no answer")) from None

    def _last_words(self, how: str) -> str:
        return f"the payload died without an answer ({how}): {last_lines(self._log)} (log: {self._log})"


def last_lines(path: str) -> str:
    """Return the end of a log in one line."""
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            line = " ".join(" / ".join(line.strip() for line in log.readlines()[-_LOG_LINES:]).split())
    except OSError as err:
        return f"no log: {err.strerror}"
    return line if len(line) <= _MAX_LAST else f"{line[:_MAX_LAST]}…"


class Servers:
    """The servers of one replay: one for each environment, started by its first quantum.

    Attributes
    ----------
    files : sequence of `str`
        Inputs of the quanta to come: a server sees what it sees from its start.
    """

    def __init__(self) -> None:
        self.files: Sequence[str] = ()
        self._servers: dict[tuple[object, ...], QuantumServer] = {}

    def server(
        self,
        built: Built,
        mounts: Sequence[Mount],
        folder: str,
        modules: Sequence[str],
        network: bool,
        threads: bool,
    ) -> QuantumServer:
        """Return the server of an environment that sees some files.

        Parameters
        ----------
        threads : `bool`
            Whether libraries may use threads by themselves: a server that has forbidden it can't allow it.
        """
        seen = frozenset((*built.mounts, *mounts))
        key = (built.python, frozenset(built.variables.items()), seen, network, threads)
        found = self._servers.pop(key, None)
        if found is None:
            while len(self._servers) >= _MOST:
                self._servers.pop(next(iter(self._servers))).close()  # the one that was used longest ago
            found = QuantumServer(built, mounts, folder, modules, network)
        self._servers[key] = found
        return found

    def forget(self, server: QuantumServer) -> None:
        """End a server that can't be relied on any more."""
        self._servers = {key: one for key, one in self._servers.items() if one is not server}
        server.close()

    def close(self) -> None:
        """End all servers."""
        for server in self._servers.values():
            server.close()
        self._servers = {}

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
