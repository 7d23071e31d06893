# SPDX-License-Identifier: Apache-2.0
"""A captured job with all documents that a replay needs, read from the store and checked."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
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
    Site,
    Source,
)
from envcap.model.document import Document
from envcap.model.result import Output
from envcap.redact import has_scrubbed
from envcap.store.index import Attempt, Index
from envcap.trust.verify import Authenticity, Keyring

from .. import grammar
from ..grammar import checked
from ..rubin.sources.base import Reconstruction

__all__ = ("CapturedJob",)

_D = TypeVar("_D", bound=Document)


class CapturedJob(ABC):
    """One attempt of a job, for replaying.

    Parameters
    ----------
    index : `Index`
    attempt : `Attempt`
    secrets : mapping, optional
        What was scrubbed from the job's documents and is given again, by the name of the variable or the path of the
        configuration's field.
    """

    origin: Reconstruction | None = None
    """Where the job comes from if it was not captured (`replay.jobs.reconstructed`)."""

    trusted = False
    """Whether the user took it on their word, whoever vouches for it."""

    def __init__(self, index: Index, attempt: Attempt, secrets: Mapping[str, str] | None = None) -> None:
        self.index = index
        self.store = index.store
        self.attempt = attempt
        self.manifest = attempt.manifest
        self.secrets = secrets or {}

    @property
    @abstractmethod
    def work(self) -> Document:
        """What was done, as the recipe has it."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What runs, for people: a task's class, a command line."""

    @abstractmethod
    def science_outputs(self) -> list[Output]:
        """Return the outputs that a verdict is about, as the job left them.

        Raises
        ------
        ReplayRefusedError
            If there is none, or the record of one is missing: then there is nothing to judge a replay by.
        """

    def output_types(self) -> list[str]:
        """Return what a policy may call those outputs: their dataset types."""
        return [output.dataset_type or "" for output in self.science_outputs()]

    @abstractmethod
    def is_science(self, output: str | None) -> bool:
        """Whether a verdict is about an output of some type."""

    @cached_property
    def authenticity(self) -> Authenticity:
        """Who vouches for the manifest and the result."""
        return Keyring().judge(self.index, self.attempt)

    @property
    def replay_of(self) -> str:
        """The attempt that a replay of it is a replay of."""
        return self.manifest.attempt

    def keep(self) -> None:
        """Put what a replay's manifest names of this job into the store."""
        return  # what was captured is there

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

    @property
    def has_python(self) -> bool:
        """Whether the job ran a Python program at all."""
        outcome = self.manifest.outcomes.get("interpreter")
        return outcome is None or outcome.status != "absent"

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

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables to set: those of the process, and the numerics that were asked for."""
        found = {**self.process_env.variables, **self.numerics.variables}
        return {name: self.secrets[name] if self._is_given(name, value) else value for name, value in found.items()}

    @property
    def umask(self) -> str | None:
        """The file mode mask, in octal; `None` if it isn't known.

        Raises
        ------
        ReplayRefusedError
            If it is none.
        """
        try:
            found = self.process_env.umask
        except NotCapturedError:
            return None
        return None if found == "unknown" else checked("process_env.umask", found, grammar.UMASK)

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
    def libraries(self) -> list[str]:
        """Library directories of the job's environment, on its site."""
        prefix = self.place("python_dists", "prefix")
        if not isinstance(prefix, str):
            return []
        version = "python" + ".".join(self.interpreter.version.split(".")[:2])
        return [os.path.join(prefix, "lib", version, "site-packages")]
