# SPDX-License-Identifier: Apache-2.0
"""Environment variables: those that choose numerics, the others, and the file mode mask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...jobs.base import CapturedJob
from ..draft import Draft
from .base import NOTHING, Change, ChangeKind

__all__ = ("NumericsChanges", "ProcessEnvChanges")

_UMASK = "umask"


class NumericsChanges(ChangeKind):
    """One change for each variable that chooses numerics."""

    layer = "numerics"

    def changes(self, a: CapturedJob, b: CapturedJob) -> Iterator[Change]:
        """Yield the variables that differ."""
        yield from _of_variables(self.layer, a.numerics.variables, b.numerics.variables)


class ProcessEnvChanges(ChangeKind):
    """One change for each other variable."""

    layer = "process_env"

    def changes(self, a: CapturedJob, b: CapturedJob) -> Iterator[Change]:
        """Yield the variables that differ, and the mask."""
        yield from _of_variables(self.layer, a.process_env.variables, b.process_env.variables)
        masks = a.process_env.umask, b.process_env.umask
        if masks[0] != masks[1]:
            yield _MaskChange(self.layer, _UMASK, *masks)


def _of_variables(layer: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield _VariableChange(layer, name, before.get(name), after.get(name))


class _VariableChange(Change):
    def __init__(self, layer: str, name: str, before: str | None, after: str | None) -> None:
        super().__init__(layer, name, *(NOTHING if value is None else value for value in (before, after)))
        self._value = after

    def apply(self, draft: Draft) -> None:
        variables = draft.software[self.layer]["variables"]
        if self._value is None:
            variables.pop(self.name, None)
        else:
            variables[self.name] = self._value


class _MaskChange(Change):
    def apply(self, draft: Draft) -> None:
        draft.software[self.layer][_UMASK] = self.after
