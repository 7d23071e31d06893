# SPDX-License-Identifier: Apache-2.0
"""The fields of a quantum's configuration. A subtask that is another class is one change, with all that is below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envcap.pexconfig import ParsedConfig

from ...jobs.base import CapturedJob
from ...jobs.quantum import CapturedQuantum
from ..draft import Draft
from .base import NOTHING, Change, ChangeKind

__all__ = ("ConfigurationChanges",)

_LAYER = "configuration"
_TARGET = ".<target>"


class ConfigurationChanges(ChangeKind):
    """One change for each field."""

    layer = _LAYER

    def changes(self, a: CapturedJob, b: CapturedJob) -> Iterator[Change]:
        """Yield the fields that differ."""
        if not (isinstance(a, CapturedQuantum) and isinstance(b, CapturedQuantum)):
            return
        before, after = a.frozen_config, b.frozen_config
        subtasks = _retargeted(before, after)
        for path in subtasks:
            target = path + _TARGET
            yield _SubtaskChange(path, [one.fields.get(target, NOTHING) for one in (before, after)], after)
        below = tuple(f"{path}." for path in subtasks)
        for path in sorted({*before.fields, *after.fields}):
            pair = before.fields.get(path), after.fields.get(path)
            if pair[0] != pair[1] and not path.startswith(below):
                yield _FieldChange(self.layer, path, pair[0] or NOTHING, pair[1] or NOTHING)


def _retargeted(before: ParsedConfig, after: ParsedConfig) -> list[str]:
    """Return the topmost subtasks that are another class in the two."""
    found: list[str] = []
    targets = {path for one in (before, after) for path in one.fields if path.endswith(_TARGET)}
    for path in sorted(targets, key=len):
        name = path.removesuffix(_TARGET)
        if before.fields.get(path) != after.fields.get(path) and not name.startswith(tuple(f"{f}." for f in found)):
            found.append(name)
    return found


class _FieldChange(Change):
    def apply(self, draft: Draft) -> None:
        assert draft.config is not None
        value = None if self.after == NOTHING else self.after
        draft.config = draft.config.with_field(self.name, value)


class _SubtaskChange(Change):
    def __init__(self, name: str, told: Sequence[str], config: ParsedConfig) -> None:
        super().__init__(_LAYER, name, *told)
        self._config = config

    def apply(self, draft: Draft) -> None:
        assert draft.config is not None
        draft.config = draft.config.with_subtask(self.name, self._config)
