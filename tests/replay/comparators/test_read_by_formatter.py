# SPDX-License-Identifier: Apache-2.0
"""What a formatter has read stands in for files of no known type, and for no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from replay.comparators.base import ComparisonError
from replay.comparators.files import compare_files
from replay.comparators.policy import Policy, Verdict


def archive(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Two files that differ, and are of no known type."""
    (tmp_path / "a.pickle").write_bytes(b"\x80\x04a\0.")
    (tmp_path / "b.pickle").write_bytes(b"\x80\x04b\0.")
    return tmp_path / "a.pickle", tmp_path / "b.pickle"


def test_the_same_values_are_equal(files: tuple[Path, Path], tmp_path: Path) -> None:
    archives = archive(tmp_path / "a.npz", value=1.0), archive(tmp_path / "b.npz", value=1.0)
    found = compare_files(*files, read=archives)
    assert (found.verdict, found.comparator) == (Verdict.EQUAL, "formatter")
    assert compare_files(*files).verdict is Verdict.DIFFERENT


def test_another_value_is_named_and_judged_by_the_policy(files: tuple[Path, Path], tmp_path: Path) -> None:
    archives = archive(tmp_path / "a.npz", **{"value.x": 1.0}), archive(tmp_path / "b.npz", **{"value.x": 1.001})
    found = compare_files(*files, read=archives)
    assert found.verdict is Verdict.DIFFERENT
    assert found.differences[0].where == "array value.x"
    (tmp_path / "policy.toml").write_text('[[tolerance]]\nwhere = "array value.x"\nrtol = 0.01\nsource = "a test"\n')
    policy = Policy.from_toml(tmp_path / "policy.toml")
    assert compare_files(*files, policy, archives).verdict is Verdict.EQUIVALENT


def test_a_part_that_is_gone_is_a_difference(files: tuple[Path, Path], tmp_path: Path) -> None:
    archives = archive(tmp_path / "a.npz", value=1.0, more=2), archive(tmp_path / "b.npz", value=1.0)
    assert compare_files(*files, read=archives).verdict is Verdict.DIFFERENT


def test_files_of_a_known_type_are_compared_themselves(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.json").write_text(f'{{"x": "{name}"}}')
    archives = archive(tmp_path / "a.npz", value=1.0), archive(tmp_path / "b.npz", value=1.0)
    found = compare_files(tmp_path / "a.json", tmp_path / "b.json", read=archives)
    assert (found.verdict, found.comparator) == (Verdict.DIFFERENT, "json")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06"])
def test_a_damaged_archive_is_an_error_and_no_verdict(files: tuple[Path, Path], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b.npz").write_bytes(content)
    with pytest.raises(ComparisonError, match=r"b\.npz"):
        compare_files(*files, read=(archive(tmp_path / "a.npz", value=1.0), tmp_path / "b.npz"))
