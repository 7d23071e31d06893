# SPDX-License-Identifier: Apache-2.0
"""Measuring how two numpy arrays differ, for every comparator that ends up with arrays."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .difference import Difference, Kind, brief, grouped, pair_up
from .tolerance import Frontier

__all__ = ("measure_arrays",)

Array = npt.NDArray[Any]

_CHUNK = 1 << 20
_COMPARABLE = {"ff", "cc", "SS", "UU", "ii", "uu", "iu", "ui"}
_COUNTED = {
    Kind.VALUE: "differ",
    Kind.NAN: "are NaN on one side only",
    Kind.INF: "are infinite where the other side is not the same infinity",
}


def measure_arrays(
    where: str,
    original: Array,
    remade: Array,
    *,
    noun: str = "values",
    label: Callable[[int], str] | None = None,
) -> tuple[Difference, ...]:
    """Measure how two arrays differ, in pieces of about a million elements.

    Parameters
    ----------
    where : `str`
        What the arrays are, for the differences.
    original, remade : `numpy.ndarray`
        Arrays of any shape and any type but `object`. Byte order and memory layout are storage, not value.
    noun : `str`, optional
        What an element is called, in the plural.
    label : `~collections.abc.Callable` [ [ `int` ], `str` ], optional
        Names an element from its index in the flattened array; by default its index along each axis.

    Returns
    -------
    differences : `tuple` [ `Difference`, ... ]
        Type and shape, if these differ; else up to one difference for values, one for NaN, one for infinities.
        A structured array gives one group with a child per field. NaN (whatever its payload) equals NaN in the
        same place; zeros of different sign differ, counted in the measure ``signed_zeros``. For finite floats
        and complex components: ``max_abs``, ``max_rel`` (|Δ|/|original|), ``max_ulp``, and the ``frontier`` of
        `replay.comparators.tolerance`, all in the unit of the data. For integers: ``max_abs`` and ``bits``, every
        bit that differs anywhere.

    Raises
    ------
    TypeError
        Raised for arrays of Python objects.
    """
    a, b = np.asarray(original), np.asarray(remade)
    if a.dtype.hasobject or b.dtype.hasobject:
        raise TypeError(f"{where}: holds Python objects, which have no values to compare")
    if a.dtype.names and b.dtype.names:
        return _measure_fields(where, a, b, noun)
    found = _measure_form(where, a, b, noun)
    if found or a.size == 0:
        return found
    tally = _Tally(a.size, noun, label or _axes(a.shape))
    flat_a, flat_b = a.reshape(-1), b.reshape(-1)
    for start in range(0, a.size, _CHUNK):
        piece = slice(start, start + _CHUNK)
        tally.add(start, _native(flat_a[piece]), _native(flat_b[piece]))
    return tally.differences(where)


def _measure_fields(where: str, a: Array, b: Array, noun: str) -> tuple[Difference, ...]:
    """Measure structured arrays field by field; padding between fields is storage."""
    names, found = pair_up(a.dtype.names or (), b.dtype.names or (), "field", "fields")
    if a.shape != b.shape:
        return grouped(where, (*found, _reshaped(where, a.shape, b.shape)))
    measured = (one for name in names for one in measure_arrays(f"field {name}", a[name], b[name], noun=noun))
    return grouped(where, (*found, *measured))


def _measure_form(where: str, a: Array, b: Array, noun: str) -> tuple[Difference, ...]:
    """Measure type and shape."""
    found = []
    before, after = (array.dtype.newbyteorder("=") for array in (a, b))
    if before != after:
        detail, measures = f"{before} → {after}", {"original": str(before), "remade": str(after)}
        # Between other kinds, numpy compares after a conversion that loses digits: say nothing then.
        if a.shape == b.shape and before.kind + after.kind in _COMPARABLE:
            count = int(((a != b) & ~((a != a) & (b != b))).sum())
            detail += f", and {count} of {a.size} {noun} differ" if count else f", {noun} equal"
        found.append(Difference(where, Kind.DTYPE, detail, measures))
    if a.shape != b.shape:
        found.append(_reshaped(where, a.shape, b.shape))
    return tuple(found)


def _reshaped(where: str, before: tuple[int, ...], after: tuple[int, ...]) -> Difference:
    return Difference(where, Kind.SHAPE, f"shape {before} → {after}", {"original": str(before), "remade": str(after)})


class _Tally:
    """What has been found so far in pieces of two flat arrays of one type and native byte order."""

    def __init__(self, total: int, noun: str, label: Callable[[int], str]) -> None:
        self._total, self._noun, self._label = total, noun, label
        self._counts: Counter[Kind] = Counter()
        self._first: dict[Kind, tuple[int, str, str]] = {}
        self._figures: dict[str, float] = {}
        self._signed_zeros = 0
        self._bits = 0
        self._frontier: Frontier | None = None

    def add(self, start: int, a: Array, b: Array) -> None:
        """Take in the elements from flat index ``start`` on."""
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
        at = self._label(index)
        measures |= {"first": at, "first_original": before, "first_remade": after}
        return Difference(where, kind, f"{text}, first at {at}: {before} → {after}", measures)

    def _say_figures(self) -> str:
        text = ""
        if self._figures.get("max_abs"):
            text += f", max |Δ| {self._figures['max_abs']:.3g}"
        if self._figures.get("max_ulp"):
            text += f", max {self._figures['max_ulp']} ULP"
        if self._bits:
            text += f", bits {self._bits:#x}"
        if self._signed_zeros:
            text += f", {self._signed_zeros} of them only in the sign of zero"
        return text


def _native(piece: Array) -> Array:
    return np.ascontiguousarray(piece, dtype=piece.dtype.newbyteorder("="))


def _axes(shape: tuple[int, ...]) -> Callable[[int], str]:
    return lambda flat: f"({', '.join(str(i) for i in np.unravel_index(flat, shape))})"


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
