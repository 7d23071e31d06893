# SPDX-License-Identifier: Apache-2.0
"""A captured quantum with all documents that a replay needs, read from the store and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from envcap.errors import NotCapturedError
from envcap.model.components import (
    Hardware,
    Interpreter,
    Numerics,
    OperatingSystem,
    ProcessEnv,
    PythonDists,
    RubinConfig,
    RubinQuantum,
    Site,
    Source,
)
from envcap.model.document import Document
from envcap.model.manifest import DatasetGroup
from envcap.model.result import Input, Output
from envcap.pexconfig import ParsedConfig, parse_config
from envcap.redact import has_scrubbed
from envcap.store.index import Attempt, Index
from envcap.store.selector import resolve
from envcap.trust.verify import Authenticity, Keyring

from .errors import ReplayRefusedError
from .rubin.sources.base import Reconstruction

__all__ = ("CapturedQuantum", "Dataset")

_D = TypeVar("_D", bound=Document)

Dataset = dict[str, object]
"""A dataset as the worker's request has it."""


class CapturedQuantum:
    """One attempt of a quantum, for replaying.

    Parameters
    ----------
    index : `Index`
    attempt : `Attempt`
    secrets : mapping, optional
        What was scrubbed from the job's documents and is given again, by the name of the variable or the path of the
        configuration's field.

    Raises
    ------
    ReplayRefusedError
        If the attempt is no quantum.
    """

    origin: Reconstruction | None = None
    """Where the quantum comes from if it was not captured (`replay.reconstructed`)."""

    def __init__(self, index: Index, attempt: Attempt, secrets: Mapping[str, str] | None = None) -> None:
        task = attempt.recipe.task
        if not isinstance(task, RubinQuantum):
            raise ReplayRefusedError(
                f"attempt {attempt.manifest.attempt} is a {attempt.manifest.job.kind} ({attempt.manifest.job.name}), "
                "and this version replays quanta only; name a quantum or a dataset of it ('envcap jobs')"
            )
        self.index = index
        self.store = index.store
        self.attempt = attempt
        self.manifest = attempt.manifest
        self.task = task
        self.secrets = secrets or {}

    @cached_property
    def authenticity(self) -> Authenticity:
        """Who vouches for the manifest and the result."""
        return Keyring().judge(self.index, self.attempt)

    def keep(self) -> None:
        """Put what a replay's manifest names of this job into the store; what was captured is there."""

    def producer(self, dataset: str) -> CapturedQuantum:
        """Return the quantum that made an input.

        Raises
        ------
        EnvcapError
            If none is known.
        """
        return CapturedQuantum(self.index, resolve(self.index, f"dataset:{dataset}"), self.secrets)

    def component(self, kind: str, cls: type[_D]) -> _D:
        """Return a component of the job.

        Raises
        ------
        NotCapturedError
            If the job has none, with the outcome of its collector.
        StoreError
            If it is missing from the store, or corrupt.
        """
        descriptor = self.attempt.recipe.software.get(kind) or self.manifest.host.get(kind)
        if descriptor is None:
            outcome = self.manifest.outcomes.get(kind)
            raise NotCapturedError(f"{kind} was not captured: {outcome.reason if outcome else 'no such collector'}")
        return cls.from_bytes(self.store.get(descriptor.digest))

    @cached_property
    def interpreter(self) -> Interpreter:
        """The Python that ran the job."""
        return self.component("interpreter", Interpreter)

    @cached_property
    def dists(self) -> PythonDists:
        """The installed distributions."""
        return self.component("python_dists", PythonDists)

    @cached_property
    def source(self) -> Source | None:
        """The code that no distribution covers; `None` if there was none."""
        outcome = self.manifest.outcomes.get("source")
        if outcome is not None and outcome.status == "absent":
            return None
        return self.component("source", Source)

    @cached_property
    def process_env(self) -> ProcessEnv:
        """The environment variables."""
        return self.component("process_env", ProcessEnv)

    @cached_property
    def numerics(self) -> Numerics:
        """The numerics that were asked for."""
        return self.component("numerics", Numerics)

    @cached_property
    def operating_system(self) -> OperatingSystem:
        """The operating system."""
        return self.component("operating_system", OperatingSystem)

    @cached_property
    def hardware(self) -> Hardware:
        """The node."""
        return self.component("hardware", Hardware)

    @cached_property
    def config(self) -> RubinConfig:
        """The configuration as executed."""
        if self.task.config is None:
            raise NotCapturedError("the configuration was not captured")
        return RubinConfig.from_bytes(self.store.get(self.task.config.digest))

    @cached_property
    def config_text(self) -> str:
        """The exact dump that pex_config wrote. It is Python, and nobody vouches for it: never execute it."""
        return self.store.get(self.config.text.digest).decode("utf-8", "surrogateescape")

    @cached_property
    def frozen_config(self) -> ParsedConfig:
        """The configuration to apply, written anew from what was read, with the secrets that were given again.

        Raises
        ------
        ConfigRefusedError
            If the text holds anything but field assignments.
        """
        return parse_config(self.config_text).replaced(
            lambda path, value: (path, repr(self.secrets[path]) if self._is_given(path, value) else value)
        )

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables to set: those of the process, and the numerics that were asked for."""
        found = {**self.process_env.variables, **self.numerics.variables}
        return {name: self.secrets[name] if self._is_given(name, value) else value for name, value in found.items()}

    def lacking(self, values: Mapping[str, str]) -> list[str]:
        """Return the names of the values that held a secret, and were not given again."""
        return sorted(n for n, value in values.items() if has_scrubbed(value) and not self._is_given(n, value))

    def _is_given(self, name: str, value: str) -> bool:
        return has_scrubbed(value) and name in self.secrets

    @cached_property
    def places(self) -> Mapping[str, Mapping[str, object]]:
        """Where things stood on the job's site, by collector; empty if that is gone."""
        if self.manifest.site is None or not self.store.has(self.manifest.site.digest):
            return {}
        return Site.from_bytes(self.store.get(self.manifest.site.digest)).places

    def place(self, kind: str, name: str) -> object:
        """Return one place, `None` if it isn't known."""
        return self.places.get(kind, {}).get(name)

    @property
    def repository(self) -> str:
        """URI of the Butler repository.

        Raises
        ------
        NotCapturedError
            If the job did not know it.
        """
        if not self.manifest.job.butler:
            raise NotCapturedError("the repository is not in the manifest; name it: rerun-dataset REPO DATASET")
        return self.manifest.job.butler

    def datasets(self, groups: Sequence[DatasetGroup] | None) -> Iterator[Dataset]:
        """Yield datasets as the worker's request has them, inputs with their captured state."""
        states: dict[str, Input] = {i.dataset: i for i in (self.attempt.result.inputs if self.attempt.result else ())}
        for group in groups or ():
            for uuid, *values in group.rows:
                state = states.get(uuid)
                yield {
                    "dataset_type": group.dataset_type,
                    "id": uuid,
                    "data_id": dict(zip(group.dimensions, values, strict=True)),
                    "available": state.available if state else True,
                    "digest": state.file.digest if state and state.file else None,
                }

    def is_science(self, dataset_type: str | None) -> bool:
        """Whether a verdict is about a dataset type; what the middleware writes about a quantum is shown only."""
        return dataset_type not in (f"{self.task.label}_metadata", f"{self.task.label}_log")

    def science_outputs(self) -> list[Output]:
        """Return the outputs that a verdict is about, as the job left them.

        Raises
        ------
        ReplayRefusedError
            If there is none, or the record of one is missing: then there is nothing to judge a replay by.
        """
        result = self.attempt.result
        found = [output for output in result.outputs if self.is_science(output.dataset_type)] if result else []
        known = {output.dataset for output in found} | set((result.missing if result else None) or ())
        unrecorded = [
            str(dataset["dataset_type"])
            for dataset in self.datasets(self.manifest.job.outputs)
            if self.is_science(str(dataset["dataset_type"])) and dataset["id"] not in known
        ]
        if unrecorded or not found:
            what = f"no record of its {', '.join(unrecorded)}" if unrecorded else "no output"
            told = f"the attempt is {self.attempt.state} and left {what}: nothing to compare with"
            raise ReplayRefusedError(f"{told}; 'envcap jobs' lists the others")
        return found
