# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from replay.comparators import arrays
from replay.comparators.arrays import measure_arrays
from replay.comparators.difference import Difference, Kind

DTYPES = ["f2", "<f4", ">f4", "<f8", ">f8", "c8", ">c16", "i1", "<i2", ">i4", "i8", "u1", "u2", ">u8", "?", "S3", "U2",
          "V3", "M8[s]", "m8[ns]"]  # fmt: skip
STRUCTURED = np.dtype([("flux", ">f4"), ("flag", "?"), ("id", "<i8"), ("name", "S4"), ("pos", "f8", (2,))])


def measure(a: Any, b: Any, **options: Any) -> tuple[Difference, ...]:
    return measure_arrays("pixels", np.asarray(a), np.asarray(b), **options)


def one(a: Any, b: Any, **options: Any) -> Difference:
    (found,) = measure(a, b, **options)
    return found


def any_array(dtype: Any) -> st.SearchStrategy[Any]:
    """Draw arrays of any bits: every NaN, every flag and every zero."""
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4)

    def build(draw: tuple[tuple[int, ...], bytes]) -> Any:
        shape, seed = draw
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        raw = (seed * (size // len(seed) + 1))[:size]
        return np.frombuffer(raw, dtype=dtype).reshape(shape).copy()

    return st.tuples(shapes, st.binary(min_size=1, max_size=64)).map(build)


@pytest.mark.parametrize("dtype", [*DTYPES, STRUCTURED], ids=str)
@settings(deadline=None)
@given(data=st.data())
def test_an_array_equals_itself(dtype: Any, data: st.DataObject) -> None:
    array = data.draw(any_array(dtype))
    assert measure(array, array.copy()) == ()


@pytest.mark.parametrize("dtype", [*DTYPES, STRUCTURED], ids=str)
@settings(deadline=None)
@given(data=st.data())
def test_any_flipped_bit_is_found(dtype: Any, data: st.DataObject) -> None:
    array = data.draw(any_array(dtype))
    raw = bytearray(array.tobytes())
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    other = np.frombuffer(bytes(raw), dtype=array.dtype).reshape(array.shape)
    assume(not both_nan(array, other, bit // 8))
    found = measure(array, other)
    assert len([leaf for difference in found for leaf in difference.leaves()]) == 1
    assert measure(other, array)


def both_nan(a: Any, b: Any, byte: int) -> bool:
    """Tell whether the flipped bit is the payload of a NaN, which is not a value."""
    dtype, place = a.dtype, byte % a.dtype.itemsize
    if dtype.names:
        name = max((n for n in dtype.names if dtype.fields[n][1] <= place), key=lambda n: dtype.fields[n][1])
        row = byte // dtype.itemsize
        return both_nan(*(array.reshape(-1)[row : row + 1][name] for array in (a, b)), place - dtype.fields[name][1])
    if dtype.kind not in "fc":
        return False
    x, y = (np.ascontiguousarray(array).reshape(-1).view(array.real.dtype) for array in (a, b))
    component = byte // x.dtype.itemsize
    return bool(np.isnan(x[component]) and np.isnan(y[component]))


def test_one_ulp_is_counted_and_placed() -> None:
    a = np.ones((256, 256), dtype=np.float32)
    b = a.copy()
    b[12, 40] = np.nextafter(np.float32(1), np.float32(2))
    found = one(a, b, noun="pixels")
    assert found.kind is Kind.VALUE
    assert found.detail == ("1 of 65536 pixels differ, max |Δ| 1.19e-07, max 1 ULP, first at (12, 40): 1.0 → 1.0000001")
    assert found.measures == {
        "count": 1,
        "total": 65536,
        "max_abs": "1.1920928955078125e-07",
        "max_rel": "1.1920928955078125e-07",
        "max_ulp": "1",
        "frontier": "1.0:1.1920928955078125e-07",
        "first": "(12, 40)",
        "first_original": "1.0",
        "first_remade": "1.0000001",
    }


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_ulps_agree_with_numpy_and_cross_zero(dtype: str) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    assert one(np.array([-tiny]), np.array([tiny])).measures["max_ulp"] == "2"
    x = np.array([1.0, -3.5, 100.0], dtype=dtype)
    y = x + 37 * np.spacing(x)
    np.testing.assert_array_max_ulp(x, y, maxulp=37)
    assert one(x, y).measures["max_ulp"] == "37"


def test_the_largest_distance_does_not_overflow() -> None:
    found = one(np.array([-np.finfo("f8").max]), np.array([np.finfo("f8").max]))
    assert found.measures["max_abs"] == "inf"
    assert int(found.measures["max_ulp"]) > 2**63
    assert one(np.array([-(2**63)]), np.array([2**63 - 1])).measures["max_abs"] == str(2**64 - 1)


def test_nan_in_the_same_place_is_equal_and_elsewhere_is_not() -> None:
    a = np.array([np.nan, 1.0, np.nan, 4.0])
    b = np.array([np.nan, np.nan, 3.0, 4.5])
    value, nan = measure(a, b)
    assert (value.kind, value.measures["count"]) == (Kind.VALUE, 1)
    assert (nan.kind, nan.measures["count"], nan.measures["first"]) == (Kind.NAN, 2, "(1)")
    assert nan.detail == "2 of 4 values are NaN on one side only, first at (1): 1.0 → nan"
    assert "frontier" not in nan.measures


def test_infinities_are_not_values() -> None:
    found = measure(np.array([np.inf, np.inf, 1.0, np.inf]), np.array([np.inf, -np.inf, np.inf, np.nan]))
    assert [(f.kind, f.measures["count"]) for f in found] == [(Kind.NAN, 1), (Kind.INF, 2)]


def test_zeros_of_both_signs_are_their_own_measure() -> None:
    found = one(np.array([0.0, -0.0, 1.0]), np.array([-0.0, 0.0, 1.0]))
    assert (found.kind, found.measures["signed_zeros"], found.measures["max_ulp"]) == (Kind.VALUE, 2, "0")
    assert "2 of them only in the sign of zero, first at (0): 0.0 → -0.0" in found.detail


def test_complex_numbers_are_compared_by_component() -> None:
    a = np.array([1 + 2j, complex(0.0, np.nan)])
    found = measure(a, np.array([1 + 2.5j, complex(-0.0, 1.0)]))
    assert [(f.kind, f.measures["count"]) for f in found] == [(Kind.VALUE, 2), (Kind.NAN, 1)]
    assert found[0].measures["max_abs"] == "0.5"
    assert found[0].measures["total"] == 2


def test_a_mask_names_its_bits() -> None:
    a = np.full((4, 4), 0b0110, dtype=np.int32)
    b = a.copy()
    b[2, 1] ^= 0b1000
    b[3, 3] ^= 0b0010
    found = one(a, b, noun="pixels")
    assert found.detail == "2 of 16 pixels differ, max |Δ| 8, bits 0xa, first at (2, 1): 6 → 14"
    assert "frontier" not in found.measures


@pytest.mark.parametrize(
    ("a", "b", "shown"),
    [
        (np.array(["ab", "c"]), np.array(["ab", "d"]), "first at (1): 'c' → 'd'"),
        (np.array([b"ab"]), np.array([b"ac"]), "first at (0): b'ab' → b'ac'"),
        (np.array([True, False]), np.array([True, True]), "first at (1): False → True"),
        (np.array("2026-01-01", "M8[D]"), np.array("2026-01-02", "M8[D]"), "first at (): 2026-01-01 → 2026-01-02"),
        (np.array([b"\1\2"], "V2"), np.array([b"\1\3"], "V2"), "first at (0): 0x0102 → 0x0103"),
    ],
)
def test_what_is_not_a_number(a: Any, b: Any, shown: str) -> None:
    found = one(a, b)
    assert found.kind is Kind.VALUE
    assert shown in found.detail


def test_not_a_time() -> None:
    a = np.array(["2026-01-01", "NaT", "NaT"], "M8[s]")
    assert one(a, np.array(["NaT", "NaT", "NaT"], "M8[s]")).kind is Kind.NAN


def test_code_points_that_do_not_exist_are_shown() -> None:
    raw = np.array([0x41, 0x7FFFFFFF], dtype=np.uint32).view("U2")
    assert "'A" in one(raw, np.array(["AB"])).detail


@pytest.mark.parametrize(
    ("a", "b", "detail"),
    [
        (np.ones(3, "f4"), np.ones(3, "f8"), "float32 → float64, values equal"),
        (np.ones(3, "f4"), np.full(3, 1.1, "f8"), "float32 → float64, and 3 of 3 values differ"),
        (np.array([np.nan], "f4"), np.array([np.nan], "f8"), "float32 → float64, values equal"),
        (np.ones(2, "i8"), np.ones(2, "f8"), "int64 → float64"),
        (np.array([2**63], "u8"), np.array([-(2**63)], "i8"), "uint64 → int64, and 1 of 1 values differ"),
        (np.array([b"ab"], "S2"), np.array([b"ab"], "S4"), "|S2 → |S4, values equal"),
        (np.array([0], "M8[s]"), np.array([0], "M8[ms]"), "datetime64[s] → datetime64[ms]"),
        (np.zeros(1, STRUCTURED), np.zeros(1), f"{STRUCTURED.newbyteorder('=')} → float64"),
    ],
)
def test_another_type_is_a_difference_even_with_equal_values(a: Any, b: Any, detail: str) -> None:
    found = one(a, b)
    assert (found.kind, found.detail) == (Kind.DTYPE, detail)


def test_byte_order_and_layout_are_storage() -> None:
    a = np.arange(12, dtype="<f4").reshape(3, 4)
    assert measure(a, np.asfortranarray(a.astype(">f4"))) == ()
    packed, padded = np.dtype([("a", "u1"), ("b", "f8")]), np.dtype([("a", "u1"), ("b", "f8")], align=True)
    assert measure(np.zeros(2, packed), np.zeros(2, padded)) == ()


@pytest.mark.parametrize(
    ("a", "b", "detail"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2)), "shape (2, 3) → (3, 2)"),
        (np.zeros(1), np.zeros(()), "shape (1,) → ()"),
        (np.zeros(0), np.zeros((0, 2)), "shape (0,) → (0, 2)"),
        (np.zeros(1, STRUCTURED), np.zeros(2, STRUCTURED), "shape (1,) → (2,)"),
    ],
)
def test_shape(a: Any, b: Any, detail: str) -> None:
    (leaf,) = one(a, b).leaves()
    assert (leaf.difference.kind, leaf.difference.detail) == (Kind.SHAPE, detail)


@pytest.mark.parametrize("a", [np.zeros((0, 3)), np.zeros((), "f4"), np.array("x"), np.zeros(2, "S0")])
def test_empty_and_zero_dimensional(a: Any) -> None:
    assert measure(a, a.copy()) == ()


def test_structured_arrays_name_the_field() -> None:
    a = np.zeros(3, STRUCTURED)
    b = a.copy()
    b["pos"][1, 1] = 2.0
    (leaf,) = one(a, b).leaves()
    assert str(leaf).startswith("pixels / field pos: 1 of 6 values differ")
    assert leaf.difference.measures["first"] == "(1, 1)"
    shuffled = np.zeros(3, np.dtype([("id", "i8"), ("flux", "f8")]))
    kinds = {str(leaf.path[-1]): leaf.difference.kind for leaf in one(a, shuffled).leaves()}
    assert kinds == {
        "field flag": Kind.MISSING,
        "field name": Kind.MISSING,
        "field pos": Kind.MISSING,
        "fields": Kind.ORDER,
        "field flux": Kind.DTYPE,
    }


def test_objects_are_refused() -> None:
    with pytest.raises(TypeError, match="Python objects"):
        measure(np.array([{}]), np.array([{}]))


def test_pieces_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(7)
    a = random.normal(size=1000)
    b = a * (1 + 1e-9 * random.normal(size=1000))
    b[:100] = a[:100]
    a[[300, 500]] = np.nan
    whole = measure(a, b)
    monkeypatch.setattr(arrays, "_CHUNK", 13)
    assert measure(a, b) == whole


def test_a_label_names_the_element() -> None:
    assert "first at row 2:" in one(np.zeros(3), np.array([0, 0, 1.0]), label=lambda i: f"row {i}").detail


def test_extended_precision_has_no_ulps_but_counts() -> None:
    a = np.ones(2, np.longdouble)
    found = one(a, a + np.finfo(np.longdouble).eps)
    assert found.measures["count"] == 2
    assert "max_ulp" not in found.measures
