# SPDX-License-Identifier: Apache-2.0
"""A captured quantum, for replaying."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from envcap.errors import NotCapturedError
from envcap.model.components import RubinConfig, RubinQuantum
from envcap.model.manifest import DatasetGroup
from envcap.model.result import Input, Output
from envcap.pexconfig import ParsedConfig, parse_config
from envcap.store.index import Attempt, Index
from envcap.store.selector import resolve

from ..errors import ReplayRefusedError
from .base import CapturedJob

__all__ = ("CapturedQuantum", "Dataset")

Dataset = dict[str, object]
"""A dataset as the worker's request has it."""


class CapturedQuantum(CapturedJob):
    """One attempt of a quantum.

    Raises
    ------
    ReplayRefusedError
        If the attempt is no quantum.
    """

    def __init__(self, index: Index, attempt: Attempt, secrets: Mapping[str, str] | None = None) -> None:
        super().__init__(index, attempt, secrets)
        task = attempt.recipe.task
        if not isinstance(task, RubinQuantum):
            told = f"attempt {attempt.manifest.attempt} is a {attempt.manifest.job.kind} ({attempt.manifest.job.name})"
            raise ReplayRefusedError(f"{told}, and no quantum ('envcap jobs')")
        self.task = task

    @property
    def work(self) -> RubinQuantum:
        """The task."""
        return self.task

    @property
    def title(self) -> str:
        """The task's class."""
        return self.task.task_class

    def producer(self, dataset: str) -> CapturedQuantum:
        """Return the quantum that made an input.

        Raises
        ------
        EnvcapError
            If none is known.
        """
        return CapturedQuantum(self.index, resolve(self.index, f"dataset:{dataset}"), self.secrets)

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
                    "run": group.run,
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
