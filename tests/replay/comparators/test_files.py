# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replay.comparators.base import ComparisonError
from replay.comparators.difference import Kind
from replay.comparators.files import compare_files
from replay.comparators.policy import DEFAULT, Policy, Verdict


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_identical_files_are_not_opened_by_a_comparator(tmp_path: Path) -> None:
    content = b"SIMPLE  = but damaged"
    comparison = compare_files(put(tmp_path / "a.fits", content), put(tmp_path / "b.fits", content))
    assert (comparison.verdict, comparison.comparator, comparison.differences) == (Verdict.IDENTICAL, None, ())
    assert comparison.original == comparison.remade
    assert comparison.original.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert comparison.original.size == len(content)


def test_files_of_two_types(tmp_path: Path, judge: Any) -> None:
    np.save(tmp_path / "a.npy", np.zeros(1))
    verdict, lines = judge(tmp_path / "a.npy", put(tmp_path / "b.json", b"[0.0]"))
    assert (verdict, lines) == (Verdict.DIFFERENT, ["file: npy file → json file"])


def test_a_renamed_file_keeps_its_type(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(1))
    np.save(tmp_path / "b.npy", np.ones(1))
    comparison = compare_files((tmp_path / "a.npy").rename(tmp_path / "a"), tmp_path / "b.npy")
    assert comparison.comparator == "npy"


def test_the_document_stands_alone(tmp_path: Path) -> None:
    policy = Policy(atol="0.1")
    a, b = put(tmp_path / "a.json", b'{"x": 1.0, "y": 1}'), put(tmp_path / "b.json", b'{"x": 1.05, "y": 2}')

    def refuse(text: str) -> float:
        raise AssertionError(text)

    document = json.loads(json.dumps(compare_files(a, b, policy).to_json()), parse_float=refuse)
    assert document["comparator"] == "json"
    assert document["policy"] == policy.digest
    assert document["judgement"]["verdict"] == "different"
    assert [leaf["path"] for leaf in document["judgement"]["tolerated"]] == [["$.x"]]
    assert [one["where"] for one in document["differences"]] == ["$.x", "$.y"]
    assert document["original"]["size"] == "18"
    assert str(tmp_path) not in json.dumps(document)


def test_leaves_are_chosen_by_kind_and_place(tmp_path: Path) -> None:
    a = put(tmp_path / "a.json", b'{"x": 1.0, "y": 1, "z": {"n": 1.0}, "gone": 0}')
    b = put(tmp_path / "b.json", b'{"x": 1.5, "y": 2, "z": {"n": NaN}, "new": 0}')
    found = compare_files(a, b)

    def places(**chosen: Any) -> list[str]:
        return [leaf.path[-1] for leaf in found.leaves(**chosen)]

    assert places() == ["$.x", "$.y", "$.z.n", "$.gone", "$.new"]
    assert places(kind="nan") == places(kind=Kind.NAN) == places(where="$.z*") == ["$.z.n"]
    assert places(kind={"missing", Kind.EXTRA}) == ["$.gone", "$.new"]
    assert places(kind="value", where="$.?") == ["$.x", "$.y"]
    assert places(kind="order") == places(kind=()) == places(where="x") == []


def test_the_default_policy_is_exact(tmp_path: Path) -> None:
    a, b = put(tmp_path / "a.json", b"1.0"), put(tmp_path / "b.json", b"1.0000000000000002")
    comparison = compare_files(a, b)
    assert comparison.verdict is Verdict.DIFFERENT
    assert comparison.policy_digest == DEFAULT.digest


@pytest.mark.parametrize("name", ["absent", "folder"])
def test_what_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    good = put(tmp_path / "good.json", b"{}")
    for pair in ((good, tmp_path / name), (tmp_path / name, good)):
        with pytest.raises(ComparisonError) as caught:
            compare_files(*pair)
        assert caught.value.path == tmp_path / name


@pytest.mark.parametrize("suffix", ["fits", "parquet", "arrow", "npy", "npz", "json"])
def test_an_empty_file_is_an_error_that_names_it(tmp_path: Path, suffix: str) -> None:
    empty = put(tmp_path / f"empty.{suffix}", b"")
    with pytest.raises(ComparisonError) as caught:
        compare_files(empty, put(tmp_path / f"other.{suffix}", b"something else"))
    assert caught.value.path == empty
