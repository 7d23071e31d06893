# SPDX-License-Identifier: Apache-2.0
"""The inputs: which datasets a quantum is given, and in which order; which files a command is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from envcap.model.manifest import DatasetGroup

from ...jobs.base import CapturedJob
from ...jobs.command import CapturedCommand
from ...jobs.quantum import CapturedQuantum
from ..draft import Draft
from .base import NOTHING, Change, ChangeKind

__all__ = ("InputChanges",)

_LAYER = "inputs"
_MEMBERS = ("inputs", "init_inputs")

_Key = tuple[str, ...]
_Row = tuple[DatasetGroup, Sequence[str]]


class InputChanges(ChangeKind):
    """One change for each dataset or file that differs, and one for each dataset type that is in another order."""

    layer = _LAYER

    def changes(self, a: CapturedJob, b: CapturedJob) -> Iterator[Change]:
        """Yield what differs."""
        if isinstance(a, CapturedQuantum) and isinstance(b, CapturedQuantum):
            for member in _MEMBERS:
                yield from _of_quantum(member, *(getattr(one.manifest.job, member) or () for one in (a, b)))
        elif isinstance(a, CapturedCommand) and isinstance(b, CapturedCommand):
            yield from _of_command(a, b)


def _of_quantum(member: str, before: Sequence[DatasetGroup], after: Sequence[DatasetGroup]) -> Iterator[Change]:
    left, right = _rows(before), _rows(after)
    for name in sorted({*left, *right}):
        old, new = left.get(name, {}), right.get(name, {})
        for key in sorted({*old, *new}):
            pair = old.get(key), new.get(key)
            uuids = [row[1][0] if row else NOTHING for row in pair]
            if uuids[0] != uuids[1]:
                yield _DatasetChange(member, name, key, uuids, pair[1], list(new))
        common = [key for key in old if key in new]
        if common != [key for key in new if key in old]:
            yield _OrderChange(member, name, list(new))


def _rows(groups: Sequence[DatasetGroup]) -> dict[str, dict[_Key, _Row]]:
    """Return the datasets by type, in order, by data ID; a group is of one RUN."""
    found: dict[str, dict[_Key, _Row]] = {}
    for group in groups:
        for row in group.rows:
            key = tuple(f"{dimension}: {value}" for dimension, value in zip(group.dimensions, row[1:], strict=True))
            found.setdefault(group.dataset_type, {})[key] = (group, row)
    return found


class _DatasetChange(Change):
    def __init__(
        self, member: str, dataset_type: str, key: _Key, uuids: Sequence[str], row: _Row | None, order: list[_Key]
    ) -> None:
        super().__init__(_LAYER, f"{dataset_type} {{{', '.join(key)}}}", *uuids)
        self._member = member
        self._type = dataset_type
        self._key = key
        self._row = row
        self._order = order

    def apply(self, draft: Draft) -> None:
        rows = _of_draft(draft, self._member, self._type)
        if self._row is None:
            rows.pop(self._key, None)
        elif self._key in rows:
            rows[self._key] = self._row
        else:
            # Beside what stands before it in the other job.
            before = self._order[: self._order.index(self._key)]
            place = max((number for number, key in enumerate(rows, 1) if key in before), default=0)
            items = list(rows.items())
            rows = dict([*items[:place], (self._key, self._row), *items[place:]])
        _put(draft, self._member, self._type, rows)


class _OrderChange(Change):
    def __init__(self, member: str, dataset_type: str, order: list[_Key]) -> None:
        super().__init__(_LAYER, f"order of {dataset_type}", "as it is", "as it is there")
        self._member = member
        self._type = dataset_type
        self._order = order

    def apply(self, draft: Draft) -> None:
        rows = _of_draft(draft, self._member, self._type)
        known = {key: rows[key] for key in self._order if key in rows}
        _put(draft, self._member, self._type, {**known, **rows})


def _of_draft(draft: Draft, member: str, dataset_type: str) -> dict[_Key, _Row]:
    groups = [DatasetGroup.checked(group) for group in draft.identity.get(member) or ()]
    return _rows(groups).get(dataset_type, {})


def _put(draft: Draft, member: str, dataset_type: str, rows: Mapping[_Key, _Row]) -> None:
    """Write the datasets of one type back, those of one RUN that follow each other as one group."""
    groups: list[dict[str, Any]] = []
    for group, row in rows.values():
        plain = {name: value for name, value in group.data.items() if name != "rows"}
        if not groups or {name: value for name, value in groups[-1].items() if name != "rows"} != plain:
            groups.append({**plain, "rows": []})
        groups[-1]["rows"].append(list(row))
    others = [group for group in draft.identity.get(member) or () if group["dataset_type"] != dataset_type]
    draft.identity[member] = [*others, *groups]
    named = {**draft.work[member], dataset_type: [row[0] for _, row in rows.values()]}
    draft.work[member] = {name: uuids for name, uuids in sorted(named.items()) if uuids}


def _of_command(a: CapturedCommand, b: CapturedCommand) -> Iterator[Change]:
    before, after = a.command.inputs, b.command.inputs
    places = b.manifest.job.files or {}
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            told = [one.get(name, NOTHING) for one in (before, after)]
            yield _FileChange(name, told, places.get(f"input:{name}"))


class _FileChange(Change):
    def __init__(self, name: str, told: Sequence[str], place: str | None) -> None:
        super().__init__(_LAYER, name, *told)
        self._place = place

    def apply(self, draft: Draft) -> None:
        files = draft.identity.setdefault("files", {})
        if self.after == NOTHING or self._place is None:
            draft.work["inputs"].pop(self.name, None)
            files.pop(f"input:{self.name}", None)
        else:
            draft.work["inputs"][self.name] = self.after
            files[f"input:{self.name}"] = self._place
