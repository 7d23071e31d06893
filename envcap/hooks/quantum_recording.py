# SPDX-License-Identifier: Apache-2.0
"""Follows one quantum from its predicted inputs to its outputs, and writes its two documents.

It is given plain facts by the hook and never raises into the payload: what it can't do is a reason in the result, or
is said to `envcap run` when there is no result to put it in.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from ..collectors.base import collect
from ..collectors.rubin_quantum import QuantumFacts, RubinQuantumCollector, keep_config
from ..environment import Environment, capture_environment
from ..errors import StoreError
from ..ids import timestamp
from ..model.descriptor import Descriptor, describe_bytes
from ..model.manifest import DatasetGroup, Job, Outcome
from ..model.result import FileRecord, Input, Output
from ..redact import scrub, scrub_argv
from ..store.keeper import Keeper
from ..target import Target
from .attempt import AttemptWriter, file_record, open_journal
from .background import Background
from .context import CONTEXT_VARIABLE, Context
from .importing import say
from .loaded import Observed
from .observed import Observer
from .resources import Stretch
from .schedulers import scheduler_facts

__all__ = ("KeptConfig", "QuantumRecording", "Session", "session", "settle")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

KeptConfig: TypeAlias = "tuple[Descriptor, Outcome | None, Mapping[str, str]]"
"""A configuration's descriptor, an outcome if it could not be kept, and what was scrubbed from it."""

FileState: TypeAlias = "tuple[str, int, int, int, int]"
"""A file's path, inode, size, and times of change."""


class Session:
    """What all quanta of this process share: store, journal and the environment, revalidated once."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.journal, self.outcomes = open_journal(context.store, context.key)
        atexit.register(self.close)
        self._digests: dict[FileState, FileRecord] = {}
        self._configs: dict[str, tuple[object, KeptConfig]] = {}
        self.argv = scrub_argv(sys.argv)
        self.scheduler = scheduler_facts(os.environ)
        target = Target.current()
        self.target = target
        self.environment: Environment = (
            context.environment if context.environment.fits(target) else capture_environment(target, context.store)
        )
        self.observer = Observer(context.store, self.environment)

    def close(self) -> None:
        """End the journal: a notebook has a session for each cell."""
        atexit.unregister(self.close)
        try:
            self.journal.close()
        except StoreError as err:
            say(f"degraded journal: {err}")

    def config(self, label: str, config: object, dump: Callable[[], str]) -> KeptConfig:
        """Keep a task's configuration, once; return its descriptor, an outcome if it failed, and what was scrubbed.

        A config is frozen before it runs, so one object is one text, and its dump takes longer than a short quantum.
        """
        known = self._configs.get(label)
        if known is None or known[0] is not config:
            keeper = Keeper(self.context.store)
            descriptor, scrubbed = keep_config(dump(), keeper.blob)
            known = (config, (descriptor, keeper.failure, scrubbed))
            self._configs[label] = known
        return known[1]

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
            path = state[0]
            self._digests[state] = file_record(path, f"file://{path}")
        return self._digests[state], state


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


_NOT_THERE: FileState = ("", 0, 0, 0, 0)
_sessions: dict[tuple[int, str], Session] = {}
_background = Background()


def session() -> Session | None:
    """Return this process's session; `None` where no job encloses it. A forked child has a session of its own."""
    text = os.environ.get(CONTEXT_VARIABLE)
    if not text:
        return None
    key = (os.getpid(), text)
    if key not in _sessions:
        # Another job encloses this process now; or it was forked, and the journal is its parent's.
        settle()
        for earlier in _sessions.values():
            earlier.close()
        _sessions.clear()
        _sessions[key] = Session(Context.from_text(text))
    return _sessions[key]


def _is_killed_at_its_end() -> bool:
    """Whether this is a worker of a pool of `multiprocessing`, which is not given the time to end by itself."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return multiprocessing is not None and bool(multiprocessing.current_process().daemon)


def settle() -> None:
    """Wait until the results of all quanta that have ended are written."""
    _background.settle()


class QuantumRecording:
    """One attempt of one quantum, or of one init quantum.

    Attributes
    ----------
    reads, writes : `dict` [ `str`, `str` ]
        URI by dataset UUID, as the payload read and wrote them.
    used : `set` [ `str` ]
        UUIDs of the inputs that the payload loaded.
    available : `set` [ `str` ] or `None`
        UUIDs of the inputs that were there at the start.
    metrics : `dict` [ `str`, `str` ]
    """

    def __init__(self, session: Session, job: Job, facts: QuantumFacts, outputs: Sequence[DatasetGroup]) -> None:
        self._session = session
        self._job = job
        self._facts = facts
        self._inputs = [(group, row) for group in (*facts.inputs, *facts.init_inputs) for row in group.rows]
        self._outputs = [(group.dataset_type, row[0]) for group in outputs for row in group.rows]
        # What the middleware itself writes about a quantum.
        self._own = (f"{facts.label}_metadata", f"{facts.label}_log")
        self._writer: AttemptWriter | None = None
        self._stretch = Stretch()
        self.reads: dict[str, str] = {}
        self.writes: dict[str, str] = {}
        self.used: set[str] = set()
        self.available: set[str] | None = None
        self.metrics: dict[str, str] = {}
        self.degraded: dict[str, str] = {}
        self._states: dict[str, FileState | None] = {}

    @property
    def metadata_type(self) -> str:
        """The dataset type that holds the task's own metrics."""
        return self._own[0]

    def begin(self) -> None:
        """Write the manifest. To be called when it is certain that the payload starts."""
        collector = RubinQuantumCollector(self._facts)
        collected, outcome = collect(collector, self._session.target, describe_bytes)
        if collected is None:
            say(f"degraded {collector.kind}: {outcome.reason}")
            return
        writer = AttemptWriter(
            self._session.journal,
            self._session.environment,
            collected.component,
            self._job,
            job_id=self._job.quantum,
            scrubbed=self._facts.scrubbed,
            outcomes={**self._session.outcomes, collector.kind: self._facts.config_failure or outcome},
        )
        try:
            writer.begin()
            self._writer = writer
        except StoreError as err:
            say(f"degraded {self._job.name}: not recorded: {err}")

    def end(self, error: BaseException | None) -> None:
        """Write the result, if a manifest was written: soon, since digests take their time."""
        writer = self._writer
        if writer is None:
            return
        for uuid, uri in (*self.reads.items(), *self.writes.items()):
            try:
                self._states[uuid] = file_state(uri)
            except OSError:
                self._states[uuid] = _NOT_THERE
        # The error itself would keep alive what its frames hold.
        reason = scrub(f"{type(error).__name__}: {error}") if error is not None else None
        snapshot, resources, ended = self._session.observer.observe(), self._stretch.taken(), timestamp()

        def finish() -> None:
            try:
                self._finish(writer, reason, snapshot.documented(), resources, ended)
            except Exception as err:  # noqa: BLE001  (the payload has ended well, and must go on doing so)
                say(f"degraded {self._job.name}: its result is not recorded: {type(err).__name__}: {err}")

        if _is_killed_at_its_end():
            finish()
        else:
            _background.submit(finish)

    def _finish(
        self,
        writer: AttemptWriter,
        error: str | None,
        observed: Observed,
        resources: Mapping[str, str],
        ended: str,
    ) -> None:
        outputs = list(self._written())
        written = {output.dataset for output in outputs}
        inputs = list(self._read())
        log = [output.file for output in outputs if output.dataset_type == self._own[1]]
        try:
            writer.end(
                ended=ended,
                status="failed" if error is not None else "ok",
                error=error,
                inputs=inputs,
                outputs=outputs,
                missing=[uuid for name, uuid in self._outputs if uuid not in written and name not in self._own],
                contents=self._contents({i.dataset: i for i in inputs}),
                resources=resources,
                metrics=self.metrics,
                outcomes=observed.outcomes,
                observed=observed.components,
                log=log[0] if log else None,
                degraded={**self.degraded, **observed.failures},
            )
        except StoreError as err:
            say(f"degraded {self._job.name}: its result is not recorded: {err}")

    def _written(self) -> Iterator[Output]:
        for dataset_type, uuid in self._outputs:
            if uuid in self.writes:
                record = self._file(uuid, self.writes[uuid], "output")
                if record is not None:
                    yield Output(dataset=uuid, dataset_type=dataset_type, file=record)

    def _read(self) -> Iterator[Input]:
        for _, (uuid, *_) in self._inputs:
            yield Input(
                dataset=uuid,
                available=self.available is None or uuid in self.available or uuid in self.reads,
                used=uuid in self.used or uuid in self.reads,
                file=self._file(uuid, self.reads[uuid], "input") if uuid in self.reads else None,
            )

    def _file(self, uuid: str, uri: str, what: str) -> FileRecord | None:
        try:
            record, state = self._session.file(uri)
        except OSError as err:
            self.degraded[f"{what} {uuid}"] = f"{uri}: {err.strerror or err}"
            return None
        if self._states.get(uuid, state) != state:
            self.degraded[f"{what} {uuid}"] = f"{uri}: changed before its digest was taken"
        return record

    def _contents(self, inputs: Mapping[str, Input]) -> dict[str, str | None]:
        """Return the digests of the inputs that were used, by dataset type and position: no UUID is a content."""
        contents: dict[str, str | None] = {}
        for group, (uuid, *values) in self._inputs:
            entry = inputs[uuid]
            if entry.used:
                contents[f"{group.dataset_type}{values}"] = entry.file.digest if entry.file else None
        return contents
