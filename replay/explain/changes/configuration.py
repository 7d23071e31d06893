# SPDX-License-Identifier: Apache-2.0
"""The fields of a quantum's configuration.

A subtask that is another class is one change with all that is below it, and so is an element that only one has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envcap.pexconfig import ParsedConfig

from ...jobs.base import CapturedJob
from ...jobs.quantum import CapturedQuantum
from ..draft import Draft
from .base import NOTHING, Change, ChangeKind

__all__ = ("ConfigurationChanges", "config_changes")

_LAYER = "configuration"
_TARGET = ".<target>"


class ConfigurationChanges(ChangeKind):
    """One change for each field."""

    layer = _LAYER

    def changes(self, a: CapturedJob, b: CapturedJob) -> Iterator[Change]:
        """Yield the fields that differ."""
        if isinstance(a, CapturedQuantum) and isinstance(b, CapturedQuantum):
            yield from config_changes(a.frozen_config, b.frozen_config)


def config_changes(before: ParsedConfig, after: ParsedConfig) -> Iterator[Change]:
    """Yield what makes one configuration like another."""
    wholes = _wholes(before, after)
    for path, field in wholes.items():
        yield _SubtaskChange(path, [one.fields.get(field, NOTHING) for one in (before, after)], after)
    below = tuple(f"{path}." for path in wholes)
    for path in sorted({*before.fields, *after.fields}):
        pair = before.fields.get(path), after.fields.get(path)
        if pair[0] != pair[1] and path not in wholes and not path.startswith(below):
            yield _FieldChange(_LAYER, path, pair[0] or NOTHING, pair[1] or NOTHING)


def _wholes(before: ParsedConfig, after: ParsedConfig) -> dict[str, str]:
    """Return the topmost subtasks and elements that are another class in the two, and the fields that tell it."""
    found: dict[str, str] = {}
    for field in sorted({*before.fields, *after.fields}, key=lambda one: (len(one), one)):
        pair = before.fields.get(field), after.fields.get(field)
        path = field.removesuffix(_TARGET)
        tells_class = path != field or any(map(_makes_element, pair))
        if tells_class and pair[0] != pair[1] and not path.startswith(tuple(f"{one}." for one in found)):
            found[path] = field
    return found


def _makes_element(literal: str | None) -> bool:
    return literal is not None and literal.endswith("()") and literal != "()"


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
