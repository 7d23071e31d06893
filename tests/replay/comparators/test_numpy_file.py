# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replay.comparators.base import ComparisonError
from replay.comparators.numpy_file import NpyComparator, NpzComparator
from replay.comparators.policy import Policy, Verdict


def write(path: Path, array: Any, **options: Any) -> Path:
    np.save(path, array, **options)
    return path


@pytest.mark.parametrize(
    ("remade", "expected"),
    [
        (np.array([1.0, np.nan, np.nextafter(3.0, 4)]), "array: 1 of 3 values differ, max |Δ| 4.44e-16, max 1 ULP"),
        (np.array([1.0, 2.0, 3.0]), "array: 1 of 3 values are NaN on one side only, first at (1): nan → 2.0"),
        (np.array([1.0, np.nan, 3.0], "f4"), "array: float64 → float32, values equal"),
        (np.array([[1.0, np.nan, 3.0]]), "array: shape (3,) → (1, 3)"),
    ],
)
def test_tampered_arrays(tmp_path: Path, judge: Any, remade: Any, expected: str) -> None:
    original = write(tmp_path / "a.npy", np.array([1.0, np.nan, 3.0]))
    verdict, lines = judge(original, write(tmp_path / "b.npy", remade))
    assert verdict is Verdict.DIFFERENT
    assert lines[0].startswith(expected)


def test_storage_is_not_value(tmp_path: Path, judge: Any) -> None:
    array = np.arange(6.0).reshape(2, 3)
    original = write(tmp_path / "a.npy", array)
    assert judge(original, write(tmp_path / "b.npy", np.asfortranarray(array))) == (Verdict.EQUAL, [])
    assert judge(original, write(tmp_path / "b.npy", array.astype(">f8"))) == (Verdict.EQUAL, [])
    assert judge(original, write(tmp_path / "b.npy", array + 1e-9), Policy(atol="1e-8")) == (Verdict.EQUIVALENT, [])


@pytest.mark.parametrize("array", [np.zeros((0, 3)), np.float32(3), np.zeros(2, [("a", "f4"), ("b", "U3")])])
def test_unusual_shapes(tmp_path: Path, array: Any) -> None:
    assert NpyComparator().compare(write(tmp_path / "a.npy", array), write(tmp_path / "b.npy", array)) == ()


def test_archives_by_name(tmp_path: Path, judge: Any) -> None:
    a, b = tmp_path / "a.npz", tmp_path / "b.npz"
    np.savez(a, x=np.zeros(2), y=np.ones(2), z=np.ones(1))
    np.savez_compressed(b, y=np.ones(2), x=np.zeros(2), z=np.ones(1))
    assert judge(a, b) == (Verdict.EQUAL, [])
    np.savez(b, x=np.array([0, -0.0]), y=np.ones(2), w=np.ones(1))
    verdict, lines = judge(a, b)
    assert verdict is Verdict.DIFFERENT
    assert [line.split(": ")[0] for line in lines] == ["array z", "array w", "array x / values"]


class Bomb:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("unpickled"),))


def test_pickles_are_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    good = write(tmp_path / "a.npy", np.zeros(1))
    bad = write(tmp_path / "b.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(ComparisonError, match="unpickling runs code") as caught:
        NpyComparator().compare(good, bad)
    assert caught.value.path == bad
    np.savez(tmp_path / "a.npz", x=np.zeros(1))
    np.savez(tmp_path / "b.npz", x=np.array([Bomb()], dtype=object))
    with pytest.raises(ComparisonError, match="unpickling runs code"):
        NpzComparator().compare(tmp_path / "a.npz", tmp_path / "b.npz")
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize("keep", [0, 3, 60, -1])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_truncated(tmp_path: Path, keep: int, suffix: str) -> None:
    good, cut = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    (np.save if suffix == "npy" else np.savez)(good, np.arange(9.0))
    cut.write_bytes(good.read_bytes()[:keep])
    with pytest.raises(ComparisonError) as caught:
        (NpyComparator() if suffix == "npy" else NpzComparator()).compare(good, cut)
    assert caught.value.path == cut
    assert "\n" not in str(caught.value)


def test_damage_inside_an_archive(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.npz", tmp_path / "b.npz"
    np.savez(good, x=np.arange(100.0))
    content = bytearray(good.read_bytes())
    content[400] ^= 1
    bad.write_bytes(bytes(content))
    with pytest.raises(ComparisonError, match="CRC"):
        NpzComparator().compare(good, bad)


def test_members_that_repeat_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros(1))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("x.npy", archive.read("x.npy"))
    with pytest.raises(ComparisonError, match="more than one member"):
        NpzComparator().compare(path, path)
