# SPDX-License-Identifier: Apache-2.0
"""`envcap note`, `pin` and `gc`: what is said of jobs is kept, what nothing needs goes, and nothing else does."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.store import rewriting
from envcap.store.garbage import collect_garbage
from envcap.store.index import Index
from envcap.store.ingest import ingest
from envcap.store.journal import Journal, read_journal
from envcap.store.local import LocalStore

AddAttempt = Callable[..., str]
Run = Callable[..., "subprocess.CompletedProcess[str]"]
DAY = 86400


def age(path: Path | str, days: float) -> None:
    """Let a file be old."""
    os.utime(path, (time.time() - days * DAY,) * 2)


def seal(store: LocalStore) -> None:
    """Pack the store's journals."""
    ingest(store, lambda: None, lambda done, whole: None)[0].close()


def attempts(store: LocalStore) -> list[str]:
    """Return the ids of all attempts."""
    index = Index(store)
    found = [attempt.manifest.attempt for attempt in index.attempts()]
    assert (index.unreadable, index.damage()) == ([], [])
    return found


class TestNotes:
    """What somebody has to say."""

    def test_are_added_with_who_and_when_and_change_no_digest(
        self, envcap: Run, store: LocalStore, add_attempt: AddAttempt
    ) -> None:
        attempt = add_attempt("night", ended=True)
        before = Index(store).load(attempt).digest
        assert envcap("note", "night", "cloudy", env={"LOGNAME": "ada"}).returncode == 0
        assert envcap("note", "night", "no: smoke", env={"LOGNAME": "bob"}).returncode == 0
        seal(store)
        notes = json.loads(envcap("note", "night", "--json").stdout)
        assert [(note["who"], note["action"], note["why"]) for note in notes] == [
            ("ada", "note", "cloudy"), ("bob", "note", "no: smoke"),
        ]  # fmt: skip
        assert all(note["manifest"] == before and note["written"] > "2026" for note in notes)
        assert Index(store).load(attempt).digest == before
        shown = envcap("show", "night").stdout
        assert "note by ada" in shown
        assert "smoke" in shown
        assert json.loads(envcap("show", "night", "--json").stdout)["notes"][0]["why"] == "cloudy"

    def test_hold_no_secrets(self, envcap: Run, store: LocalStore, add_attempt: AddAttempt) -> None:
        add_attempt("night")
        envcap("note", "night", "see https://me:hunter2@host/log")
        assert "hunter2" not in envcap("note", "night").stdout
        assert b"hunter2" not in b"".join(path.read_bytes() for path in Path(store.root).rglob("*") if path.is_file())

    def test_that_say_nothing_are_refused(self, envcap: Run, add_attempt: AddAttempt) -> None:
        add_attempt("night")
        done = envcap("note", "night", " ")
        assert (done.returncode, done.stderr) == (2, "envcap note: a note says something; this text is empty\n")
        assert envcap("note", "nobody", "x").returncode == 1

    def test_are_printed_without_control_characters(self, envcap: Run, add_attempt: AddAttempt) -> None:
        add_attempt("night")
        envcap("note", "night", "red\x1b[31m")
        assert "\x1b" not in envcap("note", "night").stdout


class TestObjects:
    """What nothing names."""

    @pytest.fixture
    def named(self, envcap: Run, store: LocalStore, work: Path) -> set[str]:
        """Run a real job, and give the objects that it left."""
        (work / "c.yaml").write_text("gain: 2\n")
        assert envcap("run", "--config", "c.yaml", "--", "true").returncode == 0
        return set(store.list())

    def test_goes_when_it_is_old(self, envcap: Run, store: LocalStore, named: set[str]) -> None:
        orphan, young = store.put(b"orphan"), store.put(b"young")
        for digest in (*named, orphan):
            age(store.object_path(digest), 15)
        told = json.loads(envcap("gc", "--dry-run", "--json").stdout)
        assert (told["objects"], told["size"]) == (1, 6)
        assert set(store.list()) == {*named, orphan, young}
        assert envcap("gc").returncode == 0
        assert set(store.list()) == {*named, young}
        assert envcap("verify", "--all").returncode == 0

    def test_that_a_job_asks_for_is_young_again(self, store: LocalStore) -> None:
        """Else it could go between a job's look and the manifest that names it."""
        digest = store.put(b"shared")
        path = store.object_path(digest)
        age(path, 15)
        assert store.has(digest)
        assert time.time() - os.stat(path).st_mtime < 60
        age(path, 15)
        store.put(b"shared")
        assert time.time() - os.stat(path).st_mtime < 60

    def test_stays_where_anything_is_damaged(
        self, envcap: Run, store: LocalStore, add_attempt: AddAttempt, journal_files: Callable[[], list[Path]]
    ) -> None:
        """The damaged record may be the one that names it."""
        digest = store.put(b"orphan")
        age(store.object_path(digest), 15)
        add_attempt("a")
        data = bytearray(journal_files()[0].read_bytes())
        data[200] ^= 1
        journal_files()[0].write_bytes(data)
        done = envcap("gc")
        assert done.returncode == 3
        assert "all else stays: not all is whole" in done.stderr
        assert store.has(digest)

    def test_scratch_files_go_when_they_are_a_day_old(
        self, envcap: Run, store: LocalStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from envcap.store import garbage

        folder = Path(store.root, "objects", "ab")
        folder.mkdir(parents=True)
        (folder / "x.tmp").touch()
        assert json.loads(envcap("gc", "--json").stdout)["scratch"] == 0
        monkeypatch.setattr(garbage, "_SCRATCH_OLD_S", -1.0)
        found = garbage.collect_garbage(Index(store), set(), dry_run=False, advance=lambda done, whole: None)
        assert (found.scratch, list(folder.iterdir())) == (1, [])

    def test_a_sealed_journal_that_was_left_is_looked_at_before_it_goes(
        self, store: LocalStore, add_attempt: AddAttempt, journal_files: Callable[[], list[Path]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        from envcap.store import garbage

        kept = add_attempt("a")
        (path,) = journal_files()
        path.rename(f"{path}.sealed")
        monkeypatch.setattr(garbage, "_SCRATCH_OLD_S", -1.0)
        garbage.collect_garbage(Index(store), set(), dry_run=False, advance=lambda done, whole: None)
        assert attempts(store) == [kept]


class TestJobs:
    """Jobs that are to be forgotten."""

    @pytest.fixture
    def added(self, store: LocalStore, add_attempt: AddAttempt, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Give four jobs that ended long ago (the fixture's clock runs ahead), of two RUNs, packed."""
        jobs = [add_attempt(f"job{i}", argv=(f"tool{i % 2}",), run=f"run{i % 2}", ended=True) for i in range(4)]
        seal(store)
        return jobs

    @pytest.fixture
    def later(self, monkeypatch: pytest.MonkeyPatch, store: LocalStore) -> Callable[..., None]:
        """Give a function that forgets all jobs but the pinned ones, of a RUN."""
        from envcap.cli import gc

        def forget(run: str | None = None) -> None:
            index = Index(store)
            monkeypatch.setattr(gc, "timestamp", lambda now: "9999")
            forgotten = gc._forgotten(index, 1, run)
            gc.collect_garbage(index, forgotten, dry_run=False, advance=lambda done, whole: None)

        return forget

    def test_go_with_all_that_is_theirs_alone(
        self, database: str, store: LocalStore, added: list[str], later: Callable[..., None]
    ) -> None:
        later("run0")
        assert attempts(store) == [added[1], added[3]]
        index = Index(store)
        keyed = {listed.attempt for listed in index.keyed(b"", b"\xff" * 30)}
        assert keyed == {added[1], added[3]}
        data = b"".join(one.data for one in _records(store))
        assert (data.count(b'"tool1"') > 0, data.count(b'"tool0"')) == (True, 0)

    def test_stay_where_they_are_pinned(
        self, database: str, envcap: Run, store: LocalStore, added: list[str], later: Callable[..., None]
    ) -> None:
        for job in ("job0", "job1", "job2"):
            assert envcap("pin", job, "--why", "figure 3").returncode == 0
        assert envcap("pin", "job2", "--remove", "--why", "withdrawn").returncode == 0
        later()
        assert attempts(store) == added[:2]
        assert "figure 3" in envcap("show", "job0").stdout

    def test_that_are_young_stay(self, envcap: Run, store: LocalStore, added: list[str]) -> None:
        told = json.loads(envcap("gc", "--forget-older-than", "1", "--json").stdout)
        assert told["attempts"] == 0
        assert attempts(store) == added

    def test_small_packs_are_joined(self, envcap: Run, store: LocalStore, add_attempt: AddAttempt) -> None:
        added = []
        for number in range(9):
            added.append(add_attempt(f"job{number}", ended=True))
            seal(store)
        assert len(store.packs()) == 9
        reader = Index(store)
        assert json.loads(envcap("gc", "--json").stdout)["packs"] == 9
        assert len(store.packs()) == 1
        assert attempts(store) == added
        assert [reader.load(one).manifest.attempt for one in added] == added
        assert json.loads(envcap("gc", "--json").stdout)["packs"] == 0

    def test_packs_are_not_joined_to_one_that_is_too_large(
        self, store: LocalStore, add_attempt: AddAttempt, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A reader refuses a file of gigabytes: all jobs in it would be lost."""
        added = []
        for number in range(9):
            added.append(add_attempt(f"job{number}", ended=True))
            seal(store)
        largest = 3 * max(map(store.size, store.packs()))
        monkeypatch.setattr(rewriting, "_LARGEST", largest)
        collect_garbage(Index(store), set(), dry_run=False, advance=lambda done, whole: None)
        assert len(store.packs()) == 3
        assert max(map(store.size, store.packs())) <= largest
        assert attempts(store) == added

    @pytest.mark.parametrize("words", [("--run", "a"), ("--forget-older-than", "-1"), ("--forget-older-than", "x")])
    def test_wrong_words_are_refused(self, envcap: Run, store: LocalStore, words: tuple[str, ...]) -> None:
        assert envcap("gc", *words).returncode == 2


def _records(store: LocalStore) -> list[object]:
    from envcap.store.rewriting import records_of

    index = Index(store)
    return [record for name in store.packs() for record in records_of(index, name, frozenset())]


def test_what_is_read_is_what_was_written(store: LocalStore) -> None:
    """A journal's records are passed over by nothing but their kind."""
    journal = Journal(store.root)
    journal.append(("note", b"{}"))
    journal.close()
    (path,) = Path(store.root).glob("journal/*/*/*")
    assert [one.kind for one in read_journal(str(path))] == ["note", "end"]  # type: ignore[union-attr]
