# SPDX-License-Identifier: Apache-2.0
"""What all files have in common that are one table with a schema: Parquet, Arrow, ECSV."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from .arrow_values import as_one_array, find_moved_rows, measure_values, number_values
from .base import Comparator, ComparisonError, reading
from .difference import Difference, Kind, pair_up
from .matched_rows import MatchedRows, match_rows, name_key, number_rows
from .matching import Key
from .table_metadata import column_units, compare_metadata

__all__ = ("Opened", "TableComparator")

Opened = tuple[Any, int, Callable[[str], Any]]
"""A `pyarrow.Schema`, the number of rows, and a function from a column's name to a `pyarrow.ChunkedArray`."""


class TableComparator(Comparator):
    """Compares tables; one column of each is in memory at a time."""

    @staticmethod
    @abstractmethod
    def _open(path: Path) -> Opened:
        """Open a file."""

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        left, right = _Table(original, self._open), _Table(remade, self._open)
        names, found = pair_up(left.schema.names, right.schema.names, "column", "columns")
        for name in names:
            found += _compare_fields(name, left.schema.field(name), right.schema.field(name))
        found += compare_metadata(left.schema, right.schema)
        comparable = [name for name in names if left.schema.field(name).type.equals(right.schema.field(name).type)]
        key = self.matching.key("", comparable)
        if key:
            rows = _match(left, right, key)
            return (*found, *rows.differences(""), *_compare_values(left, right, comparable, rows))
        if left.rows != right.rows:
            return (*found, Difference("rows", Kind.SHAPE, f"{left.rows} → {right.rows} rows"))
        values = _compare_values(left, right, comparable)
        if values and len(comparable) == len(left.schema.names) == len(right.schema.names):
            pairs = ((left.column(name), right.column(name)) for name in names)
            values = _describe_order(left.rows, find_moved_rows(left.rows, pairs)) or values
        return (*found, *values)


class _Table:
    """An open file whose columns are read on demand."""

    def __init__(self, path: Path, opener: Callable[[Path], Opened]) -> None:
        self.path = path
        with reading(path):
            self.schema, self.rows, self._read = opener(path)
            if len(set(self.schema.names)) < len(self.schema.names):
                raise ComparisonError(path, "has several columns of one name")
        self.units = column_units(self.schema)

    def column(self, name: str) -> Any:
        """Read a column.

        Raises
        ------
        ComparisonError
            Raised if it is damaged.
        """
        with reading(self.path):
            return as_one_array(self._read(name))


def _match(left: _Table, right: _Table, key: Key) -> MatchedRows:
    columns = [(left.column(name), right.column(name)) for name in key.columns]

    def naming(side: int, row: int) -> str:
        return name_key(key, [pair[side][row].as_py() for pair in columns])

    numbers = number_rows([number_values(*pair) for pair in columns])
    return match_rows((left.path, right.path), numbers, key, naming)


def _compare_values(left: _Table, right: _Table, names: list[str], rows: MatchedRows | None = None) -> list[Difference]:
    found: list[Difference] = []
    for name in names:
        a, b = left.column(name), right.column(name)
        if rows:
            a, b = a.take(pa.array(rows.original)), b.take(pa.array(rows.remade))
        units = {left.units.get(name, ""), right.units.get(name, "")}
        unit = units.pop() if len(units) == 1 else ""
        found += measure_values(f"column {name}", a, b, rows.label if rows else "row {}".format, unit)
    return found


def _compare_fields(name: str, a: Any, b: Any) -> tuple[Difference, ...]:
    found: tuple[Difference, ...] = ()
    if not a.type.equals(b.type):
        measures = {"original": str(a.type), "remade": str(b.type)}
        found += (Difference(f"column {name}", Kind.DTYPE, f"{a.type} → {b.type}", measures),)
    if a.nullable != b.nullable:
        before, after = ("nullable" if field.nullable else "not nullable" for field in (a, b))
        found += (Difference(f"column {name}", Kind.DTYPE, f"{before} → {after}"),)
    return found


def _describe_order(rows: int, moved: Any) -> list[Difference]:
    if moved is None:
        return []
    detail = f"the same {rows} rows in another order: {len(moved)} have moved, the first is row {moved[0]}"
    return [Difference("rows", Kind.ORDER, detail, {"count": len(moved), "total": rows})]
