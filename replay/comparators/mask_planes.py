# SPDX-License-Identifier: Apache-2.0
"""Images of integers whose bits are flags: which planes of a mask differ, and where each does first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from .arrays import label_axes, measure_arrays
from .difference import Difference, Kind, grouped

__all__ = ("measure_integers", "plane_names")

Array = npt.NDArray[Any]
Planes = Mapping[int, str]
"""Names of planes by the number of their bit, from 0."""

_PREFIX = "MP_"
_NAME, _VALUE = "MSKNAM", "MSKVAL"


def plane_names(cards: Mapping[str, Any]) -> dict[int, str]:
    """Read the names of a mask's planes from its header.

    Parameters
    ----------
    cards : mapping
        Values by keyword.

    Returns
    -------
    names : `dict` [ `int`, `str` ]
        By bit. Rubin and HSC write ``MP_SAT = 1``, the number of the bit; Pan-STARRS the pairs ``MSKNAM01 = 'SAT'``
        and ``MSKVAL01 = 2``, the bit's value. Cards that are neither name nothing.
    """
    found: dict[int, str] = {}
    for keyword, value in cards.items():
        if keyword.startswith(_PREFIX) and _is_number(value) and 0 <= value < 64:
            found[value] = keyword.removeprefix(_PREFIX)
        elif keyword.startswith(_NAME) and isinstance(value, str):
            worth = cards.get(_VALUE + keyword.removeprefix(_NAME))
            if _is_number(worth) and 0 < worth < 2**64 and worth.bit_count() == 1:
                found[worth.bit_length() - 1] = value
    return found


def measure_integers(where: str, a: Array, b: Array, planes: tuple[Planes, Planes]) -> tuple[Difference, ...]:
    """Measure how two images of one integer type and one shape differ, bit by bit.

    Parameters
    ----------
    where : `str`
        What the arrays are.
    a, b : `numpy.ndarray`
        The original and the re-made one.
    planes : `tuple` [ mapping, mapping ]
        The names of each side's planes, as `plane_names` gives them.

    Returns
    -------
    differences : `tuple` [ `Difference`, ... ]
        If a header names planes, a group with one difference for each plane; else one difference, with the number of
        pixels for each bit in the measure ``bit_counts``. A bit that the two headers name differently has both names.
    """
    found = measure_arrays(where, a, b, noun="pixels")
    if not found:
        return ()
    bits = [_describe(bit, set_, cleared, planes, a.shape) for bit, set_, cleared in _differing_bits(a, b)]
    if any(planes):
        return grouped(where, bits)
    counts = " ".join(f"{one.measures['bit']}:{one.measures['count']}" for one in bits)
    return tuple(replace(one, measures={**one.measures, "bit_counts": counts}) for one in found)


def _differing_bits(a: Array, b: Array) -> Iterator[tuple[int, Array, Array]]:
    """Iterate over the bits that differ, with where each is set and where it is cleared in the re-made image."""
    unsigned = np.dtype(f"u{a.dtype.itemsize}")
    x, y = (np.ascontiguousarray(one, dtype=one.dtype.newbyteorder("=")).view(unsigned) for one in (a, b))
    differing = int(np.bitwise_or.reduce(x ^ y, axis=None))
    for bit in range(8 * unsigned.itemsize):
        if differing >> bit & 1:
            before, after = ((one >> unsigned.type(bit) & unsigned.type(1)).astype(np.bool_) for one in (x, y))
            yield bit, after & ~before, before & ~after


def _describe(
    bit: int, set_: Array, cleared: Array, planes: tuple[Planes, Planes], shape: tuple[int, ...]
) -> Difference:
    unequal = set_ | cleared
    counts = {"count": int(unequal.sum()), "set": int(set_.sum()), "cleared": int(cleared.sum())}
    first = label_axes(shape)(int(unequal.argmax()))
    detail = f"{counts['count']} of {unequal.size} pixels differ: {counts['set']} set, {counts['cleared']} cleared"
    measures: dict[str, str | int] = {**counts, "total": unequal.size, "bit": bit, "first": first}
    return Difference(f"plane {_name(bit, planes)}", Kind.VALUE, f"{detail}, first at {first}", measures)


def _name(bit: int, planes: tuple[Planes, Planes]) -> str:
    names = dict.fromkeys(one[bit] for one in planes if bit in one)
    return " → ".join(names) or f"of bit {bit}"


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
