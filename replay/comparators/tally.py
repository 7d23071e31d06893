# SPDX-License-Identifier: Apache-2.0
"""Adding up how two flat arrays differ, piece by piece, so that neither has to be in memory as a whole."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .difference import Difference, Kind, brief
from .tolerance import Frontier

__all__ = ("Tally",)

Array = npt.NDArray[Any]

_COUNTED = {
    Kind.VALUE: "differ",
    Kind.NAN: "are NaN on one side only",
    Kind.INF: "are infinite where the other side is not the same infinity",
}


class Tally:
    """What has been found so far in pieces of two flat arrays of one type, which is not structured.

    Parameters
    ----------
    total : `int`
        Number of elements of each array.
    noun : `str`
        What an element is called, in the plural.
    label : `~collections.abc.Callable` [ [ `int` ], `str` ]
        Names an element from its index.
    unit : `str`, optional
        Of the elements.
    """

    def __init__(self, total: int, noun: str, label: Callable[[int], str], unit: str = "") -> None:
        self._total, self._noun, self._label, self._unit = total, noun, label, unit
        self._counts: Counter[Kind] = Counter()
        self._first: dict[Kind, tuple[int, str, str]] = {}
        self._figures: dict[str, float] = {}
        self._signed_zeros = 0
        self._bits = 0
        self._frontier: Frontier | None = None

    def add(self, start: int, a: Array, b: Array) -> None:
        """Take in the elements from index ``start`` on."""
        a, b = _native(a), _native(b)
        if a.tobytes() == b.tobytes():
            return
        if a.dtype.kind in "fc":
            self._add_floats(start, a, b)
        elif a.dtype.kind in "iu":
            self._mark(Kind.VALUE, a != b, start, a, b)
            self._add_integers(a[a != b], b[a != b])
        elif a.dtype.kind in "mM":
            nat = np.isnat(a) ^ np.isnat(b)
            self._mark(Kind.NAN, nat, start, a, b)
            self._mark(Kind.VALUE, _bytes_differ(a, b) & ~nat, start, a, b)
        else:
            self._mark(Kind.VALUE, _bytes_differ(a, b), start, a, b)

    def differences(self, where: str) -> tuple[Difference, ...]:
        """Describe what was found, one difference per kind."""
        return tuple(self._describe(where, kind) for kind in _COUNTED if self._counts[kind])

    def _mark(self, kind: Kind, mask: Any, start: int, a: Array, b: Array) -> None:
        count = int(mask.sum())
        self._counts[kind] += count
        if count and kind not in self._first:
            i = int(mask.argmax())
            self._first[kind] = (start + i, _show(a[i : i + 1]), _show(b[i : i + 1]))

    def _raise_to(self, figure: str, value: float) -> None:
        self._figures[figure] = max(value, self._figures.get(figure, value))

    def _add_floats(self, start: int, a: Array, b: Array) -> None:
        x, y = _components(a), _components(b)
        numbers = ~(np.isnan(x) | np.isnan(y))
        unequal = numbers & (x != y)
        infinite = unequal & (np.isinf(x) | np.isinf(y))
        finite = unequal & ~infinite
        zeros = numbers & ~unequal & (np.signbit(x) != np.signbit(y))
        self._mark(Kind.NAN, (np.isnan(x) ^ np.isnan(y)).any(axis=1), start, a, b)
        self._mark(Kind.INF, infinite.any(axis=1), start, a, b)
        self._mark(Kind.VALUE, (finite | zeros).any(axis=1), start, a, b)
        self._signed_zeros += int(zeros.sum())
        self._add_deviations(x[finite | zeros], y[finite | zeros])

    def _add_deviations(self, x: Array, y: Array) -> None:
        """Measure finite floats, none of which are the same bits."""
        if not x.size:
            return
        wide = np.result_type(x.dtype, np.float64)
        with np.errstate(all="ignore"):
            scale = np.abs(x.astype(wide))
            delta = np.abs(y.astype(wide) - x.astype(wide))
            relative = np.where(delta > 0, delta / scale, 0.0)
        self._raise_to("max_abs", float(delta.max()))
        self._raise_to("max_rel", float(relative.max()))
        if x.dtype.itemsize <= 8:
            self._raise_to("max_ulp", int(_ulps(x, y).max()))
        self._frontier = self._frontier or Frontier()
        self._frontier.add(_largest(scale.astype(np.float64), delta.astype(np.float64)))

    def _add_integers(self, x: Array, y: Array) -> None:
        unsigned = np.dtype(f"u{x.dtype.itemsize}")
        p, q = x.view(unsigned), y.view(unsigned)
        # Unsigned subtraction wraps around to the right magnitude where the signed one would overflow.
        self._raise_to("max_abs", int(np.where(x > y, p - q, q - p).max()))
        self._bits |= int(np.bitwise_or.reduce(p ^ q))

    def _describe(self, where: str, kind: Kind) -> Difference:
        count = self._counts[kind]
        index, before, after = self._first[kind]
        text = f"{count} of {self._total} {self._noun} {_COUNTED[kind]}"
        measures: dict[str, str | int] = {"count": count, "total": self._total}
        if kind is Kind.VALUE:
            text += self._say_figures()
            measures |= {figure: repr(value) for figure, value in self._figures.items()}
            measures |= {"bits": hex(self._bits)} if self._bits else {}
            measures |= {"signed_zeros": self._signed_zeros} if self._signed_zeros else {}
            measures |= {"frontier": str(self._frontier)} if self._frontier else {}
            measures |= {"unit": self._unit} if self._unit else {}
        at = self._label(index)
        measures |= {"first": at, "first_original": before, "first_remade": after}
        return Difference(where, kind, f"{text}, first at {at}: {before} → {after}", measures)

    def _say_figures(self) -> str:
        text = ""
        if self._figures.get("max_abs"):
            text += f", max |Δ| {self._figures['max_abs']:.3g}{f' {self._unit}' if self._unit else ''}"
        if self._figures.get("max_ulp"):
            text += f", max {self._figures['max_ulp']} ULP"
        if self._bits:
            text += f", bits {self._bits:#x}"
        if self._signed_zeros:
            text += f", {self._signed_zeros} of them only in the sign of zero"
        return text


def _native(piece: Array) -> Array:
    return np.ascontiguousarray(piece, dtype=piece.dtype.newbyteorder("="))


def _components(values: Array) -> Array:
    """View floats as shape (n, 1) and complex numbers as (n, 2), so that both parts are compared."""
    if values.dtype.kind == "c":
        return values.view(values.real.dtype).reshape(-1, 2)
    return values.reshape(-1, 1)


def _bytes_differ(a: Array, b: Array) -> Array:
    rows = [array.view(np.uint8).reshape(a.size, a.dtype.itemsize) for array in (a, b)]
    return np.asarray(np.any(rows[0] != rows[1], axis=1))


def _ulps(x: Array, y: Array) -> Array:
    """Count the representable numbers between floats of up to 8 bytes; zeros of both signs are one number."""
    p, q = _rank(x), _rank(y)
    return np.where(p > q, p - q, q - p)


def _rank(x: Array) -> Array:
    bits = x.view(f"u{x.dtype.itemsize}").astype(np.uint64)
    sign = np.uint64(1 << (8 * x.dtype.itemsize - 1))
    magnitude = bits & ~sign
    return np.where(bits & sign, sign - magnitude, sign + magnitude)


def _largest(scale: Array, delta: Array) -> list[tuple[float, float]]:
    """Drop each point that a smaller |original| with a larger |Δ| makes irrelevant."""
    order = np.lexsort((-delta, scale))
    scale, delta = scale[order], delta[order]
    keep = np.ones(len(delta), dtype=np.bool_)
    keep[1:] = delta[1:] > np.maximum.accumulate(delta)[:-1]
    return list(zip(scale[keep].tolist(), delta[keep].tolist(), strict=True))


def _show(one: Array) -> str:
    """Show the only element of an array of length 1."""
    raw = one.tobytes()
    if one.dtype.kind == "U":
        # Through bytes: a damaged file may hold code points that do not exist.
        return brief(repr(raw.decode(f"utf-32-{sys.byteorder[0]}e", "replace").rstrip("\0")))
    if one.dtype.kind == "S":
        return brief(repr(raw.rstrip(b"\0")))
    if one.dtype.kind == "V" or (one.dtype.kind == "b" and raw > b"\x01"):
        return brief(f"0x{raw.hex()}")
    return str(one[0])
