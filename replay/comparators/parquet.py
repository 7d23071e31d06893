# SPDX-License-Identifier: Apache-2.0
"""Parquet and Arrow files: columns, rows and schema metadata, whatever the row groups and the compression."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from .expansion import check_expansion
from .tables import Opened, TableComparator

__all__ = ("ArrowComparator", "ParquetComparator")


class ParquetComparator(TableComparator):
    """Compares Parquet files."""

    name: ClassVar[str] = "parquet"
    description: ClassVar[str] = "Parquet: columns by name, rows, units and metadata by key"

    @staticmethod
    def _open(path: Path) -> Opened:
        file = pq.ParquetFile(path, memory_map=True)
        schema, rows = file.schema_arrow, file.metadata.num_rows

        def column(name: str) -> Any:
            # A few bytes may stand for any number of equal values, each of which takes up its own in memory.
            check_expansion(path, f"column {name}", rows * _width(schema.field(name).type))
            return file.read(columns=[name]).column(name)

        return schema, rows, column


def _width(kind: pa.DataType) -> int:
    """Return how much a value takes up at least, in bytes."""
    try:
        return max(1, int(kind.bit_width) // 8)
    except ValueError:
        return 1


class ArrowComparator(TableComparator):
    """Compares Arrow IPC (Feather version 2) files."""

    name: ClassVar[str] = "arrow"
    description: ClassVar[str] = "Arrow IPC and Feather: columns by name, rows, units and metadata by key"

    @staticmethod
    def _open(path: Path) -> Opened:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        return table.schema, table.num_rows, table.column
