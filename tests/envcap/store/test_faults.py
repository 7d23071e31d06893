# SPDX-License-Identifier: Apache-2.0
"""What disks, clocks and networks do to a store: nothing broken is believed, nothing whole is lost, and all is said."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap import ids
from envcap.errors import EnvcapError, StoreError
from envcap.model.manifest import Writer
from envcap.store.checking import problems_of
from envcap.store.index import Index
from envcap.store.ingest import Ingested
from envcap.store.journal import Journal
from envcap.store.local import LocalStore
from envcap.store.selector import resolve
from envcap.store.state import this_process

AddAttempt = Callable[..., str]
Ingest = Callable[[], tuple[Index, Ingested]]
Run = Callable[..., "subprocess.CompletedProcess[str]"]
KINDS = {"journal": "journal/*/*/*", "pack": "packs/*", "object": "objects/*/*"}


@pytest.fixture
def whole(store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest) -> dict[str, bytes]:
    """Fill a store with files of every kind, and give each attempt's manifest."""
    for number in range(3):
        add_attempt(f"packed{number}", argv=(f"tool{number}",), outputs={"/o": b"x"}, ended=True)
    run_ingest()[0].close()
    add_attempt("running", status=None)
    store.put(b"an object " * 50)
    return manifests(Index(store))


def manifests(index: Index) -> dict[str, bytes]:
    """Return the manifests of all attempts that can be read."""
    return {attempt.manifest.attempt: attempt.manifest.to_bytes() for attempt in index.attempts()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_said_and_hides_nothing_else(
    store: LocalStore, whole: dict[str, bytes], run_ingest: Ingest, envcap: Run, kind: str
) -> None:
    (path,) = Path(store.root).glob(KINDS[kind])
    good = path.read_bytes()
    chance = random.Random(kind)
    for place in [0, len(good) - 2, *(chance.randrange(len(good) - 1) for _ in range(40))]:
        bad = bytearray(good)
        bad[place] ^= 1 << chance.randrange(8)
        path.write_bytes(bad)
        Path(store.root, "index.sqlite").unlink(missing_ok=True)
        index, _ = run_ingest()
        assert all(whole[attempt] == manifest for attempt, manifest in manifests(index).items()), place
        lost = {"journal": 1, "pack": 3, "object": 0}[kind]
        assert len(manifests(index)) >= len(whole) - lost
        assert list(problems_of(store, lambda done, whole: None)) != [], place
        index.close()
    done = envcap("verify", "--all")
    assert done.returncode == 3
    assert "damaged: " in done.stdout
    path.write_bytes(good)
    Path(store.root, "index.sqlite").unlink()
    assert manifests(Index(store)) == whole
    assert list(problems_of(store, lambda done, whole: None)) == []


def test_a_flipped_bit_of_the_format_is_refused_or_changes_nothing(store: LocalStore, whole: dict[str, bytes]) -> None:
    path = Path(store.root, "format.json")
    good = path.read_bytes()
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 4
        path.write_bytes(bad)
        try:
            assert manifests(Index(LocalStore.existing(store.root))) == whole
        except EnvcapError:
            continue


def test_a_flipped_bit_of_the_index_leads_to_no_other_document(store: LocalStore, whole: dict[str, bytes]) -> None:
    path = Path(store.root, "index.sqlite")
    good = path.read_bytes()
    chance = random.Random(7)
    said = set()
    for _ in range(150):
        bad = bytearray(good)
        bad[chance.randrange(len(good))] ^= 1 << chance.randrange(8)
        path.write_bytes(bad)
        try:
            found = manifests(Index(store))
        except StoreError as err:
            said.add(str(err))
        else:
            assert all(whole[attempt] == manifest for attempt, manifest in found.items())
    assert said
    assert all("delete this file" in one for one in said)


@pytest.mark.parametrize("when", ["before", "in the middle"])
def test_a_full_disk_loses_nothing(
    store: LocalStore, add_attempt: AddAttempt, small_disk: Path, fill: Callable[[Path], Path], envcap: Run, when: str
) -> None:
    added = [add_attempt(f"job{number}", argv=("tool" * 20,), ended=True) for number in range(60)]
    full = LocalStore(str(small_disk / "store"))
    shutil.copytree(store.root, full.root)
    filler = fill(small_disk)
    if when == "in the middle":  # room for the pack, or its list, but hardly for both
        filler.write_bytes(b"")
        with filler.open("wb") as stream:
            stream.write(bytes(max(shutil.disk_usage(small_disk).free - 12_000, 0)))
    done = envcap("ingest", "--store", full.root)
    assert "Traceback" not in done.stderr
    if done.returncode:
        assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert set(manifests(Index(full))) == set(added)
    filler.unlink()
    assert envcap("ingest", "--store", full.root).returncode == 0
    index = Index(full)
    assert set(manifests(index)) == set(added)
    assert (list(full.journals()), index.damage(), index.unreadable) == ([], [], [])


class TestClocks:
    """A clock that jumps back orders jobs otherwise, and that is all."""

    def test_a_job_of_tomorrow_and_one_of_today(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = time.time_ns
        added = []
        for days in (1, 0, -400):
            monkeypatch.setattr(ids.time, "time_ns", lambda days=days: real() + days * 86_400 * 10**9)
            added.append(add_attempt(f"job{days}", ended=True))
        monkeypatch.undo()
        index, done = run_ingest()
        assert (done.journals, set(manifests(index))) == (3, set(added))
        for days, attempt in zip((1, 0, -400), added, strict=True):
            assert resolve(index, f"job:job{days}").manifest.attempt == attempt

    def test_a_journal_of_tomorrow_is_not_quiet(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest
    ) -> None:
        elsewhere = Writer(host="another", boot_id="0" * 36, pid=1, start="1")
        added = add_attempt("a", status=None, writer=elsewhere)
        (name,) = store.journals()
        os.utime(os.path.join(store.root, name), (time.time() + 86_400,) * 2)
        index, done = run_ingest()
        assert (done.packs, set(manifests(index))) == (0, {added})


def test_two_machines_of_one_name_with_processes_of_one_pid(
    store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest
) -> None:
    """Journals are told apart by random names, attempts by random ids; and neither is taken for the other's end."""
    own = this_process()
    twin = Writer.checked({**own.data, "boot_id": "0" * 36, "machine": "0" * 16})
    here = add_attempt("a", status=None, writer=own)
    there = add_attempt("a", status=None, writer=twin)
    index, done = run_ingest()
    assert done.packs == 0
    assert {attempt: index.load(attempt).state for attempt in (here, there)} == {here: "running", there: "unknown"}


def test_a_journal_on_a_disk_that_went_read_only_is_an_error_and_no_loss(
    store: LocalStore, read_only: Callable[[str], str]
) -> None:
    journal = Journal(read_only(store.root))
    with pytest.raises(StoreError, match="Read-only file system"):
        journal.append(("manifest", b"{}"))
