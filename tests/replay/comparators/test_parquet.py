# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.table import Table

from replay.comparators.base import ComparisonError
from replay.comparators.parquet import ArrowComparator, ParquetComparator
from replay.comparators.policy import NEW_RUN, Policy, Verdict

Write = Callable[..., Path]


def catalogue(**changes: Any) -> pa.Table:
    """Make a catalogue with units, nulls, NaN, texts, lists and structures."""
    columns: dict[str, Any] = {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "flux": pa.array([1.0, float("nan"), 0.0, None], pa.float64()),
        "band": pa.array(["g", "r", None, "i"]),
        "moments": pa.array([[1.0, 2.0], [], None, [float("nan")]]),
        "flags": pa.array([{"edge": True, "n": 1}, {"edge": None, "n": 2}, None, {"edge": False, "n": 4}]),
    }
    fields = [
        pa.field(name, array.type, metadata={"unit": "nJy"} if name == "flux" else None)
        for name, array in (columns | changes).items()
    ]
    schema = pa.schema(fields, metadata={"LSST.BUTLER.RUN": "u/me/run1", "origin": "test"})
    return pa.table(list((columns | changes).values()), schema=schema)


def with_field(table: pa.Table, name: str, field: pa.Field) -> pa.Table:
    return table.cast(table.schema.set(table.schema.get_field_index(name), field))


def with_metadata(**metadata: str) -> pa.Table:
    table = catalogue()
    kept = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    return table.replace_schema_metadata(kept | metadata)


FLUX = catalogue()["flux"].to_pylist()
TAMPERS = {
    "one ULP": (
        catalogue(flux=pa.array([np.nextafter(1.0, 2.0), *FLUX[1:]])),
        "column flux: 1 of 3 values differ, max |Δ| 2.22e-16 nJy, max 1 ULP, first at row 0: 1.0 → 1.0000000000000002",
    ),
    "NaN": (
        catalogue(flux=pa.array([1.0, 2.0, 0.0, None])),
        "column flux: 1 of 3 values are NaN on one side only, first at row 1: nan → 2.0",
    ),
    "sign of zero": (
        catalogue(flux=pa.array([1.0, float("nan"), -0.0, None])),
        "only in the sign of zero, first at row 2",
    ),
    "null": (
        catalogue(flux=pa.array([1.0, float("nan"), 0.0, 0.0])),
        "column flux: 1 of 4 values are null on one side only, first at row 3: null → value",
    ),
    "unit": (
        with_field(catalogue(), "flux", pa.field("flux", pa.float64(), metadata={"unit": "Jy"})),
        "column flux: unit 'nJy' → 'Jy'",
    ),
    "no unit": (with_field(catalogue(), "flux", pa.field("flux", pa.float64())), "column flux: unit missing"),
    "type": (catalogue(id=pa.array([1, 2, 3, 4], pa.int32())), "column id: int64 → int32"),
    "nullability": (
        with_field(catalogue(), "id", pa.field("id", pa.int64(), nullable=False)),
        "column id: nullable → not nullable",
    ),
    "text": (
        catalogue(band=pa.array(["g", "R", None, "i"])),
        "column band: 1 of 3 values differ, first at row 1: 'r' → 'R'",
    ),
    "list item": (
        catalogue(moments=pa.array([[1.0, 2.5], [], None, [float("nan")]])),
        "column moments: 1 of 3 values differ, max |Δ| 0.5, max 1125899906842624 ULP, first at row 0 item 1: 2.0 → 2.5",
    ),
    "list length": (
        catalogue(moments=pa.array([[1.0, 2.0], [1.0], None, [float("nan")]])),
        "column moments: 1 of 3 cells have another length, first at row 1: 0 → 1 items",
    ),
    "structure": (
        catalogue(flags=pa.array([{"edge": True, "n": 1}, {"edge": None, "n": 2}, None, {"edge": False, "n": 6}])),
        "column flags.n: 1 of 3 values differ, max |Δ| 2, bits 0x2, first at row 3: 4 → 6",
    ),
    "missing column": (catalogue().drop_columns("band"), "column band: column band is missing in the re-made file"),
    "extra column": (
        catalogue().append_column("new", pa.array([1, 2, 3, 4])),
        "column new: column new is only in the re-made file",
    ),
    "column order": (
        catalogue().select(["flux", "id", "band", "moments", "flags"]),
        "columns: columns in another order: id, flux → flux, id",
    ),
    "row order": (
        catalogue().take([0, 2, 1, 3]),
        "rows: the same 4 rows in another order: 2 have moved, the first is row 1",
    ),
    "number of rows": (catalogue().slice(0, 3), "rows: 4 → 3 rows"),
    "metadata": (with_metadata(origin="other"), "metadata origin: origin 'test' → 'other'"),
    "extra metadata": (with_metadata(new="x"), "metadata new: new only in the re-made file: 'x'"),
    "RUN": (
        with_metadata(**{"LSST.BUTLER.RUN": "other"}),
        "metadata LSST.BUTLER.RUN: LSST.BUTLER.RUN 'u/me/run1' → 'other'",
    ),
}


@pytest.fixture(params=["parquet", "arrow"])
def write(tmp_path: Path, request: Any) -> Write:
    """Give a function that writes a table in one of the two formats."""

    def run(name: str, table: pa.Table) -> Path:
        path = tmp_path / f"{name}.{request.param}"
        if request.param == "parquet":
            pq.write_table(table, path)
        else:
            with pa.ipc.new_file(path, table.schema) as file:
                file.write_table(table)
        return path

    return run


@pytest.mark.parametrize("case", TAMPERS)
def test_every_tamper_is_different_and_named(write: Write, judge: Any, case: str) -> None:
    table, expected = TAMPERS[case]
    verdict, lines = judge(write("a", catalogue()), write("b", table))
    assert verdict is Verdict.DIFFERENT
    assert len(lines) == 1
    assert expected in lines[0]


def test_a_tolerance_covers_floats_only(write: Write, judge: Any) -> None:
    loose = Policy(rtol="0.5", atol="0.5")
    for case in ("one ULP", "list item", "sign of zero"):
        assert judge(write("a", catalogue()), write("b", TAMPERS[case][0]), loose) == (Verdict.EQUIVALENT, []), case
    for case in ("NaN", "null", "structure", "row order", "unit", "type"):
        assert judge(write("a", catalogue()), write("b", TAMPERS[case][0]), loose)[0] is Verdict.DIFFERENT, case


def test_row_groups_and_compression_are_storage(tmp_path: Path, judge: Any) -> None:
    a, b = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(catalogue(), a)
    pq.write_table(catalogue(), b, row_group_size=2, compression="zstd", use_dictionary=False)
    assert a.read_bytes() != b.read_bytes()
    assert judge(a, b) == (Verdict.EQUAL, [])


def test_batches_are_storage(tmp_path: Path, judge: Any) -> None:
    a, b = tmp_path / "a.arrow", tmp_path / "b.arrow"
    for path, size in ((a, 4), (b, 1)):
        with pa.ipc.new_file(path, catalogue().schema) as file:
            file.write_table(catalogue(), max_chunksize=size)
    assert a.read_bytes() != b.read_bytes()
    assert judge(a, b) == (Verdict.EQUAL, [])


def test_provenance_in_a_new_run(write: Write, judge: Any) -> None:
    before = {"LSST.BUTLER.RUN": "one", "LSST.BUTLER.ID": "1", "LSST.BUTLER.INPUT.10.ID": "2"}
    after = {"LSST.BUTLER.RUN": "two", "LSST.BUTLER.ID": "3", "LSST.BUTLER.INPUT.10.ID": "4"}
    files = write("a", with_metadata(**before)), write("b", with_metadata(**after))
    assert judge(*files, NEW_RUN) == (Verdict.EQUAL, [])
    verdict, lines = judge(*files)
    assert (verdict, len(lines)) == (Verdict.DIFFERENT, 3)


def astropy_table(unit: u.UnitBase, run: str, values: tuple[float, ...] = (1.0, 2.0)) -> Table:
    table = Table({"flux": np.array(values) * unit, "id": [1, 2]})
    table.meta["LSST.BUTLER.RUN"] = run
    return table


def test_what_astropy_writes(tmp_path: Path, judge: Any) -> None:
    def write(name: str, table: Table) -> Path:
        table.write(tmp_path / name, format="parquet")
        return tmp_path / name

    original = write("a.parquet", astropy_table(u.nJy, "one"))
    assert judge(original, write("b.parquet", astropy_table(u.nJy, "two")), NEW_RUN) == (Verdict.EQUAL, [])
    verdict, lines = judge(original, write("c.parquet", astropy_table(u.Jy, "one")))
    assert (verdict, lines) == (Verdict.DIFFERENT, ["column flux: unit 'nJy' → 'Jy'"])


def test_many_shuffled_rows_are_recognised_and_a_changed_one_is_not(tmp_path: Path, judge: Any) -> None:
    random = np.random.default_rng(5)
    size = 5000
    table = pa.table(
        {
            "a": random.integers(0, 3, size),
            "b": np.where(random.random(size) < 0.1, np.nan, random.integers(0, 5, size) / 4),
            "c": pa.array([None if v > 8 else str(v) for v in random.integers(0, 10, size)]),
            "d": [[float(v)] for v in random.integers(0, 2, size)],
        }
    )
    shuffled = table.take(random.permutation(size))
    changed = shuffled.set_column(0, "a", pa.array([7, *shuffled["a"].to_pylist()[1:]]))
    paths = [tmp_path / f"{name}.parquet" for name in "abc"]
    for path, one in zip(paths, (table, shuffled, changed), strict=True):
        pq.write_table(one, path)
    verdict, lines = judge(paths[0], paths[1])
    assert verdict is Verdict.DIFFERENT
    assert lines[0].startswith("rows: the same 5000 rows in another order")
    _, lines = judge(paths[0], paths[2])
    assert not any("order" in line for line in lines)


def test_rows_that_swap_cells_are_not_the_same_rows(tmp_path: Path, judge: Any) -> None:
    a, b = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(pa.table({"x": [1, 2], "y": [1, 2]}), a)
    pq.write_table(pa.table({"x": [1, 2], "y": [2, 1]}), b)
    _, lines = judge(a, b)
    assert [line.split(":")[0] for line in lines] == ["column y"]


def test_an_order_is_told_only_of_whole_rows(tmp_path: Path, judge: Any) -> None:
    a, b = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(pa.table({"x": [1, 2], "y": [1, 2]}), a)
    pq.write_table(pa.table({"x": [2, 1], "y": [2.0, 1.0]}), b)
    _, lines = judge(a, b)
    assert [line.split(":")[0] for line in lines] == ["column y", "column x"]


def test_names_with_dots(tmp_path: Path, judge: Any) -> None:
    a, b = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(pa.table({"s.x": [1], "s": [{"x": 1}]}), a)
    pq.write_table(pa.table({"s.x": [2], "s": [{"x": 1}]}), b)
    _, lines = judge(a, b)
    assert [line.split(":")[0] for line in lines] == ["column s.x"]


def test_no_columns_and_no_rows(write: Write, judge: Any) -> None:
    empty = catalogue().slice(0, 0)
    assert judge(write("a", empty), write("b", empty.replace_schema_metadata({"x": "y"})))[0] is Verdict.DIFFERENT
    assert judge(write("a", empty), write("b", empty)) == (Verdict.IDENTICAL, [])
    assert judge(write("a", pa.table({})), write("b", pa.table({}).replace_schema_metadata({"x": "y"})))[1] == [
        "metadata x: x only in the re-made file: 'y'"
    ]


def test_repeated_column_names_are_refused(write: Write) -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["x", "x"])
    path = write("a", table)
    comparator = ParquetComparator() if path.suffix == ".parquet" else ArrowComparator()
    with pytest.raises(ComparisonError, match="several columns of one name"):
        comparator.compare(path, path)


@pytest.mark.parametrize("keep", [0, 4, 100, -8, -1, -600])
def test_a_truncated_file_is_an_error(write: Write, tmp_path: Path, keep: int) -> None:
    original = write("a", catalogue())
    cut = tmp_path / f"cut{original.suffix}"
    cut.write_bytes(original.read_bytes()[:keep])
    comparator = ParquetComparator() if original.suffix == ".parquet" else ArrowComparator()
    with pytest.raises(ComparisonError) as caught:
        comparator.compare(original, cut)
    assert caught.value.path == cut
    assert "\n" not in str(caught.value)


def test_damage_anywhere_raises_nothing_but_the_documented_error(write: Write, tmp_path: Path) -> None:
    original = write("a", catalogue())
    content = original.read_bytes()
    comparator = ParquetComparator() if original.suffix == ".parquet" else ArrowComparator()
    damaged = tmp_path / f"damaged{original.suffix}"
    for place in range(8, len(content), 7):
        damaged.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        with suppress(ComparisonError):
            comparator.compare(original, damaged)
