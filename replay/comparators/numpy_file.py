# SPDX-License-Identifier: Apache-2.0
"""NumPy's own files: one array (.npy) or an archive of arrays (.npz)."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .arrays import measure_arrays
from .base import Comparator, ComparisonError, reading
from .difference import Difference, grouped, pair_up
from .expansion import check_expansion

__all__ = ("NpyComparator", "NpzComparator")

_PICKLED = "holds pickled Python objects, and unpickling runs code: not read"


class NpyComparator(Comparator):
    """Compares two arrays."""

    name: ClassVar[str] = "npy"
    description: ClassVar[str] = ".npy: type, shape and values of the array"

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        return measure_arrays("array", _map_array(original), _map_array(remade))


class NpzComparator(Comparator):
    """Compares arrays of the same name."""

    name: ClassVar[str] = "npz"
    description: ClassVar[str] = ".npz: each array by name, whatever the order and the compression"

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        left, right = _members(original), _members(remade)
        names, found = pair_up(sorted(left), sorted(right), "array", "arrays")
        for name in names:
            pair = _read_member(original, left[name]), _read_member(remade, right[name])
            found += grouped(f"array {name}", measure_arrays("values", *pair))
        return found


def _map_array(path: Path) -> npt.NDArray[Any]:
    with reading(path):
        with path.open("rb") as file:
            _refuse_pickle(path, file)
        return np.lib.format.open_memmap(path, mode="r")


def _members(path: Path) -> dict[str, str]:
    """Name the arrays of an archive."""
    with reading(path), zipfile.ZipFile(path) as archive:
        members = archive.namelist()
        if repeated := {member for member in members if members.count(member) > 1}:
            raise ComparisonError(path, f"holds more than one member {min(repeated)}")
        return {member.removesuffix(".npy"): member for member in members}


def _read_member(path: Path, member: str) -> npt.NDArray[Any]:
    with reading(path), zipfile.ZipFile(path) as archive:
        check_expansion(path, f"array {member.removesuffix('.npy')}", archive.getinfo(member).file_size)
        with archive.open(member) as file:
            _refuse_pickle(path, file)
        with archive.open(member) as file:
            return np.lib.format.read_array(file, allow_pickle=False)


def _refuse_pickle(path: Path, file: Any) -> None:
    """Read the header only, to say why an array of objects is not read."""
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    if read_header(file)[2].hasobject:
        raise ComparisonError(path, _PICKLED)
