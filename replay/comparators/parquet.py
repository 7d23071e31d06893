# SPDX-License-Identifier: Apache-2.0
"""Parquet and Arrow files: columns, rows and schema metadata, whatever the row groups and the compression."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

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
        rows = file.metadata.num_rows
        # However many equal values a few bytes stand for, each takes one again in memory, if not more.
        check_expansion(path, "a column", rows)
        return file.schema_arrow, rows, lambda name: file.read(columns=[name]).column(name)


class ArrowComparator(TableComparator):
    """Compares Arrow IPC (Feather version 2) files."""

    name: ClassVar[str] = "arrow"
    description: ClassVar[str] = "Arrow IPC and Feather: columns by name, rows, units and metadata by key"

    @staticmethod
    def _open(path: Path) -> Opened:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        return table.schema, table.num_rows, table.column
