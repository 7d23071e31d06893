# SPDX-License-Identifier: Apache-2.0
"""Sealing: what is in journals goes into packs, whole and once, whoever writes or dies meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.errors import StoreError
from envcap.model.manifest import Writer
from envcap.store import sealing
from envcap.store.index import Index
from envcap.store.ingest import Ingested
from envcap.store.journal import Journal, Record, read_journal
from envcap.store.local import LocalStore
from envcap.store.selector import resolve
from envcap.store.state import this_process

AddAttempt = Callable[..., str]
Files = Callable[[], list[Path]]
Ingest = Callable[[], tuple[Index, Ingested]]
DEAD = Writer(host=os.uname().nodename, boot_id=this_process().boot_id, pid=1, start="1",
              pid_namespace=this_process().pid_namespace)  # fmt: skip
ELSEWHERE = Writer(host="another", boot_id="0" * 36, pid=1, start="1", pid_namespace=None)


def attempts(index: Index) -> list[str]:
    """Return the ids of all attempts that can be read."""
    found = [attempt.manifest.attempt for attempt in index.attempts()]
    assert index.unreadable == []
    return found


def packs(store: LocalStore) -> list[Path]:
    """Return the files of the store's packs, scratch files and lists too."""
    folder = Path(store.root, "packs")
    return sorted(folder.iterdir()) if folder.exists() else []


def age(path: Path, seconds: float) -> None:
    """Let a file have been written to some time ago."""
    os.utime(path, (time.time() - seconds,) * 2)


class TestWhat:
    """Which journals are sealed."""

    def test_those_whose_writers_have_ended(
        self, database: str, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files
    ) -> None:
        added = [add_attempt(f"job{i}", argv=(f"tool{i}",), outputs={f"/o{i}": b"x"}, ended=True) for i in range(3)]
        before = [Index(store).load(one) for one in added]
        index, done = run_ingest()
        assert done == Ingested(packs=1, journals=3, records=9, dropped={}, damaged=[])
        assert journal_files() == []
        assert len(packs(store)) == 1
        assert attempts(index) == added
        for old, new in zip(before, map(index.load, added), strict=True):
            assert (old.manifest, old.recipe, old.result, old.digest, old.seal, old.result_digest) == (
                new.manifest, new.recipe, new.result, new.digest, new.seal, new.result_digest,
            )  # fmt: skip
        assert resolve(index, "path:/o1").manifest.attempt == added[1]

    def test_not_those_of_jobs_that_run(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files
    ) -> None:
        running = add_attempt("a", status=None)
        index, done = run_ingest()
        assert (done.packs, packs(store), attempts(index)) == (0, [], [running])
        assert len(journal_files()) == 1

    def test_those_whose_writers_are_known_to_be_gone(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files
    ) -> None:
        lost = add_attempt("a", status=None, writer=DEAD)
        index, _ = run_ingest()
        assert (journal_files(), attempts(index), index.load(lost).state) == ([], [lost], "lost")

    def test_those_that_were_quiet_for_an_hour(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files
    ) -> None:
        quiet = add_attempt("a", status=None, writer=ELSEWHERE)
        (path,) = journal_files()
        age(path, 3000)
        assert run_ingest()[1].packs == 0
        age(path, 3700)
        index, done = run_ingest()
        assert (done.packs, attempts(index)) == (1, [quiet])
        # It stays for a while under another name, in case its writer lives and has not learnt that.
        assert [one.name for one in journal_files()] == [f"{path.name}.sealed"]
        (listed,) = (one for one in packs(store) if one.name.endswith(".journals"))
        age(listed, 700)
        index, _ = run_ingest()
        assert (journal_files(), len(packs(store)), attempts(index)) == ([], 1, [quiet])

    def test_a_torn_tail_of_a_dead_writer_is_dropped_and_said(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files
    ) -> None:
        kept = add_attempt("a", writer=DEAD)
        (path,) = journal_files()
        last = [one for one in read_journal(str(path)) if isinstance(one, Record)][-1]
        path.write_bytes(path.read_bytes()[: last.end - 10])
        index, done = run_ingest()
        assert done.dropped == {str(path.relative_to(store.root)): last.end - 10 - last.offset}
        assert (index.load(kept).state, journal_files()) == ("lost", [])

    def test_a_damaged_one_stays_and_is_said(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files
    ) -> None:
        add_attempt("a", ended=True)
        kept = add_attempt("b", ended=True)
        path = journal_files()[0]
        data = bytearray(path.read_bytes())
        data[300] ^= 1
        path.write_bytes(data)
        index, done = run_ingest()
        assert done.damaged == [str(path.relative_to(store.root))]
        assert journal_files() == [path]
        assert len(index.damage()) == 1
        assert kept in [one.manifest.attempt for one in index.attempts()]

    def test_empty_ones_are_deleted(self, store: LocalStore, run_ingest: Ingest, journal_files: Files) -> None:
        Journal(store.root).reserve()
        (path,) = journal_files()
        age(path, 4000)
        assert run_ingest()[1].packs == 0
        assert (journal_files(), packs(store)) == ([], [])

    def test_records_of_a_newer_kind_are_kept(
        self, store: LocalStore, run_ingest: Ingest, stored_bytes: Callable[[LocalStore], bytes]
    ) -> None:
        journal = Journal(store.root)
        journal.append(("dream", b'{"of":"later"}'))
        journal.close()
        run_ingest()
        from envcap.store.block import Block
        from envcap.store.pack import read_pack

        with store.open(store.packs()[0]) as stream:
            (block,) = read_pack(stream)
        assert isinstance(block, Block)
        assert [(record.kind, record.data) for record in block] == [("dream", b'{"of":"later"}')]


class TestLateWriters:
    """A writer that was taken for one that is gone."""

    def test_writes_on_elsewhere(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files
    ) -> None:
        journal = Journal(store.root)
        journal.append(("dream", b"1"))
        (path,) = journal_files()
        age(path, 4000)
        run_ingest()
        journal.append(("dream", b"2"))
        new = [one for one in journal_files() if not one.name.endswith(".sealed")]
        assert len(new) == 1
        assert [one.data for one in read_journal(str(new[0])) if isinstance(one, Record)] == [b"2"]

    @pytest.mark.parametrize("when", ["before the renaming", "after it"])
    def test_loses_nothing_that_it_wrote_meanwhile(
        self, when: str, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        kept = add_attempt("a", writer=DEAD)
        (path,) = journal_files()
        late = next(one for one in read_journal(str(path)) if isinstance(one, Record) and one.kind == "manifest")
        other = late.data.replace(kept.encode(), b"01a219eb-1f33-7480-9dd8-b2c54e310295")
        scratch = Journal(str(store.root) + "-other")
        scratch.append(("manifest", other))
        (source,) = Path(str(store.root) + "-other").glob("journal/*/*/*")
        real = os.rename

        def rename(old: str, new: str) -> None:
            if not new.endswith(".sealed"):
                return real(old, new)
            if when == "after it":
                real(old, new)
            with open(old if when != "after it" else new, "ab") as stream:
                stream.write(source.read_bytes())
            return real(old, new) if when != "after it" else None

        monkeypatch.setattr(os, "rename", rename)
        index, _ = run_ingest()
        assert sorted(attempts(index)) == sorted([kept, "01a219eb-1f33-7480-9dd8-b2c54e310295"])


class Killed(BaseException):
    """As if the process had been killed: nothing after it is done."""


@pytest.mark.parametrize("again", [False, True])
def test_killed_at_any_step_it_is_finished_by_the_next(
    again: bool, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Before each call that changes a file, and once more while the next one finishes it."""
    steps = 0
    for kill_at in range(1, 1000):
        added = [add_attempt(f"job{kill_at}-{i}", ended=True) for i in range(2)]
        added.append(add_attempt(f"lost{kill_at}", status=None, writer=DEAD))
        done = _killed_at(kill_at, run_ingest, monkeypatch)
        if again and not done:
            _killed_at(2, run_ingest, monkeypatch)
        if Path(store.root, "index.sqlite").exists() and kill_at % 2:
            Path(store.root, "index.sqlite").unlink()
        assert set(added) <= set(attempts(Index(store)))
        index, _ = run_ingest()
        assert set(added) <= set(attempts(index))
        assert index.damage() == []
        assert journal_files() == []
        assert [one for one in packs(store) if one.suffix == ".journals"] == []
        if done:
            steps = kill_at
            break
    assert steps > 12
    assert len(attempts(Index(store))) == 3 * steps


def _killed_at(step: int, run_ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Ingest, and be killed before a step; return whether it was done before."""
    left = step

    def counted(name: str) -> Callable[..., object]:
        real = getattr(os, name)

        def call(*words: object, **others: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return real(*words, **others)

        return call

    with monkeypatch.context() as patched:
        for name in ("rename", "unlink", "fsync", "fdatasync"):
            patched.setattr(os, name, counted(name))
        try:
            run_ingest()
        except Killed:
            return False
    return True


class TestLists:
    """A list of journals names what is deleted, so it is not believed."""

    @pytest.mark.parametrize("name", ["../keep", "journal/2026-01-01/ab/../../../../keep", "/etc/passwd", "packs/x"])
    def test_of_other_files_is_refused(
        self, store: LocalStore, run_ingest: Ingest, add_attempt: AddAttempt, name: str
    ) -> None:
        add_attempt("a", ended=True)
        run_ingest()
        kept = Path(store.root).parent / "keep"
        kept.touch()
        path = packs(store)[0].with_suffix(".journals")
        path.write_text(json.dumps({name: [0, True]}))
        with pytest.raises(StoreError, match="no list of journals; delete it"):
            run_ingest()
        assert kept.exists()

    @pytest.mark.parametrize("text", ["[]", "{", '{"journal/2026-01-01/ab/%s": 5}' % ("0" * 36), '{"a": [1, 2]}'])
    def test_that_is_none_is_said(
        self, store: LocalStore, run_ingest: Ingest, add_attempt: AddAttempt, text: str
    ) -> None:
        add_attempt("a", ended=True)
        run_ingest()
        packs(store)[0].with_suffix(".journals").write_text(text)
        with pytest.raises(StoreError):
            run_ingest()


def test_one_works_and_the_others_wait(store: LocalStore, add_attempt: AddAttempt) -> None:
    added = {add_attempt(f"job{i}", ended=True) for i in range(30)}
    command = [Path(sys.executable).parent / "envcap", "ingest", "--json", "--store", store.root]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    told = [(json.loads(out), err) for out, err in (one.communicate() for one in running)]
    assert [one.returncode for one in running] == [0] * 4
    assert sum(found["journals"] for found, _ in told) == 30
    assert sum(found["packs"] for found, _ in told) == len(packs(store)) == 1
    assert {attempt.manifest.attempt for attempt in Index(store).attempts()} == added


def test_a_store_that_can_not_be_written_to_is_refused(
    store: LocalStore, add_attempt: AddAttempt, read_only: Callable[[str], str], envcap: Callable[..., object]
) -> None:
    add_attempt("a", ended=True)
    done = envcap("ingest", "--store", read_only(store.root))
    assert (done.returncode, done.stdout) == (3, "")  # type: ignore[attr-defined]
    assert "Read-only file system; packing needs a store that can be written to" in done.stderr  # type: ignore[attr-defined]


def test_a_reader_whose_index_is_older_than_the_pack_finds_the_job(
    store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest
) -> None:
    added = add_attempt("a", ended=True)
    reader = Index(store)
    run_ingest()
    assert reader.load(added).manifest.attempt == added


def test_a_private_index_follows(
    store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, read_only: Callable[[str], str]
) -> None:
    """Somebody who may only read the store has an index of their own, which begins as a copy of the store's."""
    added = [add_attempt("a", ended=True), add_attempt("b", ended=True)]
    run_ingest()
    mounted = LocalStore.existing(read_only(store.root))
    index = Index(mounted)
    assert index.new_records == 0
    assert not index.path.startswith(store.root)
    assert attempts(index) == added
    index.close()
    again = Index(mounted)
    assert again.path == index.path
    assert attempts(again) == added


def test_quiet_is_an_hour() -> None:
    assert sealing.QUIET_S == 3600
