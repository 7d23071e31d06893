# SPDX-License-Identifier: Apache-2.0
"""A captured command, for replaying: what was typed, and the files that were declared."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from envcap.model.components import Command
from envcap.model.descriptor import Descriptor
from envcap.model.result import Output
from envcap.store.index import Attempt, Index

from .. import grammar
from ..errors import ReplayRefusedError
from ..grammar import checked
from ..rubin.places import local_path
from .base import CapturedJob

__all__ = ("CapturedCommand", "DeclaredFile")


@dataclass(frozen=True)
class DeclaredFile:
    """A file of a command.

    Attributes
    ----------
    kind : `str`
        ``config``, ``input`` or ``output``.
    name : `str`
        In the recipe.
    original : `str`
        Its path when the job ran.
    relative : `str` or `None`
        That path from the job's working directory, if it was below that.
    digest : `str` or `None`
        Of its content.
    """

    kind: str
    name: str
    original: str
    relative: str | None
    digest: str | None


class CapturedCommand(CapturedJob):
    """One attempt of a command.

    Raises
    ------
    ReplayRefusedError
        If the attempt is no command.
    """

    def __init__(self, index: Index, attempt: Attempt, secrets: Mapping[str, str] | None = None) -> None:
        super().__init__(index, attempt, secrets)
        task = attempt.recipe.task
        if not isinstance(task, Command):
            raise ReplayRefusedError(f"attempt {attempt.manifest.attempt} is no command")
        self.command = task

    @property
    def work(self) -> Command:
        """The command."""
        return self.command

    @property
    def title(self) -> str:
        """The command line."""
        return " ".join(self.command.argv)

    @property
    def directory(self) -> str:
        """The working directory.

        Raises
        ------
        ReplayRefusedError
            If that is no path.
        """
        return checked("job.cwd", self.manifest.job.cwd or "/", grammar.ABSOLUTE_PATH).rstrip("/") or "/"

    def words(self) -> Iterator[tuple[str, str]]:
        """Yield each word of the command line as the recipe has it, and as it was typed."""
        typed = self.manifest.job.argv
        if len(typed) != len(self.command.argv):
            raise ReplayRefusedError("job.argv: it has not as many words as the recipe's command line")
        return zip(self.command.argv, typed, strict=True)

    def config_files(self) -> dict[str, Descriptor]:
        """Return the configuration files by name."""
        return dict(self.command.config)

    def files(self) -> dict[str, DeclaredFile]:
        """Return the declared files by placeholder.

        Raises
        ------
        ReplayRefusedError
            If it isn't known where one of them stood.
        """
        made = {local_path(one.file.uri or ""): one.file.digest for one in self._outputs()}
        digests = {f"config:{name}": descriptor.digest for name, descriptor in self.command.config.items()}
        digests |= {f"input:{name}": digest for name, digest in self.command.inputs.items()}
        places = self.manifest.job.files or {}
        if lost := digests.keys() - places.keys():
            raise ReplayRefusedError(f"job.files: it isn't known where {sorted(lost)[0]} stood")
        found = {name: self._file(name, path, digests.get(name) or made.get(path)) for name, path in places.items()}
        # An output that the job did not make is none that a replay must make.
        return {f"{{{name}}}": one for name, one in found.items() if name in digests or one.original in made}

    def _file(self, name: str, path: str, digest: str | None) -> DeclaredFile:
        kind, _, short = checked("job.files", name, grammar.PLACEHOLDER).partition(":")
        original = checked(f"job.files[{name}]", path, grammar.ABSOLUTE_PATH)
        relative = os.path.relpath(original, self.manifest.job.cwd or "/")
        inside = None if relative.startswith("..") else checked("job.cwd", relative, grammar.RELATIVE_PATH)
        return DeclaredFile(kind, short, original, inside, digest)

    def _outputs(self) -> Sequence[Output]:
        return self.attempt.result.outputs if self.attempt.result else ()

    def science_outputs(self) -> list[Output]:
        """Return the declared outputs that the job made."""
        result = self.attempt.result
        if result is None or result.status != "ok":
            told = f"the attempt is {self.attempt.state}: nothing to compare with"
            raise ReplayRefusedError(f"{told}; 'envcap jobs' lists the others")
        if not result.outputs:
            told = "the job declared no output, so there is nothing to compare"
            raise ReplayRefusedError(f"{told}; declare what it writes: envcap run --output PATH -- …")
        return list(result.outputs)

    def output_types(self) -> list[str]:
        """Return what a policy may call the outputs: their names."""
        return [one.name for one in self.files().values() if one.kind == "output"]

    def is_science(self, output: str | None) -> bool:
        """Whether a verdict is about an output: what is declared is."""
        return True
