# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from replay.comparators.arrow_values import as_one_array, find_moved_rows, measure_values
from replay.comparators.difference import Difference, Kind

NAN = float("nan")
DAY = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def measure(kind: Any, a: list[Any], b: list[Any]) -> tuple[Difference, ...]:
    arrays = (as_one_array(pa.chunked_array([pa.array(values, kind)])) for values in (a, b))
    return measure_values("column x", *arrays, lambda i: f"row {i}")


@pytest.mark.parametrize(
    ("kind", "same", "other"),
    [
        (pa.int8(), 1, 2),
        (pa.uint64(), 2**64 - 1, 2**64 - 2),
        (pa.float16(), np.float16(1), np.float16(2)),
        (pa.float32(), NAN, 1.0),
        (pa.bool_(), True, False),
        (pa.string(), "a", "b"),
        (pa.large_string(), "a", "b"),
        (pa.string_view(), "a", "b"),
        (pa.binary(), b"a", b"b"),
        (pa.binary(2), b"aa", b"ab"),
        (pa.date32(), DAY.date(), DAY.date() + datetime.timedelta(1)),
        (pa.date64(), DAY.date(), DAY.date() + datetime.timedelta(1)),
        (pa.time32("s"), DAY.time(), datetime.time(1)),
        (pa.time64("ns"), DAY.time(), datetime.time(1)),
        (pa.timestamp("us", "UTC"), DAY, DAY + datetime.timedelta(1)),
        (pa.duration("ms"), datetime.timedelta(1), datetime.timedelta(2)),
        (pa.month_day_nano_interval(), (1, 2, 3), (1, 2, 4)),
        (pa.decimal128(5, 2), decimal.Decimal("1.00"), decimal.Decimal("1.01")),
        (pa.dictionary(pa.int8(), pa.string()), "a", "b"),
        (pa.list_(pa.float64()), [1.0, NAN, None], [1.0, NAN, 2.0]),
        (pa.large_list(pa.string()), ["a", None], ["a", "b"]),
        (pa.list_(pa.int32(), 2), [1, 2], [1, 3]),
        (pa.list_(pa.list_(pa.int8())), [[1], []], [[], [1]]),
        (pa.list_(pa.dictionary(pa.int8(), pa.string())), ["a"], ["b"]),
        (pa.struct({"a": pa.float32(), "b": pa.list_(pa.string())}), {"a": NAN, "b": ["x"]}, {"a": NAN, "b": ["y"]}),
        (pa.map_(pa.string(), pa.float64()), [("k", NAN)], [("k", 1.0)]),
        (pa.uuid(), b"0" * 16, b"1" * 16),
    ],
    ids=str,
)
def test_every_type_equals_itself_and_names_what_differs(kind: Any, same: Any, other: Any) -> None:
    assert measure(kind, [same, None, same], [same, None, same]) == ()
    found = measure(kind, [None, same, same], [None, same, other])
    assert len(found) == 1
    assert "row 2" in found[0].detail
    (found_null,) = measure(kind, [same, None], [same, same])
    assert (found_null.kind, found_null.measures["first"]) == (Kind.NULL, "row 1")


def test_only_nulls() -> None:
    assert measure(pa.null(), [None, None], [None, None]) == ()
    assert measure(pa.int8(), [], []) == ()


def test_how_a_dictionary_numbers_its_words_does_not_matter() -> None:
    kind = pa.dictionary(pa.int8(), pa.string())
    a = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), ["x", "y"])
    b = pa.DictionaryArray.from_arrays(pa.array([1, 0], pa.int8()), ["y", "x"])
    assert a.type == b.type == kind
    arrays = (as_one_array(pa.chunked_array([one])) for one in (a, b))
    assert measure_values("x", *arrays, str) == ()


def test_pieces_do_not_matter() -> None:
    a = pa.chunked_array([["a"], ["b", None]])
    assert measure_values("x", as_one_array(a), as_one_array(pa.chunked_array([["a", "b", None]])), str) == ()
    assert len(as_one_array(pa.chunked_array([], pa.string()))) == 0


def test_contradicting_buffers_are_refused() -> None:
    offsets = pa.py_buffer(b"\0\0\0\0\1\0\0\0")
    bad = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"\xff")])
    with pytest.raises(pa.ArrowInvalid, match="UTF8"):
        as_one_array(pa.chunked_array([bad]))


@pytest.mark.parametrize(
    ("a", "b", "moved"),
    [
        ([1.0, 2.0, NAN], [NAN, 2.0, 1.0], [0, 2]),
        ([0.0, -0.0], [-0.0, 0.0], [0, 1]),
        ([1.0, 1.0, 2.0], [1.0, 2.0, 2.0], None),
        ([None, 1.0], [1.0, None], [0, 1]),
        ([None, NAN], [None, None], None),
    ],
)
def test_moved_rows_of_one_column(a: list[Any], b: list[Any], moved: list[int] | None) -> None:
    found = find_moved_rows(len(a), [(pa.array(a, pa.float64()), pa.array(b, pa.float64()))])
    assert (None if found is None else found.tolist()) == moved


def test_rows_are_the_same_only_with_all_their_cells() -> None:
    x, y, other = (pa.array(values) for values in ([0, 0, 1, 1], [0, 1, 0, 1], [0, 2, 0, 0]))
    assert find_moved_rows(4, [(x, x), (y, other)]) is None
    swapped = find_moved_rows(4, [(x, x), (y, pa.array([1, 0, 0, 1]))])
    assert swapped is not None
    assert swapped.tolist() == [0, 1]
