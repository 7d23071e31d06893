# SPDX-License-Identifier: Apache-2.0
"""The Python itself, where it is no package of conda's."""

from __future__ import annotations

from collections.abc import Iterator

from ...conda.packages import conda_of
from ...jobs.base import CapturedJob
from .base import Change, ChangeKind, WholeChange

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
            yield WholeChange(_LAYER, told[0], told[1], after.data, b.places.get(_LAYER, {}))
