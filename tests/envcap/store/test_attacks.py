# SPDX-License-Identifier: Apache-2.0
"""What a review of the store found: each was a way to lose a record, to believe a wrong one, or to harm the reader."""

from __future__ import annotations

import errno
import io
import json
import os
import sqlite3
import subprocess
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from envcap.cli import gc
from envcap.digest import digest_of
from envcap.errors import StoreError, UnknownSelectorError
from envcap.model.manifest import Writer
from envcap.model.note import Note
from envcap.store import journal as journal_module
from envcap.store import sealing
from envcap.store.block import Block
from envcap.store.garbage import collect_garbage
from envcap.store.index import Index
from envcap.store.ingest import Ingested, _reserved
from envcap.store.journal import Damage, Journal, read_journal
from envcap.store.local import LocalStore
from envcap.store.pack import read_pack
from envcap.store.selector import resolve
from envcap.store.state import this_process
from tests.packing import forged_block

AddAttempt = Callable[..., str]
Files = Callable[[], list[Path]]
Ingest = Callable[[], tuple[Index, Ingested]]
Run = Callable[..., "subprocess.CompletedProcess[str]"]
ELSEWHERE = Writer(host="another", boot_id="0" * 36, pid=1, start="1", pid_namespace=None)


def attempts(index: Index) -> set[str]:
    """Return the ids of all attempts."""
    return {attempt.manifest.attempt for attempt in index.attempts()}


def age(path: Path | str, seconds: float) -> None:
    """Let a file have been written to some time ago."""
    os.utime(path, (time.time() - seconds,) * 2)


def nothing(done: int, whole: int) -> None:
    """Take progress."""


class TestLoss:
    """Records that were written and must stay."""

    def test_what_is_no_document_is_packed_before_its_journal_goes(
        self, store: LocalStore, run_ingest: Ingest, journal_files: Files
    ) -> None:
        journal = Journal(store.root)
        journal.append(("note", b"{}"))
        journal.close()
        index, done = run_ingest()
        assert (done.packs, journal_files(), len(index.damage())) == (1, [], 1)
        with store.open(store.packs()[0]) as stream:
            (block,) = read_pack(stream)
        assert isinstance(block, Block)
        assert [record.data for record in block] == [b"{}"]

    def test_a_job_that_runs_is_neither_sealed_nor_forgotten(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        running = add_attempt("a", status=None, writer=this_process())
        unknown = add_attempt("b", status=None, writer=ELSEWHERE)
        for path in journal_files():
            age(path, 5000)
        index, _ = run_ingest()
        assert [one for one in journal_files() if not one.name.endswith(".sealed")] != []
        assert index.load(running).state == "running"
        monkeypatch.setattr(gc, "timestamp", lambda now: "9999")
        assert gc._forgotten(index, 1, None) == set()
        assert attempts(index) == {running, unknown}

    @pytest.mark.parametrize("call", ["write", "fstat"])
    def test_a_journal_that_went_on_a_network_is_written_anew(
        self, store: LocalStore, journal_files: Files, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        journal = Journal(store.root)
        journal.append(("manifest", b"1"))
        real, stale = getattr(os, call), [True]

        def once(*words: object) -> object:
            if stale.pop() if stale else False:
                raise OSError(errno.ESTALE, "Stale file handle")
            return real(*words)

        monkeypatch.setattr(os, call, once)
        journal.append(("result", b"2"))
        monkeypatch.undo()
        found = [one.data for path in journal_files() for one in read_journal(str(path))]  # type: ignore[union-attr]
        assert b"2" in found

    def test_a_late_record_is_found_at_once(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        attempt = add_attempt("a", writer=ELSEWHERE)
        (path,) = journal_files()
        whole = path.read_bytes()
        last = list(read_journal(str(path)))[-1]
        path.write_bytes(whole[: last.offset])
        age(path, 5000)
        real = os.rename

        def rename(old: str, new: str) -> None:
            real(old, new)
            if new.endswith(".sealed"):
                Path(new).write_bytes(whole)

        monkeypatch.setattr(os, "rename", rename)
        index, _ = run_ingest()
        monkeypatch.undo()
        assert index.load(attempt).state == "ok"

    def test_one_listing_that_fails_empties_no_index(
        self, database: str, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        added = {add_attempt(f"job{i}", ended=True) for i in range(3)}
        run_ingest()[0].close()

        def fail(self: LocalStore) -> list[str]:
            raise StoreError("Input/output error")

        with monkeypatch.context() as patched:
            patched.setattr(LocalStore, "packs", fail)
            assert Index(store).unreadable == ["Input/output error"]
        assert attempts(Index(store)) == added

    def test_copies_of_a_store_share_no_index(
        self, database: str, store: LocalStore, add_attempt: AddAttempt, tmp_path: Path
    ) -> None:
        import shutil

        from envcap.store.ingest import ingest

        added = {add_attempt("a", ended=True)}
        assert attempts(Index(store)) == added
        copy = LocalStore(str(shutil.copytree(store.root, tmp_path / "copy")))
        assert attempts(ingest(copy, lambda: None, nothing)[0]) == added
        assert attempts(Index(store)) == added

    def test_what_is_forgotten_does_not_come_back(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        """Nor from a second pack that has it, too."""
        add_attempt("a", ended=True)
        kept = add_attempt("b", ended=True)
        copies = {path: path.read_bytes() for path in journal_files()}
        run_ingest()[0].close()
        for path, data in copies.items():
            path.write_bytes(data)
        index, _ = run_ingest()
        assert len(store.packs()) == 2
        forgotten = {listed.id for listed in index.listed("TRUE") if listed.attempt != kept}
        collect_garbage(index, forgotten, dry_run=False, advance=nothing)
        Path(store.root, "index.sqlite").unlink()
        assert attempts(Index(store)) == {kept}

    def test_packs_that_were_replaced_go_even_if_whoever_replaced_them_died(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = add_attempt("a", ended=True)
        add_attempt("b", ended=True)
        index, _ = run_ingest()
        forgotten = {one.id for one in index.listed("TRUE") if one.attempt != kept}
        real = os.unlink
        monkeypatch.setattr(os, "unlink", lambda path: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            collect_garbage(index, forgotten, dry_run=False, advance=nothing)
        monkeypatch.setattr(os, "unlink", real)
        assert len(store.packs()) == 2
        run_ingest()[0].close()
        Path(store.root, "index.sqlite").unlink()
        assert attempts(Index(store)) == {kept}

    def test_a_forged_list_deletes_no_journal(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files
    ) -> None:
        add_attempt("a", ended=True)
        run_ingest()[0].close()
        live = add_attempt("b", ended=True)
        (path,) = journal_files()
        name = str(path.relative_to(store.root))
        Path(store.root, store.packs()[0] + sealing.LIST).write_text(json.dumps({name: [1 << 40, True]}))
        index, _ = run_ingest()
        assert live in attempts(index)
        Path(store.root, "index.sqlite").unlink()
        assert live in attempts(Index(store))

    def test_a_journal_that_a_loss_of_power_cut_off_after_it_was_packed_may_go(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files
    ) -> None:
        """The pack was synced, and the journal, of a writer that was killed, was not."""
        packed = add_attempt("a", ended=True)
        (path,) = journal_files()
        data = path.read_bytes()
        run_ingest()[0].close()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data[: len(data) // 2])
        name = str(path.relative_to(store.root))
        Path(store.root, store.packs()[0] + sealing.LIST).write_text(json.dumps({name: [len(data), True]}))
        index, done = run_ingest()
        assert (attempts(index), journal_files(), done.damaged) == ({packed}, [], [])

    @pytest.mark.parametrize("name", [".nfs0000000001", ".DS_Store", "x\udcff", "journal"])
    def test_files_of_others_in_the_journals_are_passed_over(
        self, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files, name: str
    ) -> None:
        added = add_attempt("a", ended=True)
        folder = journal_files()[0].parent
        for place in (folder, folder.parent, folder.parent.parent):
            (place / name).write_bytes(b"odd")
            age(place / name, 5000)
        index, done = run_ingest()
        assert (done.journals, attempts(index), index.unreadable) == (1, {added}, [])
        assert run_ingest()[1].journals == 0


class TestBelief:
    """What is not so, and must not be believed."""

    def test_a_reader_takes_no_reservation_away(
        self, database: str, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest
    ) -> None:
        add_attempt("a", ended=True)
        index, _ = run_ingest()
        first = _reserved(index)
        Index(store).close()
        assert _reserved(index)[1] != first[1]

    def test_a_note_that_stands_under_another_key_is_not_shown(
        self, store: LocalStore, add_attempt: AddAttempt
    ) -> None:
        one, two = add_attempt("a"), add_attempt("b")
        for attempt in (one, two):
            journal = Journal(store.root)
            note = Note(attempt=attempt, manifest="", action="note", who="me", written="2026", why=attempt)
            journal.append(("note", note.to_bytes()))
        Index(store).close()
        with closing(sqlite3.connect(Path(store.root, "index.sqlite"))) as connection:
            notes = "FROM documents WHERE key >= x'6e' AND key < x'6f'"
            rows = connection.execute(f"SELECT source, position, number {notes}").fetchall()
            keys = [key for (key,) in connection.execute(f"SELECT DISTINCT key {notes}")]
            crossed = [(key, *row) for key in keys for row in rows]
            connection.executemany("INSERT OR IGNORE INTO documents VALUES (?, ?, ?, ?)", crossed)
            connection.commit()
        index = Index(store)
        assert [[note.why for note in index.notes(attempt)] for attempt in (one, two)] == [[one], [two]]

    @pytest.mark.parametrize("wrong", ["digest", "longer id", "hyphens"])
    def test_wrong_digits_name_nothing(
        self, database: str, store: LocalStore, add_attempt: AddAttempt, wrong: str
    ) -> None:
        attempt = add_attempt("a", outputs={"/o": b"x"})
        index = Index(store)
        digest = index.load(attempt).digest
        assert resolve(index, digest).manifest.attempt == attempt
        named = {"digest": digest[:30] + "0" * 41, "longer id": f"attempt:{attempt}ffff", "hyphens": "attempt:------"}
        with pytest.raises(UnknownSelectorError):
            resolve(index, named[wrong])


class TestHarm:
    """What a hostile store does to its readers."""

    def test_a_journal_of_the_index_that_names_a_file_deletes_it_not(
        self, store: LocalStore, add_attempt: AddAttempt, envcap: Run, tmp_path: Path
    ) -> None:
        """A hot journal may name a super-journal, which SQLite deletes once it has rolled back."""
        add_attempt("a")
        Index(store).close()
        victim = tmp_path / "mine"
        victim.write_text("precious\n")
        name = bytes(victim)
        checksum = sum(byte if byte < 128 else byte - 256 for byte in name)
        numbers = (0, 0, 1, 512, 4096)
        header = bytes.fromhex("d9d505f920a163d7") + b"".join(number.to_bytes(4) for number in numbers)
        tail = (1 << 20).to_bytes(4) + name + len(name).to_bytes(4) + (checksum & 0xFFFFFFFF).to_bytes(4)
        hot = header.ljust(512, b"\0") + tail + bytes.fromhex("d9d505f920a163d7")
        Path(store.root, "index.sqlite-journal").write_bytes(hot)
        done = envcap("jobs")
        assert victim.read_text() == "precious\n"
        assert done.returncode == 3
        assert "it names another journal" in done.stderr

    @pytest.mark.parametrize("name", ["journal", "objects", "packs"])
    def test_a_link_leads_nobody_to_another_store(
        self, store: LocalStore, add_attempt: AddAttempt, envcap: Run, tmp_path: Path, name: str
    ) -> None:
        add_attempt("a", ended=True)
        store.put(b"x")
        envcap("ingest")
        add_attempt("b", ended=True)
        before = {path: path.read_bytes() for path in Path(store.root).rglob("*") if path.is_file()}
        hostile = LocalStore(str(tmp_path / "hostile"))
        hostile.create()
        Path(hostile.root, name).symlink_to(Path(store.root, name))
        for words in (("ingest",), ("gc", "--forget-older-than", "0")):
            done = envcap(*words, "--store", hostile.root)
            assert (done.returncode, "a link; only a store as a whole may be one" in done.stderr) == (3, True)
        assert {path: path.read_bytes() for path in before} == before

    def test_a_block_of_nothing_is_refused_before_it_is_taken_apart(self) -> None:
        text = bytes(1 << 24)
        pack = forged_block(len(text), text)
        began = time.process_time()
        (damage,) = read_pack(io.BytesIO(pack))
        assert isinstance(damage, Damage)
        assert "are the most" in damage.reason
        assert time.process_time() - began < 2

    def test_headers_that_promise_much_are_not_each_read_to_their_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        count, size = 4000, 1 << 19
        headers = []
        for number in range(count):
            facts = b"envcap-record x sha256:%064d %d -" % (number, size)
            headers.append(facts + b" %08x\n" % zlib.crc32(facts))
        path = tmp_path / "journal"
        path.write_bytes(b"".join(headers) + b"x" * 2 * size)
        hashed = 0

        def counted(data: bytes) -> str:
            nonlocal hashed
            hashed += len(data)
            return digest_of(data)

        monkeypatch.setattr(journal_module, "digest_of", counted)
        found = list(read_journal(str(path)))
        assert all(isinstance(one, Damage) for one in found)
        assert hashed < 10 * path.stat().st_size

    def test_a_view_in_the_index_is_no_table(self, store: LocalStore, add_attempt: AddAttempt) -> None:
        add_attempt("a")
        Index(store).close()
        with closing(sqlite3.connect(Path(store.root, "index.sqlite"))) as connection:
            connection.execute("DROP TABLE damage")
            endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS source FROM n"
            connection.execute(f"CREATE VIEW damage AS {endless}")
        with pytest.raises(StoreError, match="delete this file"):
            Index(store)

    def test_a_file_without_end_is_not_read(
        self, store: LocalStore, add_attempt: AddAttempt, journal_files: Files
    ) -> None:
        add_attempt("a")
        with journal_files()[0].open("ab") as stream:
            stream.truncate(1 << 42)
        assert "larger than any file of a store" in Index(store).unreadable[0]

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE sources SET id = 9223372036854775807",
            "UPDATE attempts SET started = NULL",
            "UPDATE attempts SET name = 5.5",
        ],
    )
    def test_rows_that_nobody_wrote_are_no_traceback(
        self, store: LocalStore, add_attempt: AddAttempt, envcap: Run, change: str
    ) -> None:
        add_attempt("a")
        Index(store).close()
        with closing(sqlite3.connect(Path(store.root, "index.sqlite"))) as connection:
            connection.execute(change)
            connection.commit()
        add_attempt("b")
        for words in (("jobs",), ("show", "job:a"), ("ingest",)):
            done = envcap(*words)
            assert "Traceback" not in done.stderr, words


def test_another_user_has_an_index_of_their_own(
    store: LocalStore, add_attempt: AddAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = {add_attempt("a")}
    Index(store).close()
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("index.sqlite") and real(path, mode))
    index = Index(store)
    assert not index.path.startswith(store.root)
    assert not index.is_in_memory
    assert attempts(index) == added


def test_directories_of_days_that_are_done_go(
    store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files
) -> None:
    add_attempt("a", ended=True)
    (path,) = journal_files()
    old = Path(store.root, "journal", "2001-02-03", path.parent.name)
    old.mkdir(parents=True)
    path.rename(old / path.name)
    index, done = run_ingest()
    assert (done.journals, len(attempts(index))) == (1, 1)
    assert not old.parent.exists()
    assert path.parent.exists()


def test_what_is_damaged_is_told_once_when_a_journal_is_read_again(
    database: str, store: LocalStore, add_attempt: AddAttempt, run_ingest: Ingest, journal_files: Files
) -> None:
    """A pack that went lets all journals be read from their beginning again."""
    add_attempt("a", ended=True)
    run_ingest()[0].close()
    add_attempt("b")
    (path,) = journal_files()
    data = bytearray(path.read_bytes())
    data[300] ^= 1
    path.write_bytes(data)
    assert len(Index(store).damage()) == 1
    Path(store.root, store.packs()[0]).unlink()
    Index(store).close()
    assert len(Index(store).damage()) == 1
