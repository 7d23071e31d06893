# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from replay.comparators.arrays import measure_arrays
from replay.comparators.difference import Difference, Kind, Leaf
from replay.comparators.matching import Key
from replay.comparators.policy import Policy, Verdict
from replay.comparators.rules import RowKey, Tolerance


def measured(a: Any, b: Any) -> Difference:
    (found,) = measure_arrays("pixels", np.asarray(a), np.asarray(b))
    return found


def nudged(value: Any, ulps: int) -> Any:
    for _ in range(ulps):
        value = np.nextafter(value, type(value)(np.inf))
    return value


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_ulps_are_of_the_datas_own_type(kind: Any) -> None:
    found = measured([kind(1)], [nudged(kind(1), 4)])
    assert Tolerance(ulp=4).allows(found)
    assert not Tolerance(ulp=3).allows(found)


@pytest.mark.parametrize(("part", "real"), [(np.float32, np.complex64), (np.float64, np.complex128)])
def test_of_complex_numbers_each_part_counts(part: Any, real: Any) -> None:
    a = np.array([complex(1, 2)], real)
    b = a.copy()
    b.imag = nudged(part(2), 3)
    assert Tolerance(ulp=3).allows(measured(a, b))
    assert not Tolerance(ulp=2).allows(measured(a, b))


@pytest.mark.skipif(np.longdouble(1).itemsize <= 8, reason="this machine has no longer floats")
def test_longer_floats_have_no_ulps() -> None:
    found = measured([np.longdouble(1)], [np.nextafter(np.longdouble(1), np.longdouble(2))])
    assert not Tolerance(ulp=2**52).allows(found)
    assert Tolerance(rtol="1e-15").allows(found)


def test_either_bound_will_do() -> None:
    found = measured([np.float32(1)], [nudged(np.float32(1), 4)])
    assert Tolerance(rtol="1e-12", ulp=4).allows(found)
    assert Tolerance(rtol="1e-6", ulp=0).allows(found)
    assert not Tolerance(rtol="1e-12", ulp=3).allows(found)
    assert Tolerance(atol="1e-6").allows(found)
    assert not Tolerance().allows(found)


def test_zeros_of_both_signs_are_no_ulp_apart() -> None:
    assert Tolerance(ulp=0).allows(measured([0.0], [-0.0]))


@pytest.mark.parametrize(("a", "b"), [([1.0], [np.nan]), ([1.0], [np.inf]), ([1], [2]), (["a"], ["b"]), ([1.0], [1])])
def test_what_no_tolerance_allows(a: Any, b: Any) -> None:
    assert not Tolerance(rtol="1e300", atol="1e300", ulp=2**53 - 1).allows(measured(a, b))


def test_a_tolerance_concerns_what_its_pattern_covers() -> None:
    leaf = Leaf(("HDU CAT", "column flux"), measured([1.0], [2.0]))
    assert Tolerance("column f*").concerns(leaf)
    assert not Tolerance("column x").concerns(leaf)


def order(**measures: Any) -> Difference:
    return Difference("rows", Kind.ORDER, "", {"matched_on": "id, band", "table": "CAT", **measures})


def test_a_key_excuses_the_order_of_rows_that_were_matched_on_it() -> None:
    key = RowKey(Key("C*", ("id", "band")), "the catalogue's primary key")
    assert key.excuses(order())
    assert not key.excuses(order(table="OTHER"))
    assert not key.excuses(order(matched_on="id"))
    assert not key.excuses(Difference("rows", Kind.ORDER, "", {}))
    assert not key.excuses(Difference("rows", Kind.MISSING, "", {"matched_on": "id, band", "table": "CAT"}))


floats = hnp.arrays(np.float32, 6, elements=st.floats(width=32))
bounds = st.none() | st.floats(0, 1e6).map(repr)


@settings(deadline=None, max_examples=300)
@given(floats, floats, bounds, bounds, st.none() | st.integers(0, 2**33), st.floats(1, 1e3), st.integers(0, 1000))
def test_a_wider_tolerance_never_makes_a_verdict_worse(
    a: Any, b: Any, rtol: str | None, atol: str | None, ulp: int | None, factor: float, more: int
) -> None:
    order = list(Verdict)
    found = measure_arrays("pixels", a, b)
    narrow = Policy(tolerances=(Tolerance("*", rtol, atol, ulp, "x"),)).judge(False, found).verdict
    wider = [rtol and repr(float(rtol) * factor), atol and repr(float(atol) * factor)]
    wide = Policy(tolerances=(Tolerance("*", *wider, None if ulp is None else ulp + more, "x"),)).judge(False, found)
    assert order.index(wide.verdict) <= order.index(narrow)
    exact = Policy(tolerances=(Tolerance("*", "0", "0", 0, "x"),)).judge(False, found).verdict
    assert order.index(exact) >= order.index(narrow) or rtol is atol is ulp is None


@settings(deadline=None, max_examples=300)
@given(floats, floats, st.floats(0, 1), st.floats(0, 1e3))
def test_a_verdict_is_what_the_data_say(a: Any, b: Any, rtol: float, atol: float) -> None:
    found = measure_arrays("pixels", a, b)
    policy = Policy(tolerances=(Tolerance("*", repr(rtol), repr(atol), None, "x"),))
    x, y = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(all="ignore"):
        within = np.where(np.isfinite(x) & np.isfinite(y), abs(y - x) <= atol + rtol * abs(x), x == y)
    within |= np.isnan(x) & np.isnan(y)
    assert (policy.judge(False, found).verdict is Verdict.DIFFERENT) == (not within.all())
