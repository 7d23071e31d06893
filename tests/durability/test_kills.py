# SPDX-License-Identifier: Apache-2.0
"""Writers and ingests are killed at random moments: what a writer was told is written is found, and it alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from envcap.store.checking import problems_of
from envcap.store.index import Index
from envcap.store.ingest import ingest
from envcap.store.journal import read_journal
from envcap.store.local import LocalStore

ROOT = Path(__file__).parents[2]


def killed(store: LocalStore, kills: int, seed: int) -> list[str]:
    """Kill so many processes, and return what they acknowledged."""
    command = [sys.executable, "-m", "tests.durability.victims", store.root, str(kills), str(seed)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return list(json.loads(done.stdout))


def check(store: LocalStore, acknowledged: list[str]) -> int:
    """Hold a store against what was acknowledged, and return how many jobs were."""
    assert not [told for told in acknowledged if told.startswith("error")]
    told = {kind: {one.split()[1] for one in acknowledged if one.startswith(kind)} for kind in ("manifest", "result")}
    index, done = ingest(store, lambda: None, lambda done, whole: None)
    assert done.damaged == []
    assert (index.unreadable, [one for _, one in index.damage() if not one.tail]) == ([], [])
    found = {attempt.manifest.attempt: attempt for attempt in index.attempts()}
    assert told["manifest"] <= found.keys()
    assert told["result"] <= {name for name, attempt in found.items() if attempt.state == "ok"}
    for attempt in found.values():
        assert store.get(attempt.recipe.software["source"].digest)
    assert list(problems_of(store, lambda done, whole: None)) == []
    # Between a document and its acknowledgement a writer may be killed, too: but only once a process.
    assert len(found) - len(told["manifest"]) <= len(acknowledged)
    # What a process left that was killed before its first record waits for its hour.
    assert [name for name in store.journals() if list(read_journal(str(Path(store.root, name))))] == []
    return len(told["manifest"])


def test_some_kills(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path / "store"))
    assert check(store, killed(store, 60, 1)) > 0


@pytest.mark.slow
def test_a_thousand_kills(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path / "store"))
    acknowledged: list[str] = []
    for seed in range(6):
        acknowledged += killed(store, 200, seed)
        check(store, acknowledged)
    assert check(store, acknowledged) > 100


def test_a_record_that_is_lost_is_noticed(tmp_path: Path) -> None:
    """The proof can fail: of one journal, the last record goes."""
    store = LocalStore(str(tmp_path / "store"))
    acknowledged: list[str] = []
    while not any(told.startswith("result") for told in acknowledged):
        acknowledged += killed(store, 20, 2)
    index = Index(store)
    index.close()
    files = [Path(store.root, name) for name in (*store.journals(), *store.packs())]
    largest = max(files, key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 3])
    Path(store.root, "index.sqlite").unlink()
    with pytest.raises(AssertionError):
        check(store, acknowledged)
