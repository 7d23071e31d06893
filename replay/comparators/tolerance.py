# SPDX-License-Identifier: Apache-2.0
"""The one figure that lets a policy judge a tolerance later, without the data.

``|Δ| <= atol + rtol·|original|`` must hold for every element. It does exactly if it holds at the corners of the
upper convex hull of the points (|original|, |Δ|), so those few corners are what a measurement keeps.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable

__all__ = ("Frontier", "measure_numbers", "ulps_between")

_MOST = 64

Point = tuple[float, float]


class Frontier:
    """The largest deviations at each magnitude.

    Parameters
    ----------
    points : `~collections.abc.Iterable` [ `tuple` [ `float`, `float` ] ], optional
        Pairs (|original|, |Δ|), in the unit of the data; no NaN.

    Notes
    -----
    At most 64 corners are written out. Beyond that, neighbours are replaced by a point that is no easier to
    tolerate than any of them, so that a verdict may become stricter, never more lenient.
    """

    def __init__(self, points: Iterable[Point] = ()) -> None:
        self._corners: list[Point] = []
        self.add(points)

    def add(self, points: Iterable[Point]) -> None:
        """Take in more pairs (|original|, |Δ|)."""
        corners: list[Point] = []
        for point in sorted((*self._corners, *points), key=lambda p: (p[0], -p[1])):
            if corners and point[1] <= corners[-1][1]:
                continue
            while len(corners) > 1 and _slope(corners[-1], point) >= _slope(corners[-2], corners[-1]):
                corners.pop()
            corners.append(point)
        self._corners = corners

    def within(self, rtol: float, atol: float) -> bool:
        """Tell whether every deviation is at most ``atol + rtol·|original|``."""
        return all(math.isfinite(delta) and delta <= atol + rtol * scale for scale, delta in self._corners)

    @property
    def at_largest(self) -> float | None:
        """The largest |Δ| over |original| at that place; infinite at zero, `None` if there are no points."""
        if not self._corners:
            return None
        scale, delta = self._corners[-1]
        return delta / scale if scale else math.inf

    def __str__(self) -> str:
        size = math.ceil(len(self._corners) / _MOST) or 1
        groups = [self._corners[i : i + size] for i in range(0, len(self._corners), size)]
        return " ".join(f"{group[0][0]!r}:{group[-1][1]!r}" for group in groups)

    @classmethod
    def parse(cls, text: str) -> Frontier:
        """Read back what `str` wrote.

        Raises
        ------
        ValueError
            Raised if the text is not a frontier.
        """
        pairs = (pair.partition(":") for pair in text.split())
        return cls((float(scale), float(delta)) for scale, _, delta in pairs)


def measure_numbers(original: float, remade: float) -> dict[str, str | int]:
    """Measure two different numbers; nothing if either is not finite, which no tolerance can cover."""
    if not (math.isfinite(original) and math.isfinite(remade)):
        return {}
    delta = abs(remade - original)
    ulps = str(ulps_between(original, remade))
    return {"max_abs": repr(delta), "max_ulp": ulps, "frontier": str(Frontier([(abs(original), delta)]))}


def ulps_between(original: float, remade: float) -> int:
    """Count the steps from one finite number to another; zeros of both signs are one number."""
    return abs(_rank(original) - _rank(remade))


def _rank(number: float) -> int:
    """Return the place of a number among all floats of 64 bits, whose bits IEEE 754 lets be counted as integers."""
    (bits,) = struct.unpack("<Q", struct.pack("<d", number))
    sign = 1 << 63
    return sign - bits if bits & sign else int(bits)


def _slope(left: Point, right: Point) -> float:
    return (right[1] - left[1]) / (right[0] - left[0])
