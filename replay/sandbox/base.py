# SPDX-License-Identifier: Apache-2.0
"""What a sandbox is: it starts a program with some mounts and limits, talks to it by lines, and says how it ended."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import TracebackType

from envcap.errors import UsageError

__all__ = ("Ended", "Limits", "Mount", "Process", "Program", "Sandbox")

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def _physical_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Limits:
    """What a payload may use.

    Attributes
    ----------
    memory : `int`
        Bytes, swap included.
    pids : `int`
        Processes and threads at one time.
    cpus : `int`
        Processors.
    seconds : `int`
        Of one quantum or command.
    scratch : `int`
        Bytes of its temporary directory, where that is in memory.
    """

    memory: int = field(default_factory=lambda: _physical_memory() * 3 // 4)
    pids: int = 4096
    cpus: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    seconds: int = 24 * 3600
    scratch: int = 1 << 30

    @classmethod
    def of_options(cls, pairs: Sequence[str]) -> Limits:
        """Return the limits that ``--limit NAME=VALUE`` options give, the defaults for the rest.

        Raises
        ------
        UsageError
            Naming the option that is none.
        """
        names = {one.name for one in fields(cls)}
        given = {}
        for pair in pairs:
            name, _, value = pair.partition("=")
            number, unit = value.rstrip("kmgtKMGT"), value[len(value.rstrip("kmgtKMGT")) :].lower()
            if name not in names or not number.isdecimal() or int(number) == 0 or unit not in _UNITS:
                raise UsageError(f"--limit {pair}: expected one of {', '.join(sorted(names))}, '=', a number (k, m, g)")
            given[name] = int(number) * _UNITS[unit]
        return cls(**given)


@dataclass(frozen=True)
class Mount:
    """A file or directory of the host as the payload sees it."""

    source: str
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Program:
    """A program to start.

    Attributes
    ----------
    command : sequence of `str`
    variables : mapping
        Its whole environment.
    mounts : sequence of `Mount`
    folder : `str`
        Its working directory.
    log : `str`
        A file of the host that takes what it writes to its standard error.
    umask : `str` or `None`
        File mode mask, in octal; `None` leaves it as it is.
    network : `bool`
        Whether it may reach one: a repository on a server or in a bucket can't be opened otherwise.
    """

    command: Sequence[str]
    variables: Mapping[str, str]
    mounts: Sequence[Mount]
    folder: str
    log: str
    umask: str | None = None
    network: bool = False


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes
    ----------
    status : `int`
        Exit status; negative for a signal, as `subprocess` has it.
    cause : `str` or `None`
        What ended it from outside: the time or the memory that it may use.
    """

    status: int
    cause: str | None = None

    def __str__(self) -> str:
        return self.cause or (f"signal {-self.status}" if self.status < 0 else f"exit status {self.status}")


class Process(ABC):
    """A process in a sandbox. Leaving it as a context ends it."""

    @abstractmethod
    def send(self, line: str) -> None:
        """Write a line to its standard input.

        Raises
        ------
        OSError
            If it doesn't take any more.
        """

    @abstractmethod
    def receive(self, seconds: float) -> str | None:
        """Return the next line of its standard output, `None` once there is no more.

        Raises
        ------
        TimeoutError
            If none came in this time.
        """

    @abstractmethod
    def interrupt(self) -> None:
        """Ask it to stop what it does, as Ctrl-C does."""

    @abstractmethod
    def wait(self, seconds: float) -> Ended:
        """Return how it ended; after `seconds` it is killed, with everything that it started."""

    @abstractmethod
    def close(self) -> None:
        """End it, with everything that it started, and leave nothing behind."""

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Sandbox(ABC):
    """Starts programs.

    Attributes
    ----------
    limits : `Limits`
    alone : `bool`
        Whether a program has process ids and temporary directories of its own, so that it may end and delete all.
    """

    alone = False

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    @abstractmethod
    def start(self, program: Program) -> Process:
        """Start a program.

        Raises
        ------
        ReplayRefusedError
            If it can't be started.
        """

    @abstractmethod
    def describe(self) -> str:
        """Return in a few words what it holds a payload to."""

    def place_of(self, folder: str, wanted: str, mounts: Sequence[Mount]) -> str:
        """Return where a program sees a directory of the host.

        Parameters
        ----------
        folder, wanted : `str`
            The directory, and where it would stand best.
        mounts : sequence of `Mount`
            What must stay visible.
        """
        return folder

    def own(self, folder: str) -> None:
        """Give a file or directory of the host to the user that programs run as."""
        return  # it is this user
