# SPDX-License-Identifier: Apache-2.0
"""Texts without credentials are known to later processes, as long as they are judged by the same rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcap.clean_texts import CleanTexts
from envcap.memo import Memo

SHARED = [f"shared {number}" for number in range(20)]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Give the file of the rules."""
    path = tmp_path / "rules.py"
    path.write_text("rules")
    return path


@pytest.fixture
def memo(tmp_path: Path) -> Memo:
    """Give what is kept between processes."""
    return Memo(str(tmp_path / "memo"))


def process(rules: Path, memo: Memo, *documents: list[str]) -> CleanTexts:
    """Return what a process knows at its end that has found documents clean."""
    texts = CleanTexts([str(rules)])
    texts.load(memo)
    for document in documents:
        texts.add_document(document)
    texts.save(memo)
    return texts


def test_what_one_process_found_the_next_one_knows(rules: Path, memo: Memo) -> None:
    process(rules, memo, SHARED)
    found = process(rules, memo)
    assert all(text in found for text in SHARED)
    assert "another" not in found


def test_by_other_rules_nothing_is_known(rules: Path, memo: Memo) -> None:
    process(rules, memo, SHARED)
    rules.write_text("stricter rules")
    assert not any(text in process(rules, memo) for text in SHARED)


def test_what_each_document_says_of_its_own_is_not_kept(rules: Path, memo: Memo) -> None:
    process(rules, memo, SHARED)
    process(rules, memo, *([f"file {number}"] for number in range(100)))
    found = process(rules, memo)
    assert SHARED[0] in found
    assert "file 0" not in found


def test_what_is_looked_at_by_itself_is_kept(rules: Path, memo: Memo) -> None:
    texts = CleanTexts([str(rules)])
    texts.load(memo)
    for text in SHARED:
        texts.add((text,))
    texts.save(memo)
    assert all(text in process(rules, memo) for text in SHARED)


def test_the_latest_take_the_place_of_too_many(rules: Path, memo: Memo) -> None:
    process(rules, memo, SHARED)
    process(rules, memo, [f"later {number}" for number in range(4090)])
    found = process(rules, memo)
    assert "later 0" in found
    assert SHARED[0] not in found


def test_of_what_can_not_be_read_nothing_is_known(rules: Path, memo: Memo, tmp_path: Path) -> None:
    process(rules, memo, SHARED)
    (kept,) = (tmp_path / "memo").iterdir()
    kept.write_text(kept.read_text().replace('"found": "', '"found": ["').replace('"}', '"]}'))
    assert not any(text in process(rules, memo) for text in SHARED)
