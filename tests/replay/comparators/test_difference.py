# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from replay.comparators.difference import Difference, Kind, brief, changed, grouped, pair_up, transition, unique_names


def leaf(where: str) -> Difference:
    return Difference(where, Kind.VALUE, "1 → 2", {"count": 1, "max_abs": repr(1.5)})


def test_leaves_carry_their_whole_path() -> None:
    (tree,) = grouped("HDU A", [leaf("pixels"), *grouped("table", [leaf("column x"), leaf("column y")])])
    assert [found.path for found in tree.leaves()] == [
        ("HDU A", "pixels"),
        ("HDU A", "table", "column x"),
        ("HDU A", "table", "column y"),
    ]
    assert str(next(iter(tree.leaves()))) == "HDU A / pixels: 1 → 2"
    assert tree.detail == "3 differences"


def test_leaves_are_found_by_where_they_are() -> None:
    (tree,) = grouped("HDU A", [leaf("pixels"), *grouped("table", [leaf("column x"), leaf("column y")])])
    assert [str(one).split(":")[0] for one in tree.find("column *")] == [
        "HDU A / table / column x",
        "HDU A / table / column y",
    ]
    assert [one.path[-1] for one in tree.find("HDU A / pixels")] == ["pixels"]
    assert len(list(tree.find("HDU A"))) == len(list(tree.find("*"))) == 3
    assert list(tree.find("x")) == list(tree.find("HDU")) == []


def test_a_tree_survives_json() -> None:
    (tree,) = grouped("HDU A", [leaf("pixels"), *grouped("table", [leaf("column x")])])
    assert Difference.from_json(json.loads(json.dumps(tree.to_json()))) == tree


def test_a_leaf_is_one_line_of_text() -> None:
    evil = Difference("a\nb", Kind.VALUE, "\x1b[2J")
    assert str(next(iter(evil.leaves()))) == "a\\nb: \\x1b[2J"


def test_json_has_no_floats() -> None:
    (tree,) = grouped("HDU A", [leaf("pixels")])

    def refuse(text: str) -> float:
        raise AssertionError(text)

    document = json.loads(json.dumps(tree.to_json()), parse_float=refuse)
    assert document["children"][0] == {
        "where": "pixels",
        "kind": "value",
        "detail": "1 → 2",
        "measures": {"count": 1, "max_abs": "1.5"},
    }
    assert next(iter(tree.leaves())).to_json()["path"] == ["HDU A", "pixels"]


def test_only_groups_have_children() -> None:
    with pytest.raises(ValueError, match="children"):
        Difference("x", Kind.VALUE, "", children=(leaf("y"),))
    with pytest.raises(ValueError, match="children"):
        Difference("x", Kind.GROUP, "")
    assert grouped("x", []) == ()


def test_pair_up_names_missing_extra_and_moved() -> None:
    common, found = pair_up(["a", "b", "c", "d"], ["a", "c", "b", "e"], "column", "columns")
    assert common == ["a", "b", "c"]
    assert [(one.kind, one.where) for one in found] == [
        (Kind.MISSING, "column d"),
        (Kind.EXTRA, "column e"),
        (Kind.ORDER, "columns"),
    ]
    assert found[2].detail == "columns in another order: b, c → c, b"


def test_pair_up_of_the_same_names_finds_nothing() -> None:
    assert pair_up("abc", "abc", "column", "columns") == (["a", "b", "c"], ())


def test_unique_names() -> None:
    assert unique_names(["a", "b", "a", "a"]) == ["a", "b", "a#2", "a#3"]


@pytest.mark.parametrize(
    ("before", "after", "change", "detail"),
    [
        ("1", "2", "value", "X 1 → 2"),
        (None, "2", "extra", "X only in the re-made file: 2"),
        ("1", None, "missing", "X missing in the re-made file; was 1"),
    ],
)
def test_changed(before: str | None, after: str | None, change: str, detail: str) -> None:
    found = changed(Kind.CARD, "card X", "X", before, after)
    assert (found.measures["change"], found.detail) == (change, detail)
    assert (found.measures.get("original"), found.measures.get("remade")) == (before, after)


def test_long_texts_are_cut_to_where_they_differ() -> None:
    text = transition("x" * 500 + "a" + "y" * 500, "x" * 500 + "b" + "y" * 500)
    assert len(text) < 140
    before, after = text.split(" → ")
    assert before != after
    assert before.startswith("…x")
    assert len(brief("z" * 500)) == 60
    assert brief("a\n  b") == "a b"
