# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.comparators.arrays import measure_arrays
from replay.comparators.tolerance import Frontier, measure_numbers, ulps_between

sizes = st.floats(min_value=0, max_value=1e6, allow_subnormal=False)
tolerances = st.floats(min_value=0, max_value=1e3, allow_subnormal=False)


@settings(deadline=None)
@given(st.lists(st.tuples(sizes, sizes), min_size=1, max_size=60), tolerances, tolerances)
def test_a_frontier_decides_as_all_points_would(points: list[tuple[float, float]], rtol: float, atol: float) -> None:
    frontier = Frontier.parse(str(Frontier(points)))
    excess = max(delta - (atol + rtol * scale) for scale, delta in points)
    if abs(excess) > 1e-6:  # nearer than that, rounding may decide
        assert frontier.within(rtol, atol) == (excess < 0)


@settings(deadline=None)
@given(st.lists(st.tuples(sizes, sizes), min_size=1, max_size=30))
def test_points_may_come_in_pieces(points: list[tuple[float, float]]) -> None:
    pieces = Frontier()
    for point in points:
        pieces.add([point])
    whole = Frontier(points)
    for tolerance in (0.0, 0.5, 1.0, 7.0):
        assert pieces.within(tolerance, tolerance * 3) == whole.within(tolerance, tolerance * 3)


def test_mixed_scales_need_both_tolerances() -> None:
    frontier = Frontier([(1e-9, 1e-12), (1e5, 1e-4)])
    assert frontier.within(1e-6, 1e-8)
    assert not frontier.within(1e-6, 0)
    assert not frontier.within(0, 1e-8)


def test_many_corners_are_thinned_to_something_stricter() -> None:
    points = [(float(i), math.sqrt(i)) for i in range(1, 5000)]
    text = str(Frontier(points))
    assert len(text.split()) <= 64
    assert not Frontier.parse(text).within(0.0, math.sqrt(4998))
    assert Frontier.parse(text).within(0.0, math.sqrt(4999))
    assert not Frontier.parse(text).within(0.49, 0.0)


def test_infinite_deviations_are_never_within() -> None:
    assert not Frontier([(1e308, math.inf)]).within(1e300, 0.0)


def test_bad_text_is_refused() -> None:
    with pytest.raises(ValueError):
        Frontier.parse("1.0")


def test_measure_numbers() -> None:
    assert measure_numbers(1.0, 1.5) == {"max_abs": "0.5", "max_ulp": str(2**51), "frontier": "1.0:0.5"}
    assert measure_numbers(1.0, math.nan) == {}
    assert measure_numbers(math.inf, 1.0) == {}


@pytest.mark.parametrize(
    ("points", "ratio"), [([(2.0, 1.0), (100.0, 5.0), (4.0, 4.0)], 0.05), ([(0.0, 3.0)], math.inf), ([], None)]
)
def test_how_large_the_largest_deviation_is_where_it_is(points: list[tuple[float, float]], ratio: float | None) -> None:
    assert Frontier(points).at_largest == ratio


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite, finite)
def test_ulps_are_those_of_arrays(a: float, b: float) -> None:
    found = measure_arrays("x", np.array([a]), np.array([b]))
    assert {str(ulps_between(a, b))} == ({one.measures["max_ulp"] for one in found} or {"0"})
    assert ulps_between(a, b) == ulps_between(b, a)


@given(finite.filter(lambda x: abs(x) < 1e308), st.integers(0, 50))
def test_ulps_are_steps(a: float, steps: int) -> None:
    b = a
    for _ in range(steps):
        b = math.nextafter(b, math.inf)
    assert ulps_between(a, b) == steps
