# SPDX-License-Identifier: Apache-2.0
"""The index: derived from the journals, so it can be lost, and damage to one job must not hide another."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from envcap.errors import StoreError
from envcap.store.index import Index
from envcap.store.journal import Journal, read_journal
from envcap.store.local import LocalStore

AddAttempt = Callable[..., str]
Files = Callable[[], list[Path]]


COUNT = (
    "import sys\nfrom envcap.store.index import Index\nfrom envcap.store.local import LocalStore\n"
    "print(Index(LocalStore(sys.argv[1])).new_records)"
)


def tables(store: LocalStore) -> dict[str, list[tuple[object, ...]]]:
    """Return everything that the index holds, read without envcap: a file's id there is of no account."""
    with closing(sqlite3.connect(Path(store.root, "index.sqlite"))) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        paths = dict(connection.execute("SELECT id, path FROM sources"))
        found = {}
        for name in names:
            rows = connection.execute(f"SELECT * FROM {name}")
            ids = [column[0] in ("id", "source", "result_source") for column in rows.description]
            told = [tuple(paths.get(v, v) if is_id else v for v, is_id in zip(row, ids, strict=True)) for row in rows]
            found[name] = sorted(told, key=repr)
        return found


def damage_record(path: Path, kind: str) -> None:
    """Flip a bit in the body of the first record of a kind."""
    record = next(r for r in read_journal(str(path)) if getattr(r, "kind", "") == kind)
    data = bytearray(path.read_bytes())
    data[record.end - 3] ^= 1
    path.write_bytes(data)


def delete(store: LocalStore) -> None:
    """Delete the index."""
    Path(store.root, "index.sqlite").unlink()


def test_attempts_are_found_oldest_first(store: LocalStore, add_attempt: AddAttempt) -> None:
    added = [add_attempt(f"job{i}", argv=(f"tool{i}",), status="ok" if i else "failed") for i in range(3)]
    found = list(Index(store).attempts())
    assert [a.manifest.attempt for a in found] == added
    assert [a.state for a in found] == ["failed", "ok", "ok"]
    assert [a.recipe.task.argv for a in found] == [("tool0",), ("tool1",), ("tool2",)]  # type: ignore[union-attr]
    assert Index(store).load(added[1]).digest == found[1].digest
    with pytest.raises(StoreError, match="no attempt nobody"):
        Index(store).load("nobody")


class TestIngest:
    """Reading what the journals gained."""

    def test_is_idempotent_and_incremental(self, store: LocalStore, add_attempt: AddAttempt) -> None:
        for i in range(3):
            add_attempt(f"job{i}")
        assert Index(store).new_records == 9
        before = tables(store)
        assert Index(store).new_records == 0
        assert tables(store) == before
        add_attempt("one more", status=None)
        assert Index(store).new_records == 2
        assert len(tables(store)["attempts"]) == 4
        assert Index(store).new_records == 0

    def test_sees_a_journal_that_grows(self, store: LocalStore, add_attempt: AddAttempt, journal_files: Files) -> None:
        add_attempt("a")
        (path,) = journal_files()
        data = path.read_bytes()
        record = list(read_journal(str(path)))[-1]
        for size in (record.offset, record.offset + 7, record.end - 1):
            path.write_bytes(data[:size])
            assert [a.state for a in Index(store).attempts()] == ["running"], size
        path.write_bytes(data)
        assert [a.state for a in Index(store).attempts()] == ["ok"]

    def test_room_that_a_journal_set_aside_hides_no_job(
        self, store: LocalStore, add_attempt: AddAttempt, journal_files: Files
    ) -> None:
        """A command that reads while a job captures must still find the job afterwards."""
        add_attempt("a")
        (path,) = journal_files()
        records = [(r.kind, r.data) for r in read_journal(str(path))]  # type: ignore[union-attr]
        path.unlink()
        journal = Journal(store.root)
        journal.reserve()
        index = Index(store)
        assert (list(index.attempts()), index.damage(), index.unreadable) == ([], [], [])
        journal.append(*records[:2])
        assert [a.state for a in Index(store).attempts()] == ["running"]
        journal.append(*records[2:])
        index = Index(store)
        assert [a.state for a in index.attempts()] == ["ok"]
        assert (index.damage(), index.unreadable) == ([], [])

    def test_by_many_at_once_takes_each_record_once(self, store: LocalStore, add_attempt: AddAttempt) -> None:
        for i in range(50):
            add_attempt(f"job{i}", outputs={f"/o{i}": b"x"})
        Index(store)
        for i in range(50):
            add_attempt(f"more{i}", outputs={f"/p{i}": b"x"})
        children = [
            subprocess.Popen([sys.executable, "-c", COUNT, store.root], stdout=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        taken = [int(child.communicate()[0]) for child in children]
        assert sum(taken) == 150
        assert len(tables(store)["keys"]) == 100 * len({"manifest", "recipe", "job", "result", "path", "digest"})

    def test_that_waits_for_another_keeps_what_the_other_made(
        self, store: LocalStore, add_attempt: AddAttempt, tmp_path: Path
    ) -> None:
        add_attempt("a")
        model = LocalStore(str(tmp_path / "model"))
        model.create()
        Index(model).close()
        with closing(sqlite3.connect(Path(model.root, "index.sqlite"))) as connection:
            made = [sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        with closing(sqlite3.connect(Path(store.root, "index.sqlite"), isolation_level=None)) as first:
            first.execute("BEGIN IMMEDIATE")
            second = subprocess.Popen([sys.executable, "-c", COUNT, store.root], stdout=subprocess.PIPE, text=True)
            time.sleep(0.5)  # until the other has seen an empty file and waits
            for sql in made:
                first.execute(sql)
            first.execute("INSERT INTO sources VALUES (999, 'journal/mine', 0)")
            first.execute(f"PRAGMA user_version = {version}")
            first.execute("COMMIT")
            assert second.communicate()[0] == "3\n"
        # The journal "mine" is gone, and needed by nobody; the job's own is the next one.
        with closing(sqlite3.connect(Path(store.root, "index.sqlite"))) as connection:
            assert connection.execute("SELECT id FROM sources").fetchall() == [(1000,)]


class TestLost:
    """An index that is gone, old or broken."""

    def test_made_anew_equals_the_old_one(self, store: LocalStore, add_attempt: AddAttempt) -> None:
        for i in range(3):
            replayed = add_attempt(f"job{i}", quantum=f"quantum{i}", datasets=(f"uuid{i}",), outputs={"/o": b"x"})
            add_attempt("again", replay_of=replayed)
            Index(store).close()
        grown = tables(store)
        assert {name: len(rows) for name, rows in grown.items()} == {
            "sources": 6, "attempts": 6, "keys": 33, "documents": 6, "damage": 0,
        }  # fmt: skip
        delete(store)
        Index(store).close()
        assert tables(store) == grown

    @pytest.mark.parametrize("content", [b"this is no database " * 50, b"SQLite format 3\0" + b"\xff" * 4000])
    def test_a_broken_one_is_named_and_can_be_deleted(
        self, store: LocalStore, add_attempt: AddAttempt, content: bytes
    ) -> None:
        add_attempt("a")
        Path(store.root, "index.sqlite").write_bytes(content)
        with pytest.raises(StoreError, match=r"index\.sqlite: .*delete this file"):
            Index(store)
        delete(store)
        assert len(list(Index(store).attempts())) == 1

    def test_one_broken_within_is_named(self, store: LocalStore, add_attempt: AddAttempt) -> None:
        for i in range(20):
            add_attempt(f"job{i}")
        Index(store).close()
        path = Path(store.root, "index.sqlite")
        data = bytearray(path.read_bytes())
        data[4096:] = b"\xa5" * (len(data) - 4096)
        path.write_bytes(data)
        with pytest.raises(StoreError, match="delete this file"):
            list(Index(store).attempts())

    def test_one_whose_schema_is_no_text_is_named(self, store: LocalStore, add_attempt: AddAttempt) -> None:
        add_attempt("a")
        Index(store).close()
        path = Path(store.root, "index.sqlite")
        path.write_bytes(path.read_bytes().replace(b"CREATE TABLE damage", b"CREATE \xccABLE damage"))
        with pytest.raises(StoreError, match=r"index\.sqlite: .*delete this file"):
            Index(store)

    def test_an_empty_file_is_filled(self, store: LocalStore, add_attempt: AddAttempt) -> None:
        add_attempt("a")
        Path(store.root, "index.sqlite").touch()
        assert len(list(Index(store).attempts())) == 1

    def test_one_of_another_version_is_made_anew(self, store: LocalStore, add_attempt: AddAttempt) -> None:
        add_attempt("a")
        with closing(sqlite3.connect(Path(store.root, "index.sqlite"))) as connection:
            connection.execute("CREATE TABLE manifests (a)")
            connection.execute("CREATE TABLE old (a)")
            connection.execute("PRAGMA user_version = 99")
        assert len(list(Index(store).attempts())) == 1
        assert "old" not in tables(store)


class TestDamage:
    """Journals with damage: what is whole is found, and what is not is said."""

    def test_one_damaged_manifest_hides_no_other_job(
        self, store: LocalStore, add_attempt: AddAttempt, journal_files: Files
    ) -> None:
        add_attempt("a")
        kept = add_attempt("b")
        damage_record(journal_files()[0], "manifest")
        index = Index(store)
        assert [a.manifest.attempt for a in index.attempts()] == [kept]
        assert [(path, d.tail) for path, d in index.damage()] == [(str(journal_files()[0]), False)]

    def test_a_record_that_is_no_such_document_is_damage(self, store: LocalStore, add_attempt: AddAttempt) -> None:
        Journal(store.root).append(("manifest", b"{}"), ("result", b"[]"), ("manifest", b"\xff"), ("dream", b"?"))
        kept = add_attempt("b")
        index = Index(store)
        assert [a.manifest.attempt for a in index.attempts()] == [kept]
        assert [d.tail for _, d in index.damage()] == [False] * 3

    @pytest.mark.parametrize(
        "record",
        [
            ("verdict", b'{"replay": "a"}'),
            ("verdict", b"[]"),
            ("verdict", b'{"replay": [], "replay_of": "a", "verdict": "equal"}'),
        ],
    )
    def test_a_verdict_that_is_none_is_damage(
        self, store: LocalStore, add_attempt: AddAttempt, record: tuple[str, bytes]
    ) -> None:
        Journal(store.root).append(record)
        add_attempt("b")
        index = Index(store)
        assert len(list(index.attempts())) == 1
        assert len(index.damage()) == 1

    @pytest.mark.parametrize(("old", "new"), [(b'["uuid-one"]', b"[5]"), (b'"job-one"', rb'"\ud800"')])
    def test_a_hostile_manifest_is_damage(
        self, store: LocalStore, add_attempt: AddAttempt, journal_files: Files, old: bytes, new: bytes
    ) -> None:
        add_attempt("job-one", datasets=("uuid-one",))
        (path,) = journal_files()
        manifest = next(r.data for r in read_journal(str(path)) if getattr(r, "kind", "") == "manifest")
        path.unlink()
        assert old in manifest
        Journal(store.root).append(("manifest", manifest.replace(old, new)))
        kept = add_attempt("b")
        index = Index(store)
        assert [a.manifest.attempt for a in index.attempts()] == [kept]
        assert len(index.damage()) + len(index.unreadable) == 1

    def test_a_recipe_damaged_later_hides_no_other_job(
        self, store: LocalStore, add_attempt: AddAttempt, journal_files: Files
    ) -> None:
        add_attempt("a", argv=("one",))
        kept = add_attempt("b", argv=("two",))
        Index(store).close()
        damage_record(journal_files()[0], "recipe")
        assert kept in [a.manifest.attempt for a in Index(store).attempts()]

    def test_a_damaged_recipe_is_read_from_another_journal(
        self, store: LocalStore, add_attempt: AddAttempt, journal_files: Files
    ) -> None:
        added = [add_attempt("a"), add_attempt("b")]
        Index(store).close()
        damage_record(sorted(journal_files(), key=str)[0], "recipe")
        assert Index(store).load(added[1]).recipe.task.argv == ("reduce",)  # type: ignore[union-attr]

    def test_damage_is_said_until_it_is_gone(
        self, store: LocalStore, add_attempt: AddAttempt, journal_files: Files
    ) -> None:
        add_attempt("a")
        damage_record(journal_files()[0], "manifest")
        assert len(Index(store).damage()) == 1
        assert len(Index(store).damage()) == 1

    def test_a_journal_that_is_gone_is_named(
        self, store: LocalStore, add_attempt: AddAttempt, journal_files: Files
    ) -> None:
        lost, kept = add_attempt("a"), add_attempt("b")
        Index(store).close()
        journal_files()[0].unlink()
        index = Index(store)
        with pytest.raises(StoreError, match="No such file"):
            index.load(lost)
        delete(store)
        assert [a.manifest.attempt for a in Index(store).attempts()] == [kept]

    def test_a_journal_that_can_not_be_read_hides_no_other(
        self, store: LocalStore, add_attempt: AddAttempt, journal_files: Files
    ) -> None:
        kept = add_attempt("a")
        (journal_files()[0].parent / "00000000-0000-7000-8000-000000000000").mkdir()
        index = Index(store)
        assert [a.manifest.attempt for a in index.attempts()] == [kept]
        assert len(index.unreadable) == 1


class TestDisks:
    """Read-only and full."""

    def test_a_read_only_store_is_indexed_in_memory(
        self, store: LocalStore, add_attempt: AddAttempt, read_only: Callable[[str], str]
    ) -> None:
        kept = add_attempt("a")
        index = Index(LocalStore.existing(read_only(store.root)))
        assert [a.manifest.attempt for a in index.attempts()] == [kept]
        assert not Path(store.root, "index.sqlite").exists()

    @pytest.mark.parametrize(
        "indexed",
        [
            False,
            True,
        ],
    )
    def test_on_a_full_disk_lookups_work(
        self,
        store: LocalStore,
        add_attempt: AddAttempt,
        small_disk: Path,
        fill: Callable[[Path], Path],
        indexed: bool,
    ) -> None:
        kept = [add_attempt("a")]
        full = LocalStore(str(small_disk / "store"))
        shutil.copytree(store.root, full.root)
        if indexed:
            Index(full).close()
            kept += [add_attempt(f"job{i}" * 20) for i in range(10)]
            shutil.copytree(store.root, full.root, dirs_exist_ok=True)
        fill(small_disk)
        index = Index(full)
        assert [a.manifest.attempt for a in index.attempts()] == kept
        assert (index.new_records, index.damage(), index.unreadable) == (3 * len(kept), [], [])


@pytest.mark.parametrize("suffix", ["", "-journal", "-wal"])
@pytest.mark.parametrize("what", ["a pipe", "a device", "a link"])
def test_what_is_no_regular_file_is_neither_waited_for_nor_followed(
    what: str, suffix: str, store: LocalStore, tmp_path: Path
) -> None:
    Index(store).close()
    path = Path(store.root) / f"index.sqlite{suffix}"
    path.unlink(missing_ok=True)
    target = tmp_path / "elsewhere"
    make = {"a pipe": lambda: os.mkfifo(path), "a device": lambda: path.symlink_to("/dev/zero"),
            "a link": lambda: path.symlink_to(target)}  # fmt: skip
    make[what]()
    with pytest.raises(StoreError, match="no regular file; delete it"):
        Index(store)
    assert not target.exists()
