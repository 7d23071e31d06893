# SPDX-License-Identifier: Apache-2.0
"""Rows that are matched on a key, in each type of file that has tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.comparators.base import ComparisonError
from replay.comparators.files import FileComparison, compare_files
from replay.comparators.matched_rows import match_columns
from replay.comparators.matching import IN_PLACE, Key, Matching
from replay.comparators.policy import Policy, Verdict
from replay.comparators.rules import RowKey

Columns = dict[str, Any]
Compare = Callable[..., FileComparison]

CATALOGUE: Columns = {
    "id": np.array([5, 3, 9, 7], "i8"),
    "band": np.array([b"g", b"r", b"g", b"i"], "S1"),
    "flux": np.array([1.0, 2.0, np.nan, 4.0], "f4"),
}


def write_fits(path: Path, columns: Columns) -> None:
    formats = {"i8": "K", "S1": "1A", "f4": "E", "i4": "J", "f8": "D"}
    made = [fits.Column(name, formats[values.dtype.str[1:]], array=values) for name, values in columns.items()]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(made, name="CAT")]).writeto(path)


def write_parquet(path: Path, columns: Columns) -> None:
    pq.write_table(pa.table(columns), path)


def write_ecsv(path: Path, columns: Columns) -> None:
    Table(columns).write(path)


def write_hdf5(path: Path, columns: Columns) -> None:
    table = np.zeros(len(columns["id"]), [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        table[name] = values
    with h5py.File(path, "w") as file:
        file["cat"] = table


WRITERS = {"fits": write_fits, "parquet": write_parquet, "ecsv": write_ecsv, "h5": write_hdf5}


def keyed(*columns: str, table: str = "*") -> Policy:
    return Policy(keys=(RowKey(Key(table, columns), "primary key"),))


@pytest.fixture(params=WRITERS)
def compare(request: Any, tmp_path: Path) -> Compare:
    """Give a function that writes two catalogues and compares them."""

    def run(remade: Columns, policy: Policy, original: Columns = CATALOGUE) -> FileComparison:
        paths = tmp_path / f"a.{request.param}", tmp_path / f"b.{request.param}"
        for path, columns in zip(paths, (original, remade), strict=True):
            path.unlink(missing_ok=True)
            WRITERS[request.param](path, columns)
        return compare_files(*paths, policy)

    return run


def taken(rows: list[int], **changes: Any) -> Columns:
    columns = {name: values[rows].copy() for name, values in CATALOGUE.items()}
    return columns | changes


def test_order_alone_is_told_and_equal_only_by_the_key(compare: Compare) -> None:
    shuffled = taken([2, 0, 3, 1])
    found = compare(shuffled, keyed("id"))
    (leaf,) = found.leaves(kind="order")
    assert found.verdict is Verdict.EQUAL
    assert leaf.difference.measures["matched_on"] == "id"
    assert leaf.difference.detail == "4 of 4 rows, matched on id, are in another order, from row id=5 on"
    assert [str(one) for one in found.judgement.volatile] == [str(leaf)]
    assert Policy().judge(False, found.differences).verdict is Verdict.DIFFERENT
    assert compare(shuffled, Policy()).verdict is Verdict.DIFFERENT
    assert compare(shuffled, keyed("flux", table="nothing")).verdict is Verdict.DIFFERENT


def test_a_value_that_changed_is_found_among_rows_in_another_order(compare: Compare) -> None:
    remade = taken([2, 0, 3, 1])
    remade["flux"][1] += 1
    found = compare(remade, keyed("id"))
    assert found.verdict is Verdict.DIFFERENT
    (leaf,) = found.judgement.significant
    assert "flux" in leaf.path[-1]
    assert leaf.difference.detail.endswith("first at row id=5: 1.0 → 2.0")
    assert leaf.difference.measures["count"] == 1


def test_rows_of_one_side_are_named(compare: Compare) -> None:
    found = compare(taken([1, 2, 3], id=np.array([3, 9, 8], "i8")), keyed("id"))
    told = {leaf.difference.kind: leaf.difference for leaf in found.judgement.significant}
    assert {kind: one.measures["keys"] for kind, one in told.items()} == {"missing": "id=5; id=7", "extra": "id=8"}
    assert told["missing"].detail == "2 rows are missing in the re-made file: id=5; id=7"  # type: ignore[index]
    assert told["extra"].detail == "1 row is only in the re-made file: id=8"  # type: ignore[index]
    assert found.verdict is Verdict.DIFFERENT


def test_a_key_may_have_several_columns(compare: Compare) -> None:
    same = taken([0, 1, 2, 3], id=np.array([5, 5, 5, 6], "i8"), band=np.array([b"g", b"r", b"i", b"g"]))
    moved = {name: values[::-1].copy() for name, values in same.items()}
    assert compare(moved, keyed("id", "band"), same).verdict is Verdict.EQUAL
    moved["band"][0] = b"z"
    found = compare(moved, keyed("id", "band"), same)
    assert [one.difference.measures["keys"] for one in found.leaves(kind="missing")] == ["id=6, band=g"]


@pytest.mark.parametrize("side", [0, 1])
def test_two_rows_of_one_key_are_an_error(compare: Compare, side: int) -> None:
    twice = taken([0, 1, 2, 3], id=np.array([5, 3, 9, 3], "i8"))
    pair = (CATALOGUE, twice) if side else (twice, taken([1, 0, 2, 3]))
    with pytest.raises(ComparisonError) as caught:
        compare(pair[1], keyed("id"), pair[0])
    assert caught.value.path.stem == "ab"[side]
    told = "rows 1 and 3 have the same key, id=3; name columns that tell all rows apart in the policy's key"
    assert caught.value.reason == told


def test_a_key_that_a_table_lacks_leaves_rows_in_place(compare: Compare) -> None:
    assert compare(taken([1, 0, 2, 3]), keyed("name")).verdict is Verdict.DIFFERENT


def test_no_rows(compare: Compare) -> None:
    found = compare(taken([0]), keyed("id"), taken([]))
    assert [one.difference.measures["count"] for one in found.leaves(kind="extra")] == [1]


def test_the_first_key_that_applies() -> None:
    matching = Matching((Key("A*", ("x",)), Key("*", ("id",)), Key("*", ("name",))))
    assert matching.key("AB", ["x", "id"], ["id", "x"]) == Key("A*", ("x",))
    assert matching.key("AB", ["x", "id"], ["id"]) == Key("*", ("id",))
    assert matching.key("B", ["name"], ["name"]) == Key("*", ("name",))
    assert matching.key("B", ["y"], ["y"]) is IN_PLACE.key("B", ["id"], ["id"]) is None


PATHS = Path("a"), Path("b")


def test_texts_and_numbers_of_another_width_match() -> None:
    for a, b in ((np.array([1, 2], "i4"), np.array([2, 1], ">i8")), (np.array(["a", "b"]), np.array(["b", "a"], "U9"))):
        rows = match_columns(PATHS, [(a, b)], Key("", ("id",)))
        assert rows is not None
        assert rows.remade.tolist() == [1, 0]


@pytest.mark.parametrize(
    "pair", [(np.zeros(1, "i8"), np.zeros(1, "u8")), (np.zeros(1), np.zeros((1, 2))), (np.array([{}]), np.zeros(1))]
)
def test_values_that_do_not_compare_do_not_match(pair: tuple[Any, Any]) -> None:
    assert match_columns(PATHS, [pair], Key("", ("id",))) is None


@settings(deadline=None)
@given(st.lists(st.integers(-5, 300), unique=True), st.lists(st.integers(-5, 300), unique=True))
def test_every_row_is_in_one_place(a: list[int], b: list[int]) -> None:
    rows = match_columns(PATHS, [(np.array(a, "i8"), np.array(b, "i8"))], Key("", ("id",)))
    assert rows is not None
    assert [a[i] for i in rows.original] == [b[i] for i in rows.remade] == [x for x in a if x in b]
    assert {a[i] for i in rows.missing} == set(a) - set(b)
    assert {b[i] for i in rows.extra} == set(b) - set(a)
    kinds = {one.kind for one in rows.differences("t")}
    assert ("order" in kinds) == ([x for x in a if x in b] != [x for x in b if x in a])
