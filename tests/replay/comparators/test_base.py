# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle
from pathlib import Path
from typing import ClassVar

import pytest

from replay.comparators.base import Comparator, ComparisonError, reading
from replay.comparators.difference import Difference


class Broken(Comparator):
    name: ClassVar[str] = "broken"
    description: ClassVar[str] = "raises what it is told to"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        raise self.error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("x"), "'x'"),
        (ValueError(), "ValueError"),
        (RecursionError("deep"), "nested too deeply, or contains itself"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (ValueError("two\nlines"), "two lines"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_only_the_documented_error_escapes(tmp_path: Path, error: Exception, reason: str) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.touch(), b.touch()
    with pytest.raises(ComparisonError) as caught:
        Broken(error).compare(a, b)
    assert str(caught.value) == f"{a}: cannot be compared with {b}: {reason}"


def test_the_error_names_the_file_that_is_to_blame(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.touch()
    with pytest.raises(ComparisonError) as caught:
        Broken(ValueError()).compare(a, b)
    assert (caught.value.path, caught.value.reason) == (b, "No such file or directory")
    with pytest.raises(ComparisonError) as caught:
        Broken(ValueError()).compare(tmp_path, a)
    assert (caught.value.path, caught.value.reason) == (tmp_path, "Is a directory")


def test_an_error_that_names_a_file_keeps_it(tmp_path: Path) -> None:
    inner = ComparisonError(tmp_path / "inner", "why")
    with pytest.raises(ComparisonError) as caught, reading(tmp_path / "outer"):
        raise inner
    assert caught.value is inner
    assert inner.error_type == "comparison_failed"


def test_the_error_crosses_processes(tmp_path: Path) -> None:
    error = ComparisonError(tmp_path, "why")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.path, copy.reason) == (str(error), tmp_path, "why")
