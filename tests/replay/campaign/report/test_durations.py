# SPDX-License-Identifier: Apache-2.0
"""How long originals took is what the store has of them."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

import envcap
from envcap.store.index import Index
from envcap.store.local import LocalStore
from examples.campaign import entry, uuid
from replay.campaign.report.durations import original_seconds


@pytest.fixture
def attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Give two attempts in a store: one that slept, one that did not end."""
    monkeypatch.setenv("ENVCAP_STORE", str(tmp_path / "store"))
    with envcap.capture("slept") as slept:
        time.sleep(0.2)
    return slept.attempt, envcap.capture("began").__enter__().attempt


def test_of_those_that_ended(attempts: tuple[str, str], tmp_path: Path) -> None:
    index = Index(LocalStore.existing(str(tmp_path / "store")))
    entries = [replace(entry("a", "a", ("a",)), attempt=one) for one in (*attempts, uuid("elsewhere"), "no attempt")]
    found = original_seconds(index, entries)
    assert list(found) == [attempts[0]]
    assert 0.2 <= found[attempts[0]] < 20


def test_of_many_only_some_are_looked_up(attempts: tuple[str, str], tmp_path: Path) -> None:
    index = Index(LocalStore.existing(str(tmp_path / "store")))
    asked: list[str] = []
    load = index.load
    index.load = lambda attempt: asked.append(attempt) or load(attempt)  # type: ignore[func-returns-value,method-assign]
    many = [entry("a", "a", (n,)) for n in range(1000)]
    slowest = replace(many[-1], attempt=attempts[0], seconds="999")
    assert list(original_seconds(index, [*many[:-1], slowest])) == [attempts[0]]
    assert 100 <= len(asked) <= 112
