# SPDX-License-Identifier: Apache-2.0
"""Delta debugging, on effects that need any set of items."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from replay.explain.delta import minimise


@given(st.integers(1, 24), st.data())
def test_the_needed_items_and_no_other_are_found(count: int, data: st.DataObject) -> None:
    needed = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    tried: list[Sequence[int]] = []

    def has_effect(some: Sequence[int]) -> bool:
        tried.append(some)
        return needed <= set(some)

    assert minimise(range(count), has_effect) == sorted(needed)
    assert all(list(some) == sorted(some) for some in tried)


@given(st.integers(2, 16), st.data())
def test_of_several_causes_a_least_one_is_found(count: int, data: st.DataObject) -> None:
    causes = data.draw(st.lists(st.sets(st.integers(0, count - 1), min_size=1), min_size=1, max_size=3))

    def has_effect(some: Sequence[int]) -> bool:
        return any(cause <= set(some) for cause in causes)

    found = minimise(range(count), has_effect)
    assert has_effect(found)
    assert not any(has_effect([one for one in found if one != left_out]) for left_out in found)


def test_what_cannot_be_told_is_no_effect() -> None:
    # 2 breaks whatever it is in, unless 3 is there too.
    def has_effect(some: Sequence[int]) -> bool:
        return 1 in some and (2 not in some or 3 in some)

    assert minimise(range(5), has_effect) == [1]


def test_one_item_needs_no_trial() -> None:
    assert minimise(["only"], lambda some: 1 / 0 > 0) == ["only"]
