# SPDX-License-Identifier: Apache-2.0
"""A process of its own for a reader: whatever becomes of it, the caller gets differences or the documented error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from replay.comparators import apart
from replay.comparators.apart import ComparatorApart
from replay.comparators.base import ComparisonError
from replay.comparators.difference import Kind
from replay.comparators.matching import IN_PLACE, Key, Matching


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Give two files, one of which has no UTF-8 name."""
    paths = tmp_path / "a.bin", tmp_path / "b\udcff.bin"
    for path in paths:
        path.touch()
    return paths


def breaking(name: str, matching: Matching = IN_PLACE) -> ComparatorApart:
    return ComparatorApart("tests.replay.comparators.breaking", name, matching)


def test_a_crash_is_an_error(files: tuple[Path, Path]) -> None:
    with pytest.raises(ComparisonError) as caught:
        breaking("Crashing").compare(*files)
    assert caught.value.path == files[0]
    assert caught.value.reason == "its reader ended with SIGSEGV; a file is damaged, or too large"


def test_what_never_ends_is_ended(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_SECONDS", 3)
    with pytest.raises(ComparisonError, match="is not read within 3 s; one of the files is damaged"):
        breaking("Hanging").compare(*files)


def test_memory_has_a_limit(files: tuple[Path, Path]) -> None:
    with pytest.raises(ComparisonError, match="MemoryError"):
        breaking("Hoarding").compare(*files)


def test_differences_and_keys_cross(files: tuple[Path, Path]) -> None:
    matching = Matching((Key("*", ("id", "band")),))
    (found,) = breaking("Chatty", matching).compare(*files)
    (leaf,) = found.children
    assert (found.kind, found.where, found.detail) == (Kind.GROUP, "group", "a.bin b\udcff.bin")
    assert (leaf.kind, leaf.detail, leaf.measures) == (Kind.VALUE, str(matching), {"count": 2, "max_abs": "0.5"})


def test_an_error_names_the_file_that_it_is_of(files: tuple[Path, Path]) -> None:
    with pytest.raises(ComparisonError) as caught:
        breaking("Refusing").compare(*files)
    assert (caught.value.path, caught.value.reason) == (files[1], "it is damaged")
    assert str(caught.value).isprintable()


def test_a_comparator_that_is_not_there(files: tuple[Path, Path]) -> None:
    with pytest.raises(ComparisonError, match=r"its reader ended with status 1 \(AttributeError: .*'Absent'"):
        breaking("Absent").compare(*files)


def test_a_lower_limit_of_memory_stays(files: tuple[Path, Path]) -> None:
    code = "import sys; from pathlib import Path; from tests.replay.comparators.test_apart import breaking\n"
    code += "print(len(breaking('Chatty').compare(*map(Path, sys.argv[1:]))))"
    command = f'ulimit -v 4000000; exec \'{sys.executable}\' -c "$1" "$2" "$2"'
    root = Path(__file__).parents[3]
    done = subprocess.run(
        ["sh", "-c", command, "sh", code, files[0]], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stdout == "1\n", done.stderr
