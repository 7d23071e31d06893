# SPDX-License-Identifier: Apache-2.0
"""Rows of two tables that belong together by a key, and what is told of those that don't."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .base import ComparisonError
from .difference import Difference, Kind, brief
from .matching import Key

__all__ = ("MatchedRows", "match_columns", "match_rows", "name_key", "number_rows")

Array = npt.NDArray[Any]
Naming = Callable[[int, int], str]
"""Shows the key of a row, from the side (0 or 1) and the row's position."""

_MOST_NAMED = 20
# Numbers and texts of these kinds have a common type that holds every value of both.
_WIDENED = {"ii", "uu", "SS", "UU"}


@dataclass(frozen=True)
class MatchedRows:
    """Rows in pairs, in the order of the original, and rows without counterpart; all as positions."""

    key: Key
    naming: Naming
    original: Array
    """Of shape (n,), ascending."""
    remade: Array
    """The counterparts, of shape (n,)."""
    missing: Array
    """Rows that only the original has."""
    extra: Array
    """Rows that only the re-made table has."""

    def label(self, i: int) -> str:
        """Name a pair of rows by its key, from its place among the pairs."""
        return f"row {self.naming(0, int(self.original[i]))}"

    def differences(self, table: str) -> tuple[Difference, ...]:
        """Describe what the matching alone shows: rows on one side only, and another order.

        Parameters
        ----------
        table : `str`
            Name of the table; kept as a measure, for a policy to find its key by.
        """
        lone = (
            self._describe_lone(side, kind, told, rows)
            for side, kind, told, rows in (
                (0, Kind.MISSING, "missing in", self.missing),
                (1, Kind.EXTRA, "only in", self.extra),
            )
            if len(rows)
        )
        return (*lone, *self._describe_order(table))

    def _describe_lone(self, side: int, kind: Kind, told: str, rows: Array) -> Difference:
        names = "; ".join(self.naming(side, int(row)) for row in rows[:_MOST_NAMED])
        subject = "row is" if len(rows) == 1 else "rows are"
        detail = f"{len(rows)} {subject} {told} the re-made file: {brief(names)}"
        return Difference("rows", kind, detail, {"count": len(rows), "keys": names})

    def _describe_order(self, table: str) -> tuple[Difference, ...]:
        places = self.remade.argsort(kind="stable").argsort(kind="stable")
        (moved,) = np.nonzero(places != np.arange(len(places)))
        if not len(moved):
            return ()
        on = self.key.label
        detail = (
            f"{len(moved)} of {len(places)} rows, matched on {on}, are in another order, from {self.label(moved[0])} on"
        )
        measures: dict[str, str | int] = {"count": len(moved), "total": len(places), "matched_on": on, "table": table}
        return (Difference("rows", Kind.ORDER, detail, measures),)


def match_rows(paths: tuple[Path, Path], numbers: tuple[Array, Array], key: Key, naming: Naming) -> MatchedRows:
    """Pair rows that have equal keys.

    Parameters
    ----------
    paths : `tuple` [ `pathlib.Path`, `pathlib.Path` ]
        The original file and the re-made one.
    numbers : `tuple` [ `numpy.ndarray`, `numpy.ndarray` ]
        An integer for each row of either side, equal exactly if the keys are.
    key : `Key`
    naming : `~collections.abc.Callable`
        Shows a row's key.

    Raises
    ------
    ComparisonError
        Raised if two rows of one file have the same key, so that nothing says which one belongs to which.
    """
    for side, (path, codes) in enumerate(zip(paths, numbers, strict=True)):
        order = codes.argsort(kind="stable")
        (again,) = np.nonzero(codes[order][1:] == codes[order][:-1])
        if len(again):
            one, other = int(order[again[0]]), int(order[again[0] + 1])
            told = f"rows {one} and {other} have the same key, {naming(side, one)}"
            raise ComparisonError(path, f"{told}; name columns that tell all rows apart in the policy's key")
    _, left, right = np.intersect1d(numbers[0], numbers[1], assume_unique=True, return_indices=True)
    order = left.argsort()
    missing, extra = (np.setdiff1d(np.arange(len(n)), kept) for n, kept in zip(numbers, (left, right), strict=True))
    return MatchedRows(key, naming, left[order], right[order], missing, extra)


def match_columns(paths: tuple[Path, Path], columns: Sequence[tuple[Array, Array]], key: Key) -> MatchedRows | None:
    """Pair rows by the columns of a key.

    Parameters
    ----------
    paths : `tuple` [ `pathlib.Path`, `pathlib.Path` ]
        The original file and the re-made one.
    columns : sequence of `tuple` [ `numpy.ndarray`, `numpy.ndarray` ]
        Those of the key, of shapes (n, …) and (m, …).
    key : `Key`

    Returns
    -------
    rows : `MatchedRows` or `None`
        `None` if a column has types whose values do not compare.

    Raises
    ------
    ComparisonError
        Raised if two rows of one file have the same key.
    """
    numbered = [_number_values(*pair) for pair in columns]
    known = [one for one in numbered if one is not None]
    if len(known) < len(numbered):
        return None
    return match_rows(
        paths, number_rows(known), key, lambda side, row: name_key(key, [pair[side][row] for pair in columns])
    )


def number_rows(columns: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Give each distinct row of two tables a number.

    Parameters
    ----------
    columns : sequence of `tuple` [ `numpy.ndarray`, `numpy.ndarray` ]
        The numbers of the distinct values of each column, of shapes (n,) and (m,): not negative, and equal exactly
        if the values are.

    Returns
    -------
    original, remade : `numpy.ndarray`
        Integers of shapes (n,) and (m,).
    """
    size = len(columns[0][0])
    numbers = np.zeros(size + len(columns[0][1]), dtype=np.int64)
    for pair in columns:
        codes = np.concatenate(pair)
        numbers = np.unique(numbers * (codes.max(initial=0) + 1) + codes, return_inverse=True)[1].astype(np.int64)
    return numbers[:size], numbers[size:]


def _number_values(a: Array, b: Array) -> tuple[Array, Array] | None:
    """Give each distinct value of two columns a number.

    Parameters
    ----------
    a, b : `numpy.ndarray`
        Of shapes (n, …) and (m, …); what is equal has equal bytes, in native byte order.

    Returns
    -------
    numbers : `tuple` [ `numpy.ndarray`, `numpy.ndarray` ] or `None`
        Of shapes (n,) and (m,); `None` if the columns are of types whose values do not compare.
    """
    if a.dtype.hasobject or b.dtype.hasobject or a.shape[1:] != b.shape[1:]:
        return None
    if a.dtype.newbyteorder("=") != b.dtype.newbyteorder("=") and a.dtype.kind + b.dtype.kind not in _WIDENED:
        return None
    both = np.concatenate([a, b])
    both = np.ascontiguousarray(both, dtype=both.dtype.newbyteorder("="))
    size = both.dtype.itemsize * int(np.prod(both.shape[1:]))
    values = both.view(np.uint8).reshape(len(both), size).view(f"V{size}").reshape(-1) if size else np.zeros(len(both))
    numbers = np.unique(values, return_inverse=True)[1]
    return numbers[: len(a)], numbers[len(a) :]


def name_key(key: Key, values: Sequence[Any]) -> str:
    """Show the key of one row: ``id=5, band='r'``."""
    shown = (value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values)
    return brief(", ".join(f"{column}={value}" for column, value in zip(key.columns, shown, strict=True)))
