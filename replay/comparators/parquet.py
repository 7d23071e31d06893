# SPDX-License-Identifier: Apache-2.0
"""Parquet and Arrow files: columns, rows and schema metadata, whatever the row groups and the compression."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from .arrow_values import as_one_array, find_moved_rows, measure_values
from .base import Comparator, ComparisonError, reading
from .difference import Difference, Kind, pair_up
from .table_metadata import compare_metadata

__all__ = ("ArrowComparator", "ParquetComparator")


class _TableComparator(Comparator):
    """What Parquet and Arrow files have in common; one column is in memory at a time."""

    @staticmethod
    @abstractmethod
    def _open(path: Path) -> tuple[Any, int, Any]:
        """Open a file: its schema, its number of rows, and a function from a column's name to the column."""

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        left, right = _Table(original, self._open), _Table(remade, self._open)
        names, found = pair_up(left.schema.names, right.schema.names, "column", "columns")
        for name in names:
            found += _compare_fields(name, left.schema.field(name), right.schema.field(name))
        found += compare_metadata(left.schema, right.schema)
        if left.rows != right.rows:
            return (*found, Difference("rows", Kind.SHAPE, f"{left.rows} → {right.rows} rows"))
        comparable = [name for name in names if left.schema.field(name).type.equals(right.schema.field(name).type)]
        values: list[Difference] = []
        for name in comparable:
            values += measure_values(f"column {name}", left.column(name), right.column(name), _row)
        if values and len(comparable) == len(left.schema.names) == len(right.schema.names):
            pairs = ((left.column(name), right.column(name)) for name in names)
            values = _describe_order(left.rows, find_moved_rows(left.rows, pairs)) or values
        return (*found, *values)


class ParquetComparator(_TableComparator):
    """Compares Parquet files."""

    name: ClassVar[str] = "parquet"
    description: ClassVar[str] = "Parquet: columns by name, rows, units and metadata by key"

    @staticmethod
    def _open(path: Path) -> tuple[Any, int, Any]:
        file = pq.ParquetFile(path, memory_map=True)
        return file.schema_arrow, file.metadata.num_rows, lambda name: file.read(columns=[name]).column(name)


class ArrowComparator(_TableComparator):
    """Compares Arrow IPC (Feather version 2) files."""

    name: ClassVar[str] = "arrow"
    description: ClassVar[str] = "Arrow IPC and Feather: columns by name, rows, units and metadata by key"

    @staticmethod
    def _open(path: Path) -> tuple[Any, int, Any]:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        return table.schema, table.num_rows, table.column


class _Table:
    """An open file whose columns are read on demand."""

    def __init__(self, path: Path, opener: Any) -> None:
        self._path = path
        with reading(path):
            self.schema, self.rows, self._read = opener(path)
            if len(set(self.schema.names)) < len(self.schema.names):
                raise ComparisonError(path, "has several columns of one name")

    def column(self, name: str) -> Any:
        """Read a column.

        Raises
        ------
        ComparisonError
            Raised if it is damaged.
        """
        with reading(self._path):
            return as_one_array(self._read(name))


def _row(i: int) -> str:
    return f"row {i}"


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
