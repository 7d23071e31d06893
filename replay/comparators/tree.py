# SPDX-License-Identifier: Apache-2.0
"""Documents of nested mappings, lists and scalars, whichever syntax they were written in."""

from __future__ import annotations

import reprlib
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, NamedTuple

from .difference import Difference, Kind, brief, transition
from .tolerance import Frontier, measure_numbers, ulps_between

__all__ = ("Tagged", "compare_documents")

_MANY = 20
_TYPE_NAMES = {
    "NoneType": "null",
    "bool": "boolean",
    "int": "integer",
    "str": "string",
    "dict": "mapping",
    "Tagged": "tagged value",
}


class Tagged(NamedTuple):
    """A value with a type tag that is kept as text and never acted upon."""

    tag: str
    value: Any


def compare_documents(original: Any, remade: Any) -> tuple[Difference, ...]:
    """Measure how two documents differ.

    Parameters
    ----------
    original, remade : `object`
        Nested `dict`, `list`, `tuple`, `set`, `Tagged` and scalars. The order of a mapping's keys carries no
        meaning, that of a list's items does. ``1``, ``1.0`` and ``true`` are three values.

    Returns
    -------
    differences : `tuple` [ `Difference`, ... ]
        With paths such as ``$.a.b[3]``. A list in which more than 20 floats differ gives one difference for all
        of these.

    Raises
    ------
    RecursionError
        Raised if a document is nested too deeply or contains itself.
    """
    return tuple(_Walk().compare("$", original, remade))


class _Walk:
    """One comparison of two documents."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._known: dict[int, int] = {}
        self._seen: set[tuple[int, int]] = set()

    def compare(self, where: str, a: Any, b: Any) -> Iterator[Difference]:
        if self._number(a) == self._number(b):
            return
        if type(a) is not type(b):
            detail = f"{_type_name(a)} {brief(_show(a))} → {_type_name(b)} {brief(_show(b))}"
            yield Difference(where, Kind.TYPE, detail)
        elif not isinstance(a, dict | list | tuple):
            yield _scalars(where, a, b)
        elif (id(a), id(b)) not in self._seen:
            # YAML aliases let a short file stand for an exponentially long one: visit each pair once.
            self._seen.add((id(a), id(b)))
            if isinstance(a, dict):
                yield from self._mappings(where, a, b)
            elif isinstance(a, Tagged):
                yield from self._tagged(where, a, b)
            else:
                yield from self._lists(where, a, b)

    def _mappings(self, where: str, a: dict[Any, Any], b: dict[Any, Any]) -> Iterator[Difference]:
        # By number, because 1, 1.0 and True are one key to Python.
        left, right = ({self._number(key): key for key in mapping} for mapping in (a, b))
        for number, key in {**left, **right}.items():
            place = f"{where}{_step(key)}"
            if number not in right:
                yield Difference(place, Kind.MISSING, f"key {_show(key)} is missing in the re-made file")
            elif number not in left:
                yield Difference(place, Kind.EXTRA, f"key {_show(key)} is only in the re-made file")
            else:
                yield from self.compare(place, a[key], b[right[number]])

    def _lists(self, where: str, a: Sequence[Any], b: Sequence[Any]) -> Iterator[Difference]:
        left, right = ([self._number(item) for item in items] for items in (a, b))
        unequal = [i for i, (x, y) in enumerate(zip(left, right, strict=False)) if x != y]
        if len(a) == len(b) and Counter(left) == Counter(right):
            i = unequal[0]
            moved = transition(_show(a[i]), _show(b[i]))
            detail = f"the same {len(a)} items in another order, from [{i}] on: {moved}"
            yield Difference(where, Kind.ORDER, detail, {"count": len(unequal), "total": len(a)})
            return
        floats = [i for i in unequal if _measure_pair(a[i], b[i])]
        if len(floats) > _MANY:
            yield _many_floats(where, a, b, floats)
            unequal = sorted(set(unequal) - set(floats))
        for i in unequal:
            yield from self.compare(f"{where}[{i}]", a[i], b[i])
        for i in range(len(b), len(a)):
            yield Difference(
                f"{where}[{i}]", Kind.MISSING, f"item is missing in the re-made file: {brief(_show(a[i]))}"
            )
        for i in range(len(a), len(b)):
            yield Difference(f"{where}[{i}]", Kind.EXTRA, f"item is only in the re-made file: {brief(_show(b[i]))}")

    def _tagged(self, where: str, a: Tagged, b: Tagged) -> Iterator[Difference]:
        if a.tag != b.tag:
            yield Difference(where, Kind.TYPE, f"tag {transition(a.tag, b.tag)}")
        yield from self.compare(where, a.value, b.value)

    def _number(self, value: Any) -> int:
        """Give equal values equal numbers, in time that aliases cannot inflate."""
        known = self._known.get(id(value))
        if known is not None:
            return known
        key: Hashable
        if isinstance(value, dict):
            key = ("dict", frozenset((self._number(k), self._number(v)) for k, v in value.items()))
        elif isinstance(value, set | frozenset):
            key = ("set", frozenset(self._number(item) for item in value))
        elif isinstance(value, list | tuple):
            key = (type(value).__name__, *(self._number(item) for item in value))
        else:
            return self._numbers.setdefault((type(value).__name__, repr(value)), len(self._numbers))
        return self._known.setdefault(id(value), self._numbers.setdefault(key, len(self._numbers)))


def _measure_pair(a: Any, b: Any) -> dict[str, str | int]:
    """Measure two items if both are floats that a tolerance could cover."""
    return measure_numbers(a, b) if isinstance(a, float) and isinstance(b, float) else {}


def _scalars(where: str, a: Any, b: Any) -> Difference:
    before, after = _show(a), _show(b)
    kind = Kind.VALUE
    if isinstance(a, float):
        kind = Kind.NAN if (a != a) != (b != b) else Kind.VALUE if _measure_pair(a, b) else Kind.INF
    measures = {"original": before, "remade": after, **_measure_pair(a, b)}
    return Difference(where, kind, transition(before, after), measures)


def _many_floats(where: str, a: Sequence[Any], b: Sequence[Any], places: list[int]) -> Difference:
    frontier = Frontier((abs(a[i]), abs(b[i] - a[i])) for i in places)
    largest, i = max(abs(b[i] - a[i]) for i in places), places[0]
    detail = (
        f"{len(places)} of {len(a)} items differ, max |Δ| {largest:.3g}, first at [{i}]: {_show(a[i])} → {_show(b[i])}"
    )
    measures: dict[str, str | int]
    measures = {"count": len(places), "total": len(a), "max_abs": repr(largest), "frontier": str(frontier)}
    measures["max_ulp"] = str(max(ulps_between(a[i], b[i]) for i in places))
    return Difference(where, Kind.VALUE, detail, measures)


def _step(key: Any) -> str:
    return f".{key}" if isinstance(key, str) and key.replace("-", "_").isidentifier() else f"[{_show(key)}]"


def _type_name(value: Any) -> str:
    name = type(value).__name__
    return _TYPE_NAMES.get(name, name)


class _Shortened(reprlib.Repr):
    """Shows the outside of a container: aliases could make the whole of it endless."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 2

    def repr_Tagged(self, value: Tagged, level: int) -> str:  # noqa: N802 - reprlib looks this name up
        return f"{value.tag} {self.repr1(value.value, level)}"


def _show(value: Any) -> str:
    if isinstance(value, dict | list | tuple | set):
        return _Shortened().repr(value)
    return repr(value)
