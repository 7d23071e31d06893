# SPDX-License-Identifier: Apache-2.0
"""Follows quanta in the process that runs them: plain facts, told to whoever writes their documents.

That is `envcap run`, beside the payload, where it listens, and else this process itself (`envcap.hooks.in_process`).
The payload waits for what is done here, and for its import: both are light.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from itertools import count

from ..ids import timestamp
from .observed import Observer, Snapshot
from .resources import Stretch
from .schedulers import scheduler_facts
from .telling import FACT, is_heard, say, wake
from .variables import CONFIRM_VARIABLE, CONTEXT_VARIABLE, TO_COME

__all__ = ("FileState", "FollowedQuantum", "Process", "file_state", "process")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    class Recorder(Protocol):
        """Takes facts, in order, and writes documents of them (`envcap.hooks.recorder` says which)."""

        def take(self, kind: str, facts: Mapping[str, Any]) -> None:
            """Take a fact of this process."""

        def is_there(self) -> bool:
            """Whether facts are taken still."""

        def close(self) -> None:
            """Take no more."""


FileState = tuple[str, int, int, int, int]
"""A file's path, inode, size, and times of change."""

_NOT_THERE: FileState = ("", 0, 0, 0, 0)


class Process:
    """What all quanta of this process share; each of it is told once.

    Parameters
    ----------
    recorder : `Recorder`

    Attributes
    ----------
    recorder : `Recorder`
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._numbers = count(1)
        self._configs: dict[str, tuple[object, int]] = {}
        self._observer = Observer()
        self._observed: tuple[Snapshot | None, int] = (None, 0)
        facts = {"argv": sys.argv, "prefix": sys.prefix, "base_prefix": sys.base_prefix}
        recorder.take("process", {**facts, "scheduler": scheduler_facts(os.environ)})

    def number(self) -> int:
        """Return a number that nothing else of this process has."""
        return next(self._numbers)

    def config(self, label: str, config: object, dump: Callable[[], str]) -> int:
        """Tell a task's configuration; return its number.

        A config is frozen before it runs, so one object is one text, and its dump takes longer than a short quantum.
        """
        known = self._configs.get(label)
        if known is None or known[0] is not config:
            known = (config, self.number())
            self.recorder.take("config", {"number": known[1], "text": dump()})
            self._configs[label] = known
        return known[1]

    def observed(self) -> int:
        """Tell what is loaded and in effect now, if that has changed, or why it isn't known; return its number."""
        try:
            snapshot = self._observer.observe()
            facts: dict[str, Any] = {
                "paths": snapshot.paths,
                "numerics": snapshot.numerics,
                "modules": snapshot.modules,
            }
        except Exception as err:  # noqa: BLE001  (the payload must not notice; the outcome says it)
            snapshot, facts = None, {"failed": f"{type(err).__name__}: {err}"}
        last, number = self._observed
        if snapshot is None or snapshot is not last:
            number = self.number()
            self.recorder.take("observed", {"number": number, **facts})
            self._observed = snapshot, number
        return number


class FollowedQuantum:
    """One attempt of one quantum, or of one init quantum.

    Parameters
    ----------
    process : `Process`
    label : `str`
        Of the task.
    facts : mapping
        What is known of it before it begins.

    Attributes
    ----------
    reads, writes : `dict` [ `str`, `str` ]
        URI by dataset UUID, as the payload read and wrote them.
    used : `set` [ `str` ]
        UUIDs of the inputs that the payload loaded.
    available : `set` [ `str` ] or `None`
        UUIDs of the inputs that were there at the start.
    metrics : `dict` [ `str`, `str` ]
    metadata_type : `str`
        The dataset type that holds the task's own metrics.
    """

    def __init__(self, process: Process, label: str, facts: Mapping[str, Any]) -> None:
        self._process = process
        self._facts = facts
        self._number: int | None = None
        self._pid = 0
        self._stretch = Stretch()
        self.metadata_type = f"{label}_metadata"
        self.reads: dict[str, str] = {}
        self.writes: dict[str, str] = {}
        self.used: set[str] = set()
        self.available: set[str] | None = None
        self.metrics: dict[str, str] = {}

    def begin(self) -> None:
        """Tell what it is. To be called when it is certain that the payload starts."""
        number = self._process.number()
        self._process.recorder.take("begin", {"number": number, "started": timestamp(), **self._facts})
        self._number = number
        self._pid = os.getpid()

    def end(self, error: BaseException | None) -> None:
        """Tell how it ended, if it began, and in this process: a child that was forked within it ends, too."""
        if self._number is None or self._pid != os.getpid():
            return
        resources, ended = self._stretch.taken(), timestamp()
        files = (*self.reads.items(), *self.writes.items())
        facts = {
            "number": self._number,
            "ended": ended,
            # The error itself would keep alive what its frames hold.
            "error": None if error is None else f"{type(error).__name__}: {error}",
            "reads": self.reads,
            "writes": self.writes,
            "used": list(self.used),
            "available": None if self.available is None else list(self.available),
            "metrics": self.metrics,
            "states": {uuid: _state(uri) for uuid, uri in files},
            "observed": self._process.observed(),
            "resources": resources,
        }
        self._process.recorder.take("end", facts)


def file_state(uri: str) -> FileState | None:
    """Return the state of a file; `None` if it isn't local.

    Raises
    ------
    OSError
        If it can't be looked at.
    """
    path = uri.removeprefix("file://")
    if "://" in path:
        return None
    state = os.stat(path)
    return path, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _state(uri: str) -> FileState | None:
    try:
        return file_state(uri)
    except OSError:
        return _NOT_THERE


class _EnvcapRun:
    """Has `envcap run` write, where it listens."""

    def __init__(self) -> None:
        self._name = os.urandom(8).hex()
        self._has_room = True

    def take(self, kind: str, facts: Mapping[str, Any]) -> None:
        self._has_room = say(FACT + json.dumps((self._name, kind, facts)))
        if not self._has_room:
            raise OSError(f"there is no room to tell envcap run of it: {kind}")
        if kind in ("begin", "end"):
            wake()

    def is_there(self) -> bool:
        return self._has_room and is_heard()

    def close(self) -> None:
        """Do nothing: what was told is written when the payload ends, at the latest."""


_processes: dict[tuple[int, str], Process] = {}


def process() -> Process | None:
    """Return this process; `None` where no job encloses it. A forked child is one of its own."""
    text = os.environ.get(CONTEXT_VARIABLE)
    if not text or text.startswith(TO_COME):
        return None
    key = (os.getpid(), text)
    found = _processes.get(key)
    if found is None or not found.recorder.is_there():
        # Another job encloses this process now; or it was forked, and the journal is its parent's.
        for earlier in _processes.values():
            earlier.recorder.close()
        _processes.clear()
        found = _processes[key] = Process(_recorder(text))
    return found


def _recorder(text: str) -> Recorder:
    if is_heard() and _is_of_listener(text):
        return _EnvcapRun()
    from .in_process import InProcess

    return InProcess(text)


def _is_of_listener(text: str) -> bool:
    """Whether a context is of the job that listens, not of a block in it, and its environment this interpreter's.

    The latter is what `envcap.environment.Environment.fits` says.
    """
    found = json.loads(text)
    python = [sys.prefix, sys.version.split()[0], os.environ.get("PYTHONPATH", "")]
    return bool(found.get("python") == python and found.get("heard") == os.environ.get(CONFIRM_VARIABLE))
