# SPDX-License-Identifier: Apache-2.0
"""The Python itself, where it is no package of conda's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...conda.packages import conda_of
from ...jobs.base import CapturedJob
from ..draft import Draft
from .base import Change, ChangeKind

__all__ = ("InterpreterChanges",)

_LAYER = "interpreter"


class InterpreterChanges(ChangeKind):
    """At most one change: the interpreter."""

    layer = _LAYER

    def changes(self, a: CapturedJob, b: CapturedJob) -> Iterator[Change]:
        """Yield it, if the two differ."""
        if not (a.has_python and b.has_python) or (conda_of(a) and conda_of(b)):
            return
        before, after = a.interpreter, b.interpreter
        if before != after:
            told = [f"{one.implementation} {one.version}" for one in (before, after)]
            yield _InterpreterChange(told, dict(after.data), b.places.get(_LAYER, {}))


class _InterpreterChange(Change):
    def __init__(self, told: Sequence[str], component: dict[str, object], place: object) -> None:
        super().__init__(_LAYER, "", *told)
        self._component = component
        self._place = place

    def apply(self, draft: Draft) -> None:
        draft.software[_LAYER] = self._component
        draft.places[_LAYER] = self._place
