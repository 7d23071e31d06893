# SPDX-License-Identifier: Apache-2.0
"""Which comparator measures which file. Nothing heavy is imported before a file calls for it."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from .apart import ComparatorApart
from .base import Comparator, reading
from .matching import IN_PLACE, Matching

__all__ = ("BYTES", "FILE_TYPES", "NPZ", "FileType", "find")

_HEAD = 4096


@dataclass(frozen=True)
class FileType:
    """How files of one type are known, and where their comparator is."""

    name: str
    module: str
    comparator: str
    magic: tuple[bytes, ...] = ()
    """What such a file begins with."""
    suffixes: tuple[str, ...] = ()
    """How its name may end, in lower case."""

    apart: bool = False
    """Whether hostile files are known to crash the only library that reads them."""

    def load(self, matching: Matching = IN_PLACE) -> Comparator:
        """Return a comparator, which works in a process of its own if such files may crash it."""
        module = f"replay.comparators.{self.module}"
        if self.apart:
            return ComparatorApart(module, self.comparator, matching)
        return cast(Comparator, getattr(import_module(module), self.comparator)(matching))


NPZ = FileType("npz", "numpy_file", "NpzComparator", suffixes=(".npz",))
BYTES = FileType("bytes", "raw_bytes", "BytesComparator")
FILE_TYPES = (
    FileType(
        "fits",
        "fits",
        "FitsComparator",
        magic=(b"SIMPLE  =",),
        suffixes=(".fits", ".fit", ".fts", ".fits.fz", ".fits.gz"),
    ),
    FileType("parquet", "parquet", "ParquetComparator", magic=(b"PAR1",), suffixes=(".parquet", ".parq", ".pq")),
    FileType("arrow", "parquet", "ArrowComparator", magic=(b"ARROW1",), suffixes=(".arrow", ".feather")),
    FileType(
        "hdf5",
        "hdf5",
        "Hdf5Comparator",
        magic=(b"\x89HDF\r\n\x1a\n",),
        suffixes=(".h5", ".hdf5", ".hdf", ".he5"),
        apart=True,
    ),
    FileType("ecsv", "ecsv", "EcsvComparator", magic=(b"# %ECSV ",), suffixes=(".ecsv",)),
    FileType("npy", "numpy_file", "NpyComparator", magic=(b"\x93NUMPY",), suffixes=(".npy",)),
    NPZ,
    FileType("json", "json_yaml", "JsonComparator", suffixes=(".json",)),
    FileType("yaml", "json_yaml", "YamlComparator", suffixes=(".yaml", ".yml")),
)
"""In the order in which they are tried: first by magic bytes, which a renamed file keeps, then by suffix."""

_TEXT = FileType("text", "text", "TextComparator")


def find(path: Path) -> FileType:
    """Find the type of a file.

    Parameters
    ----------
    path : `pathlib.Path`
        The file.

    Returns
    -------
    file_type : `FileType`
        What its first bytes say, else its name; else text if it reads like UTF-8, else bytes.

    Raises
    ------
    ComparisonError
        Raised if the file cannot be read.
    """
    with reading(path), path.open("rb") as file:
        head = file.read(_HEAD)
    for file_type in FILE_TYPES:
        if file_type.magic and head.startswith(file_type.magic):
            return file_type
    for file_type in FILE_TYPES:
        if path.name.lower().endswith(file_type.suffixes):
            return file_type
    return _TEXT if _is_text(head) else BYTES


def _is_text(head: bytes) -> bool:
    try:
        # Incremental, since the head may end inside a character.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return b"\0" not in head
