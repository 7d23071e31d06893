# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from replay.comparators.base import Comparator, ComparisonError
from replay.comparators.registry import FILE_TYPES, FileType, find

HEAVY = ("numpy", "astropy", "h5py", "pyarrow", "yaml")


@pytest.mark.parametrize(
    "module", ["replay.comparators.registry", "replay.comparators.files", "replay.comparators.policy"]
)
def test_nothing_heavy_is_imported(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.fits", b"", "fits"),
        ("renamed.dat", b"SIMPLE  =                    T", "fits"),
        ("x.FITS.GZ", b"\x1f\x8b\x08", "fits"),
        ("x.parq", b"", "parquet"),
        ("renamed.json", b"PAR1\x15\x04", "parquet"),
        ("renamed.fits", b"ARROW1\0\0", "arrow"),
        ("x.npy", b"", "npy"),
        ("renamed", b"\x93NUMPY\x01\0", "npy"),
        ("x.npz", b"PK\x03\x04", "npz"),
        ("x.ecsv", b"", "ecsv"),
        ("renamed.txt", b"# %ECSV 1.0\n# ---\n", "ecsv"),
        ("x.hdf5", b"", "hdf5"),
        ("renamed.dat", b"\x89HDF\r\n\x1a\n\0", "hdf5"),
        ("x.json", b"{}", "json"),
        ("x.yml", b"{}", "yaml"),
        ("x.log", b"hello", "text"),
        ("x.log", b"a" * 4095 + "é".encode(), "text"),
        ("empty", b"", "text"),
        ("x.txt", b"a\0b", "bytes"),
        ("x.pickle", b"\x80\x04\x95", "bytes"),
    ],
)
def test_magic_bytes_then_suffix_then_content(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    found = find(path)
    comparator = found.load()
    assert isinstance(comparator, Comparator)
    assert found.name == expected
    assert found.apart or comparator.name == expected
    assert comparator.description


@pytest.mark.parametrize("file_type", FILE_TYPES, ids=lambda one: one.name)
def test_a_comparator_of_its_name_is_where_it_is_said_to_be(file_type: FileType) -> None:
    module = import_module(f"replay.comparators.{file_type.module}")
    assert getattr(module, file_type.comparator).name == file_type.name


def test_every_type_can_be_known() -> None:
    assert all(one.magic or one.suffixes for one in FILE_TYPES)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ComparisonError) as caught:
            find(path)
        assert caught.value.path == path
