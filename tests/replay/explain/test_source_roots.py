# SPDX-License-Identifier: Apache-2.0
"""Roots of code: two of one name are told apart, and the order in which they are searched is a change of its own."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from replay.explain.changes.source_files import _by_name, _names, _RootOrder


def _draft(*names: str) -> Any:
    roots = [{"name": name, "commit": str(number)} for number, name in enumerate(names)]
    places = [{"path": f"/{number}"} for number in range(len(names))]
    return SimpleNamespace(software={"source": {"roots": roots}}, places={"source": {"roots": places}})


def _order(draft: Any) -> Sequence[tuple[str, str]]:
    roots, places = draft.software["source"]["roots"], draft.places["source"]["roots"]
    return [(root["commit"], place["path"]) for root, place in zip(roots, places, strict=True)]


def test_the_second_of_one_name_has_a_name_of_its_own() -> None:
    assert _names(["stack", "tools", "stack"]) == ["stack", "tools", "stack#2"]
    assert _by_name(_draft("stack", "tools", "stack")) == {"stack": 0, "tools": 1, "stack#2": 2}


def test_another_order_takes_the_places_along() -> None:
    draft = _draft("a", "b", "c")
    _RootOrder(["a", "b", "c"], ["c", "a", "b"]).apply(draft)
    assert _order(draft) == [("2", "/2"), ("0", "/0"), ("1", "/1")]


def test_a_root_that_the_other_has_not_stays_behind_the_others() -> None:
    draft = _draft("a", "b", "own")
    _RootOrder(["a", "b", "own"], ["b", "new", "a"]).apply(draft)
    assert [commit for commit, _ in _order(draft)] == ["1", "0", "2"]
