# SPDX-License-Identifier: Apache-2.0
"""Verdicts are read, whatever they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.campaign import entry
from replay.campaign.report.data import ReportData
from replay.campaign.report.documents import layers_of, number, outputs_of, replay_of, seconds_of, tree_lines
from replay.campaign.report.formats import FORMATS, report_text
from replay.campaign.report.summary import summarize

texts = st.text(max_size=8)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(texts, inside, max_size=3),
    max_leaves=8,
)
NAMES = ("outputs", "layers", "extra", "replay", "comparison", "judgement", "significant", "tolerated", "differences",
         "children", "path", "measures", "frontier", "dataset_type", "original", "remade", "uri", "detail")  # fmt: skip


def documents(depth: int = 4) -> st.SearchStrategy[Any]:
    """Give documents that have a verdict's members, and anything in them."""
    inside = anything if depth == 0 else documents(depth - 1) | anything
    return st.dictionaries(st.sampled_from(NAMES), inside | st.lists(inside, max_size=2), max_size=5)


@settings(deadline=None, max_examples=60)
@given(document=documents(), suspects=anything, seconds=texts)
def test_anything_can_be_reported(document: Any, suspects: Any, seconds: str) -> None:
    odd = replace(entry("a", "a", ("a",), verdict="different"), document=document, suspects=suspects, seconds=seconds)
    data = ReportData("R1", (), [odd])
    assert summarize(data).counts["different"] == 1
    for form in FORMATS[1:]:
        assert report_text(data, form)


@pytest.mark.parametrize("document", [None, [], "x", 3, {"outputs": 3}, {"outputs": [3, {"comparison": [3]}]}])
def test_what_is_no_verdict_has_nothing(document: Any) -> None:
    odd = replace(entry("a", "a", ("a",), verdict="different"), document=document)
    assert all(not output.significant for output in outputs_of(odd))
    assert (layers_of(odd), replay_of(odd)) == ([], "")


@pytest.mark.parametrize(
    ("value", "found"),
    [("1.5", 1.5), (3, 3.0), ("nan", None), ("inf", None), ("1e999", None), (True, None), (None, None), ("x", None),
     ([], None), (10**400, None)],
)  # fmt: skip
def test_a_figure_is_a_finite_number(value: object, found: float | None) -> None:
    assert number(value) == found


@pytest.mark.parametrize("seconds", ["-3", "nan", "soon", ""])
def test_no_time_is_less_than_none(seconds: str) -> None:
    assert seconds_of(replace(entry("a", "a", ("a",)), seconds=seconds)) == 0.0


@pytest.mark.parametrize(
    ("place", "path"),
    [("/a/b", "/a/b"), ("file:///a%20b", "/a b"), ("file://localhost/a", "/a"), ("file://elsewhere/a", ""),
     ("s3://bucket/a", ""), ("a/b", ""), ("", ""), ("http://[", "")],
)  # fmt: skip
def test_only_local_files_have_a_path(place: str, path: str) -> None:
    found = outputs_of(replace(entry("a", "a", ("a",)), document={"outputs": [{"remade": {"uri": place}}]}))
    assert found[0].remade == path


def test_a_tree_is_in_order_and_has_an_end() -> None:
    def nested(depth: int) -> Iterator[dict[str, Any]]:
        yield {"where": f"{depth}a", "detail": "", "children": list(nested(depth + 1)) if depth < 40 else []}
        yield {"where": f"{depth}b", "detail": ""}

    tree = {"outputs": [{"comparison": {"differences": list(nested(0))}}]}
    lines = list(tree_lines(outputs_of(replace(entry("a", "a", ("a",)), document=tree))[0]))
    assert [line.where for line in lines[:3]] == ["0a", "1a", "2a"]
    assert [line.where for line in lines[-3:]] == ["2b", "1b", "0b"]
    assert max(line.depth for line in lines) == 12
