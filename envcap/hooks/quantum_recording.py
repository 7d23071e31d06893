# SPDX-License-Identifier: Apache-2.0
"""Writes the two documents of one quantum. What it can't do is a reason in the result, or told where there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..collectors.base import collect
from ..collectors.rubin_quantum import QuantumFacts, RubinQuantumCollector
from ..errors import StoreError
from ..model.descriptor import describe_bytes
from ..model.manifest import Job
from ..model.result import FileRecord, Input, Output
from ..redact import scrub
from ..target import Target
from .attempt import AttemptWriter
from .loaded import LoadedOnce

__all__ = ("QuantumRecording",)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .recorder import Recorder


class QuantumRecording:
    """One attempt of one quantum, or of one init quantum.

    Parameters
    ----------
    recorder : `Recorder`
    job : `Job`
    facts : `QuantumFacts`
    started : `str`
        When the payload began with it.
    """

    def __init__(self, recorder: Recorder, job: Job, facts: QuantumFacts, started: str) -> None:
        self._recorder = recorder
        self._job = job
        self._facts = facts
        self._started = started
        self._inputs = [(group, row) for group in (*facts.inputs, *facts.init_inputs) for row in group.rows]
        self._outputs = [(group.dataset_type, row[0]) for group in job.outputs or () for row in group.rows]
        # What the middleware itself writes about a quantum.
        self._own = (f"{facts.label}_metadata", f"{facts.label}_log")
        self._writer: AttemptWriter | None = None
        self._degraded: dict[str, str] = {}

    def begin(self) -> None:
        """Write the manifest."""
        recorder, collector = self._recorder, RubinQuantumCollector(self._facts)
        collected, outcome = collect(collector, Target.none({}), describe_bytes)
        if collected is None:
            recorder.tell(f"degraded {collector.kind}: {outcome.reason}")
            return
        writer = AttemptWriter(
            recorder.journal,
            recorder.environment,
            collected.component,
            self._job,
            job_id=self._job.quantum,
            started=self._started,
            scrubbed=self._facts.scrubbed,
            outcomes={**recorder.outcomes, collector.kind: self._facts.config_failure or outcome},
        )
        try:
            writer.begin()
            self._writer = writer
        except StoreError as err:
            recorder.tell(f"degraded {self._job.name}: not recorded: {err}")

    def end(self, facts: Mapping[str, Any], loaded: LoadedOnce) -> None:
        """Write the result, if a manifest was written. It never raises.

        Parameters
        ----------
        facts : mapping
            As `envcap.hooks.recorder` says of ``end``.
        loaded : `LoadedOnce`
        """
        if self._writer is None:
            return
        try:
            self._end(self._writer, facts, loaded)
        except Exception as err:  # noqa: BLE001  (the payload has ended well, and others have quanta, too)
            self._recorder.tell(f"degraded {self._job.name}: its result is not recorded: {type(err).__name__}: {err}")

    def _end(self, writer: AttemptWriter, facts: Mapping[str, Any], loaded: LoadedOnce) -> None:
        observed = loaded.documented()
        outputs = list(self._written(facts))
        written = {output.dataset for output in outputs}
        inputs = list(self._read(facts))
        log = [output.file for output in outputs if output.dataset_type == self._own[1]]
        error = facts["error"]
        writer.end(
            ended=facts["ended"],
            status="failed" if error is not None else "ok",
            error=scrub(error) if error is not None else None,
            inputs=inputs,
            outputs=outputs,
            missing=[uuid for name, uuid in self._outputs if uuid not in written and name not in self._own],
            contents=self._contents({i.dataset: i for i in inputs}),
            resources=facts["resources"],
            metrics={name: scrub(value) for name, value in facts["metrics"].items()},
            outcomes=observed.outcomes,
            observed=observed.components,
            log=log[0] if log else None,
            degraded={**self._degraded, **observed.failures},
        )

    def _written(self, facts: Mapping[str, Any]) -> Iterator[Output]:
        for dataset_type, uuid in self._outputs:
            if uuid in facts["writes"]:
                record = self._file(uuid, facts["writes"][uuid], facts, "output")
                if record is not None:
                    yield Output(dataset=uuid, dataset_type=dataset_type, file=record)

    def _read(self, facts: Mapping[str, Any]) -> Iterator[Input]:
        reads, used = facts["reads"], set(facts["used"])
        available = None if facts["available"] is None else set(facts["available"])
        for _, (uuid, *_) in self._inputs:
            yield Input(
                dataset=uuid,
                available=available is None or uuid in available or uuid in reads,
                used=uuid in used or uuid in reads,
                file=self._file(uuid, reads[uuid], facts, "input") if uuid in reads else None,
            )

    def _file(self, uuid: str, uri: str, facts: Mapping[str, Any], what: str) -> FileRecord | None:
        try:
            record, state = self._recorder.file(uri)
        except OSError as err:
            self._degraded[f"{what} {uuid}"] = f"{uri}: {err.strerror or err}"
            return None
        if _listed(facts["states"][uuid]) != _listed(state):
            self._degraded[f"{what} {uuid}"] = f"{uri}: changed before its digest was taken"
        return record

    def _contents(self, inputs: Mapping[str, Input]) -> dict[str, str | None]:
        """Return the digests of the inputs that were used, by dataset type and position: no UUID is a content."""
        contents: dict[str, str | None] = {}
        for group, (uuid, *values) in self._inputs:
            entry = inputs[uuid]
            if entry.used:
                contents[f"{group.dataset_type}{values}"] = entry.file.digest if entry.file else None
        return contents


def _listed(state: Sequence[object] | None) -> list[object] | None:
    """Return a state as it comes out of JSON, too."""
    return None if state is None else list(state)
