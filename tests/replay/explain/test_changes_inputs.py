# SPDX-License-Identifier: Apache-2.0
"""The changes of a quantum's inputs: other datasets, more, fewer, in another order."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from envcap.model.manifest import DatasetGroup
from replay.explain.changes.inputs import _of_quantum

Rows = Sequence[tuple[str, str]]
"""Exposures with the RUN that their dataset is of."""


def _groups(rows: Rows, dataset_type: str = "raw") -> list[DatasetGroup]:
    found: list[dict[str, Any]] = []
    for exposure, run in rows:
        if not found or found[-1]["run"] != run:
            found.append({"dataset_type": dataset_type, "run": run, "dimensions": ["exposure"], "rows": []})
        found[-1]["rows"].append([f"{run}-{exposure}", exposure])
    return [DatasetGroup.checked(one) for one in found]


def _draft(*groups: DatasetGroup) -> Any:
    plain = [{**one.data, "rows": [list(row) for row in one.rows]} for one in groups]
    work: dict[str, list[str]] = {}
    for one in groups:
        work.setdefault(one.dataset_type, []).extend(row[0] for row in one.rows)
    return SimpleNamespace(identity={"inputs": plain}, work={"inputs": work})


def _changed(before: Rows, after: Rows, some: Sequence[str] | None = None) -> Any:
    draft = _draft(*_groups(before))
    for change in _of_quantum("inputs", _groups(before), _groups(after)):
        if some is None or change.name in some:
            change.apply(draft)
    return draft


def _names(before: Rows, after: Rows) -> list[tuple[str, str, str]]:
    return [(one.name, one.before, one.after) for one in _of_quantum("inputs", _groups(before), _groups(after))]


def test_another_dataset() -> None:
    before, after = [("1", "a"), ("2", "a")], [("1", "a"), ("2", "b")]
    assert _names(before, after) == [("raw {exposure: 2}", "a-2", "b-2")]


def test_one_more_and_one_less() -> None:
    assert _names([("1", "a"), ("2", "a")], [("2", "a"), ("3", "a")]) == [
        ("raw {exposure: 1}", "a-1", "—"),
        ("raw {exposure: 3}", "—", "a-3"),
    ]


def test_the_order() -> None:
    before, after = [("1", "a"), ("2", "a")], [("2", "a"), ("1", "a")]
    assert [name for name, _, _ in _names(before, after)] == ["order of raw"]
    assert _changed(before, after).work["inputs"]["raw"] == ["a-2", "a-1"]
    assert _changed(before, after, []).work["inputs"]["raw"] == ["a-1", "a-2"]


def test_other_types_are_left_as_they_are() -> None:
    flats = _groups([("1", "z")], "flat")
    draft = _draft(*flats, *_groups([("1", "a")]))
    before, after = ([*flats, *_groups([("1", run)])] for run in "ab")
    (change,) = _of_quantum("inputs", before, after)
    change.apply(draft)
    assert draft.work["inputs"] == {"flat": ["z-1"], "raw": ["b-1"]}


def test_a_type_that_only_one_has() -> None:
    both = [*_groups([("1", "a")]), *_groups([("1", "a")], "sky")]
    (change,) = _of_quantum("inputs", _groups([("1", "a")]), both)
    assert (change.before, change.after) == ("—", "a-1")
    draft = _draft(*_groups([("1", "a")]))
    change.apply(draft)
    assert draft.work["inputs"] == {"raw": ["a-1"], "sky": ["a-1"]}
    (back,) = _of_quantum("inputs", both, _groups([("1", "a")]))
    back.apply(draft)
    assert draft.work["inputs"] == {"raw": ["a-1"]}


ROWS = st.lists(st.tuples(st.sampled_from("12345678"), st.sampled_from("ab")), max_size=7, unique_by=lambda row: row[0])


@settings(deadline=None, database=None)
@given(ROWS, ROWS)
def test_all_changes_make_the_second_to_the_order(before: Rows, after: Rows) -> None:
    draft = _changed(before, after)
    expected = [f"{run}-{exposure}" for exposure, run in after]
    assert draft.work["inputs"].get("raw", []) == expected
    groups = [DatasetGroup.checked(one) for one in draft.identity["inputs"]]
    assert [row[0] for one in groups for row in one.rows] == expected
    assert [one.run for one in groups for _ in one.rows] == [run for _, run in after]


@settings(deadline=None, database=None)
@given(ROWS, ROWS, st.data())
def test_any_part_of_them_keeps_one_dataset_for_each_exposure(before: Rows, after: Rows, data: st.DataObject) -> None:
    names = [name for name, _, _ in _names(before, after)]
    some = data.draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    draft = _changed(before, after, some)
    found = dict(one.split("-")[::-1] for one in draft.work["inputs"].get("raw", []))
    expected = dict(before)
    for exposure in {*dict(before), *dict(after)}:
        if f"raw {{exposure: {exposure}}}" in some:
            expected.pop(exposure, None)
            expected |= {other: run for other, run in after if other == exposure}
    assert found == expected
    assert len(draft.work["inputs"].get("raw", [])) == len(expected)
