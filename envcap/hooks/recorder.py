# SPDX-License-Identifier: Apache-2.0
"""Writes the documents of quanta from plain facts, which `envcap.hooks.following` tells, in order.

The kinds of facts, each with a ``number`` but the first:

========  ============================================================================================================
process   ``argv``, ``scheduler``, ``prefix``, ``base_prefix``: once, before all others of a process
config    ``text``: of a task's configuration
observed  ``paths``, ``numerics``, ``modules``: what the process has loaded; or ``failed``, why that is not known
begin     ``kind``, ``started``, ``task_class``, ``label``, ``data_id``, ``inputs``, ``init_inputs``, ``outputs``,
          ``butler``, ``quantum``, and the number of its ``config``
end       ``ended``, ``error``, ``reads``, ``writes``, ``used``, ``available``, ``metrics``, ``states``, ``resources``,
          and the number of what was ``observed``; its own number is that of the quantum that began
========  ============================================================================================================

The manifest of a quantum is written at once, its result soon: digests take their time.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping
from functools import partial

from ..collectors.rubin_quantum import QuantumFacts
from ..environment import Environment
from ..errors import CollectorError, FormatError
from ..model.manifest import DatasetGroup, Job, Outcome
from ..model.result import FileRecord
from ..redact import scrub, scrub_argv
from ..store.journal import Journal
from ..store.local import LocalStore
from .attempt import file_record
from .configuration import KeptConfiguration, kept_configuration
from .following import FileState, file_state
from .loaded import Loaded, LoadedOnce, Remembered
from .quantum_recording import QuantumRecording

__all__ = ("Recorder",)

_REMEMBERED = 64
_DIGESTS = 100_000

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Recorder:
    """Writes the documents of quanta of some processes.

    Parameters
    ----------
    store : `LocalStore`
    journal : `Journal`
    environment : `Environment`
        That all these processes run in.
    outcomes : mapping
        How it ended that the journal was opened, if not well.
    parent : `str`
        Attempt id of the job whose payload they are.
    tell : callable
        Takes a line about what could not be done.
    beside : callable
        Has work done soon, in order.
    """

    def __init__(
        self,
        store: LocalStore,
        journal: Journal,
        environment: Environment,
        outcomes: Mapping[str, Outcome],
        parent: str,
        tell: Callable[[str], None],
        beside: Callable[[Callable[[], None]], None],
    ) -> None:
        self.store = store
        self.journal = journal
        self.environment = environment
        self.outcomes = outcomes
        self.parent = parent
        self.tell = tell
        self.beside = beside
        self._processes: dict[str, _Process] = {}
        self._digests: dict[FileState, FileRecord] = {}

    def take(self, process: str, kind: str, facts: Mapping[str, Any]) -> None:
        """Take a fact of a process. It never raises: the payload must not notice, and others have facts, too."""
        try:
            if kind == "process":
                self._processes[process] = _Process(self, facts)
            else:
                self._processes[process].take(kind, facts)
        except Exception as err:  # noqa: BLE001  (whatever a process says of itself)
            self.tell(f"degraded quantum: what is told of it ({kind}): {type(err).__name__}: {err}")

    def file(self, uri: str) -> tuple[FileRecord, FileState | None]:
        """Return the record of a file and its state, hashed once as long as that stays the same.

        Raises
        ------
        OSError
            If it is local and can't be read.
        """
        state = file_state(uri)
        if state is None:
            return FileRecord(uri=scrub(uri)), None
        if state not in self._digests:
            if len(self._digests) == _DIGESTS:
                self._digests.clear()
            path = state[0]
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise OSError(errno.EINVAL, "no regular file", path)
            self._digests[state] = file_record(path, f"file://{path}")
        return self._digests[state], state


class _Process:
    """What one process has told."""

    def __init__(self, recorder: Recorder, facts: Mapping[str, Any]) -> None:
        self._recorder = recorder
        self._argv = scrub_argv(facts["argv"])
        self._scheduler = facts["scheduler"]
        prefixes = facts["prefix"], facts["base_prefix"]
        self._remembered = Remembered(recorder.store, prefixes, recorder.environment.fingerprints)
        self._configs: dict[int, KeptConfiguration] = {}
        self._observed: dict[int, LoadedOnce] = {}
        self._running: dict[int, QuantumRecording] = {}

    def take(self, kind: str, facts: Mapping[str, Any]) -> None:
        number = facts["number"]
        if kind == "config":
            self._configs[number] = kept_configuration(facts["text"], self._recorder.store)
        elif kind == "observed":
            self._observed[number] = LoadedOnce(partial(_loaded, facts), self._remembered)
            if len(self._observed) > _REMEMBERED:
                del self._observed[next(iter(self._observed))]  # other threads have told of their quanta since
        elif kind == "begin":
            self._running[number] = self._begin(facts)
        elif kind == "end":
            observed = self._observed[facts["observed"]]
            self._recorder.beside(partial(self._running.pop(number).end, facts, observed))
        else:
            raise FormatError(f"no fact is of the kind {kind!r}")

    def _begin(self, facts: Mapping[str, Any]) -> QuantumRecording:
        data_id = facts["data_id"]
        inputs, init_inputs, outputs = (
            [DatasetGroup.checked(group) for group in facts[name]] for name in ("inputs", "init_inputs", "outputs")
        )
        quantum = QuantumFacts(
            facts["task_class"],
            facts["label"],
            data_id,
            inputs,
            init_inputs,
            *self._configs[facts["config"]],
            init=facts["kind"] == "init",
        )
        values = ", ".join(f"{name}: {value}" for name, value in data_id.items())
        job = Job(
            kind=facts["kind"],
            name=f"{quantum.label} {{{values}}}" if values else f"{quantum.label} (init)",
            activator="pipetask",
            argv=self._argv,
            parent=self._recorder.parent,
            quantum=facts["quantum"],
            run=outputs[0].run if outputs else None,
            butler=scrub(facts["butler"]) if facts["butler"] else None,
            inputs=inputs,
            init_inputs=init_inputs,
            outputs=outputs,
            scheduler=self._scheduler,
        )
        recording = QuantumRecording(self._recorder, job, quantum, facts["started"])
        recording.begin()
        return recording


def _loaded(facts: Mapping[str, Any]) -> Loaded:
    if "failed" in facts:
        raise CollectorError(facts["failed"])
    return Loaded.of_process(facts["paths"], facts["numerics"], [(name, path) for name, path in facts["modules"]])
