# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.comparators.difference import Difference, Kind
from replay.comparators.tree import Tagged, compare_documents

NAN, INF = float("nan"), float("inf")
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def one(a: Any, b: Any) -> Difference:
    (found,) = compare_documents(a, b)
    return found


@settings(deadline=None)
@given(documents)
def test_a_document_equals_its_copy(document: Any) -> None:
    assert compare_documents(document, copy.deepcopy(document)) == ()


@settings(deadline=None)
@given(documents, documents)
def test_different_documents_differ_both_ways(a: Any, b: Any) -> None:
    assert bool(compare_documents(a, b)) == bool(compare_documents(b, a)) == (repr(sort(a)) != repr(sort(b)))


def sort(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: sort(value[key]) for key in sorted(value)}
    return [sort(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("a", "b", "kind", "line"),
    [
        (1, 1.0, Kind.TYPE, "$: integer 1 → float 1.0"),
        (1, True, Kind.TYPE, "$: integer 1 → boolean True"),
        (1.0, True, Kind.TYPE, "$: float 1.0 → boolean True"),
        (None, "", Kind.TYPE, "$: null None → string ''"),
        ([], {}, Kind.TYPE, "$: list [] → mapping {}"),
        (1, 2, Kind.VALUE, "$: 1 → 2"),
        (0.0, -0.0, Kind.VALUE, "$: 0.0 → -0.0"),
        (1.0, NAN, Kind.NAN, "$: 1.0 → nan"),
        (1.0, INF, Kind.INF, "$: 1.0 → inf"),
        ("a", "b", Kind.VALUE, "$: 'a' → 'b'"),
        ({"a": {"b": [1, 2, 3]}}, {"a": {"b": [1, 2, 4]}}, Kind.VALUE, "$.a.b[2]: 3 → 4"),
        ({"a b": 1}, {"a b": 2}, Kind.VALUE, "$['a b']: 1 → 2"),
        ({"a": 1}, {"a": 1, "b": 2}, Kind.EXTRA, "$.b: key 'b' is only in the re-made file"),
        ({"a": 1, "b": 2}, {"a": 1}, Kind.MISSING, "$.b: key 'b' is missing in the re-made file"),
        ([1, 2], [1], Kind.MISSING, "$[1]: item is missing in the re-made file: 2"),
        ([1], [1, {"x": 3}], Kind.EXTRA, "$[1]: item is only in the re-made file: {'x': 3}"),
        ([1, 2, 3], [1, 3, 2], Kind.ORDER, "$: the same 3 items in another order, from [1] on: 2 → 3"),
        ({1: "x"}, {1.0: "x"}, None, ""),
        ({1, 2}, {1, 3}, Kind.VALUE, "$: {1, 2} → {1, 3}"),
        (datetime.date(2026, 1, 1), datetime.date(2026, 1, 2), Kind.VALUE, "$: datetime.date(2026, 1, 1) → "),
        (Tagged("!a", [1]), Tagged("!b", [1]), Kind.TYPE, "$: tag !a → !b"),
        (Tagged("!a", {"x": 1}), Tagged("!a", {"x": 2}), Kind.VALUE, "$.x: 1 → 2"),
        (Tagged("!a", [1, [2, [3, [4]]]]), 5, Kind.TYPE, "$: tagged value !a [1, [2, [...]]] → integer 5"),
        ([("k", 1)], [("k", 2)], Kind.VALUE, "$[0][1]: 1 → 2"),
    ],
)
def test_what_differs_is_named(a: Any, b: Any, kind: Kind | None, line: str) -> None:
    if kind is None:
        assert {found.kind for found in compare_documents(a, b)} == {Kind.MISSING, Kind.EXTRA}
        return
    (leaf,) = one(a, b).leaves()
    assert leaf.difference.kind is kind
    assert str(leaf).startswith(line)


def test_the_same_items_in_other_numbers_are_not_an_order() -> None:
    assert one([1, 1, 2], [1, 2, 2]).where == "$[1]"


def test_order_of_keys_does_not_matter() -> None:
    assert compare_documents({"a": 1, "b": 2}, {"b": 2, "a": 1}) == ()


def test_floats_carry_what_a_tolerance_needs() -> None:
    assert one(2.0, 2.5).measures["frontier"] == "2.0:0.5"
    assert "frontier" not in one(2, 3).measures
    assert "frontier" not in one(2.0, NAN).measures


def test_many_floats_give_one_difference() -> None:
    a = [float(i) for i in range(100)]
    b = [x + 0.5 for x in a]
    b[7] = NAN
    nan, many = sorted(compare_documents({"x": a}, {"x": b}), key=lambda found: found.kind)
    assert (nan.kind, nan.where) == (Kind.NAN, "$.x[7]")
    assert many.detail == "99 of 100 items differ, max |Δ| 0.5, first at [0]: 0.0 → 0.5"
    assert many.measures["frontier"] == "0.0:0.5"


def test_aliases_cannot_inflate_the_work() -> None:
    def bomb(seed: int) -> Any:
        value: Any = [seed]
        for _ in range(200):
            value = [value, value]
        return value

    assert compare_documents(bomb(1), bomb(1)) == ()
    assert len(compare_documents(bomb(1), bomb(2))) == 1
    assert len(str(one(bomb(1), {"x": 1}))) < 1000


def test_a_difference_in_an_aliased_value_does_not_hide_others() -> None:
    found = compare_documents({"x": [1], "y": [1]}, {"x": [2], "y": [2]})
    assert [one.where for one in found] == ["$.x[0]", "$.y[0]"]


def test_a_document_that_contains_itself() -> None:
    a: list[Any] = [1]
    a.append(a)
    with pytest.raises(RecursionError):
        compare_documents(a, [1])
