# SPDX-License-Identifier: Apache-2.0
"""Sealing in several processes: the same packs and the same index as by one, and nothing lost if one is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.errors import StoreError
from envcap.store import ingest as ingesting
from envcap.store import parallel
from envcap.store.index import Index
from envcap.store.ingest import Ingested
from envcap.store.local import LocalStore
from envcap.store.sealing import seal_group

Ingest = Callable[[], tuple[Index, Ingested]]


def dying(root: str, names: list[str], pack: str, source: int) -> object:
    """Be killed in a process that packs, as long as a variable says so."""
    if os.environ.get("ENVCAP_TEST_DYING"):
        os.kill(os.getpid(), signal.SIGKILL)
    return seal_group(root, names, pack, source)


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three small journals be three groups, and enough for several processes."""
    monkeypatch.setattr(ingesting, "_ALONE_BYTES", 0)
    monkeypatch.setattr(ingesting, "_GROUP_BYTES", 1)


@pytest.mark.usefixtures("database", "several")
def test_each_group_is_a_pack_and_all_is_found(
    add_attempt: Callable[..., str], run_ingest: Ingest, journal_files: Callable[[], list[Path]]
) -> None:
    added = [add_attempt(f"job{number}", ended=True) for number in range(3)]
    index, done = run_ingest()
    assert done == Ingested(packs=3, journals=3, records=9, dropped={}, damaged=[])
    assert journal_files() == []
    assert sorted(one.manifest.attempt for one in index.attempts()) == sorted(added)


@pytest.mark.usefixtures("database", "several")
def test_a_process_that_is_killed_loses_nothing(
    store: LocalStore, add_attempt: Callable[..., str], run_ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = [add_attempt(f"job{number}", ended=True) for number in range(3)]
    monkeypatch.setattr(parallel, "seal_group", dying)
    monkeypatch.setenv("ENVCAP_TEST_DYING", "yes")
    with pytest.raises(StoreError, match="a process that packs was killed") as caught:
        run_ingest()
    assert store.root in str(caught.value)
    monkeypatch.delenv("ENVCAP_TEST_DYING")
    index, done = run_ingest()
    assert done.packs == 3
    assert sorted(one.manifest.attempt for one in index.attempts()) == sorted(added)
