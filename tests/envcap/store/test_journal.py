# SPDX-License-Identifier: Apache-2.0
"""Journals: self-verifying records, whatever happens to the file or its writer."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envcap.digest import digest_of
from envcap.errors import StoreError
from envcap.ids import uuid7
from envcap.store import journal as journal_module
from envcap.store.journal import MAX_RECORD, Damage, Journal, Record, journal_paths, read_journal, read_record
from envcap.store.local import LocalStore

Files = Callable[[], list[Path]]
RECORDS = [("recipe", b'{"a":1}'), ("manifest", b'{"b":"two\\nlines"}'), ("result", b'{"c":3}')]


def header(kind: str, digest: str, length: int) -> bytes:
    """Return a record's first line, as the format describes it."""
    facts = f"envcap-record {kind} {digest} {length} -".encode()
    return facts + b" %08x\n" % zlib.crc32(facts)


def split(path: Path | str, offset: int = 0) -> tuple[list[Record], list[Damage]]:
    """Return the records of a journal and its damage."""
    found = list(read_journal(str(path), offset))
    return [f for f in found if isinstance(f, Record)], [f for f in found if isinstance(f, Damage)]


@pytest.fixture
def journal(store: LocalStore, journal_files: Files) -> Path:
    """Give a journal of three records, one of each kind."""
    Journal(store.root).append(*RECORDS)
    (path,) = journal_files()
    return path


def test_records_read_back(journal: Path) -> None:
    records, damage = split(journal)
    assert [(r.kind, r.data) for r in records] == RECORDS
    assert [r.digest for r in records] == [digest_of(data) for _, data in RECORDS]
    assert records[0].offset == 0
    assert records[-1].end == journal.stat().st_size
    assert all(a.end == b.offset for a, b in itertools.pairwise(records))
    assert not damage


def test_a_record_reads_back_by_its_offset(journal: Path) -> None:
    for record in split(journal)[0]:
        again = read_record(str(journal), record.offset)
        assert (again.kind, again.data, again.offset, again.end) == (
            record.kind, record.data, record.offset, record.end,
        )  # fmt: skip
        for other in (record.offset + 1, record.end - 1):
            with pytest.raises(StoreError, match=f"no record at byte {other}"):
                read_record(str(journal), other)


def test_the_file_is_what_the_format_says(journal: Path) -> None:
    expected = [header(kind, digest_of(data), len(data)) + data + b"\n" for kind, data in RECORDS]
    assert journal.read_bytes() == b"".join(expected)


TRICKY = st.lists(st.sampled_from([b"\n", b"envcap-record ", b"recipe sha256:00 3\n", b"x"]), max_size=8).map(b"".join)


@settings(deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.binary(max_size=400), TRICKY), min_size=1, max_size=5))
def test_any_bytes_read_back(tmp_path: Path, bodies: list[bytes]) -> None:
    root = str(tmp_path / uuid7())
    Journal(root).append(*(("blob", body) for body in bodies))
    (path,) = journal_paths(root)
    records, damage = split(path)
    assert [r.data for r in records] == bodies
    assert not damage


class TestTornTail:
    """A writer that died in the middle of a record."""

    def test_is_dropped_wherever_it_is_torn(self, journal: Path) -> None:
        data = journal.read_bytes()
        last = split(journal)[0][-1]
        for size in range(last.offset + 1, len(data)):
            journal.write_bytes(data[:size])
            records, damage = split(journal)
            assert [(r.kind, r.data) for r in records] == RECORDS[:2], size
            assert [(d.offset, d.end, d.tail) for d in damage] == [(last.offset, size, True)], size

    def test_a_clean_cut_is_no_damage(self, journal: Path) -> None:
        journal.write_bytes(journal.read_bytes()[: split(journal)[0][-1].offset])
        assert [len(part) for part in split(journal)] == [2, 0]

    def test_what_follows_it_is_read(self, journal: Path) -> None:
        first, second, _ = split(journal)[0]
        data = journal.read_bytes()
        journal.write_bytes(data[: second.end - 5] + data[: first.end])
        records, damage = split(journal)
        assert [r.data for r in records] == [RECORDS[0][1], RECORDS[0][1]]
        assert [(d.offset, d.end, d.tail) for d in damage] == [(second.offset, second.end - 5, False)]


class TestFlippedByte:
    """One byte that changed in the middle record."""

    @pytest.fixture
    def flip(self, journal: Path) -> Callable[[int], tuple[list[Record], list[Damage]]]:
        """Give a function that flips a bit of a byte and reads the journal."""
        data = journal.read_bytes()

        def flip(where: int) -> tuple[list[Record], list[Damage]]:
            journal.write_bytes(data[:where] + bytes([data[where] ^ 2]) + data[where + 1 :])
            return split(journal)

        return flip

    @pytest.fixture
    def middle(self, journal: Path) -> Record:
        """Give the middle record."""
        return split(journal)[0][1]

    def test_is_passed_over_and_the_rest_is_read(
        self, flip: Callable[[int], tuple[list[Record], list[Damage]]], middle: Record
    ) -> None:
        for where in range(middle.offset, middle.end - 1):
            records, damage = flip(where)
            assert [(r.kind, r.data) for r in records] == [RECORDS[0], RECORDS[2]], where
            assert [(d.offset, d.end, d.tail) for d in damage] == [(middle.offset, middle.end, False)], where

    def test_that_was_the_final_line_feed_costs_no_record(
        self, flip: Callable[[int], tuple[list[Record], list[Damage]]], middle: Record
    ) -> None:
        records, damage = flip(middle.end - 1)
        assert [(r.kind, r.data) for r in records] == RECORDS
        assert [(d.offset, d.end, d.tail) for d in damage] == [(middle.end - 1, middle.end, False)]

    def test_in_the_last_record_is_damage_and_no_torn_tail(
        self, flip: Callable[[int], tuple[list[Record], list[Damage]]], journal: Path
    ) -> None:
        records, damage = flip(journal.stat().st_size - 3)
        assert [r.kind for r in records] == ["recipe", "manifest"]
        assert [d.tail for d in damage] == [False]


@pytest.mark.parametrize("length", [MAX_RECORD + 1, 10**11, 10**40])
def test_a_record_too_long_to_be_one_is_not_believed(journal: Path, length: int) -> None:
    good = journal.read_bytes()
    journal.write_bytes(header("blob", "sha256:" + "0" * 64, length) + b"body\n" + good)
    records, damage = split(journal)
    assert [(r.kind, r.data) for r in records] == RECORDS
    assert [d.reason for d in damage] == ["a record too long to be one"]


def test_reading_goes_on_from_an_offset(journal: Path) -> None:
    all_records = split(journal)[0]
    records, damage = split(journal, all_records[1].offset)
    assert [(r.kind, r.offset, r.end) for r in records] == [(r.kind, r.offset, r.end) for r in all_records[1:]]
    assert not damage


def test_a_journal_that_can_not_be_read_is_a_store_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(StoreError, match=str(path)):
            list(read_journal(str(path)))
        with pytest.raises(StoreError, match=str(path)):
            read_record(str(path), 0)


class TestWriters:
    """One journal a process: forked, parallel, killed."""

    WRITE = (
        "import sys\nfrom envcap.store.journal import Journal\njournal = Journal(sys.argv[1])\n"
        "for i in range(int(sys.argv[2])): journal.append(('n', b'%d' % i), ('n', b'%d' % i))"
    )

    def test_one_process_has_one_journal_and_none_before_its_first_record(
        self, store: LocalStore, journal_files: Files
    ) -> None:
        journal = Journal(store.root)
        assert journal_files() == []
        journal.append(*RECORDS[:1])
        journal.append(*RECORDS[1:])
        (path,) = journal_files()
        assert [(r.kind, r.data) for r in split(path)[0]] == RECORDS

    def test_a_fork_opens_its_own(self, store: LocalStore, journal_files: Files) -> None:
        journal = Journal(store.root)
        journal.append(("n", b"parent 1"))
        child = os.fork()
        if child == 0:
            journal.append(("n", b"child 1"))
            journal.append(("n", b"child 2"))
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        journal.append(("n", b"parent 2"))
        found = [[r.data for r in split(path)[0]] for path in journal_files()]
        assert sorted(found) == [[b"child 1", b"child 2"], [b"parent 1", b"parent 2"]]

    def test_parallel_writers_lose_nothing(self, store: LocalStore, journal_files: Files) -> None:
        children = [subprocess.Popen([sys.executable, "-c", self.WRITE, store.root, "50"]) for _ in range(4)]
        assert [child.wait() for child in children] == [0, 0, 0, 0]
        expected = [b"%d" % (i // 2) for i in range(100)]
        assert [[r.data for r in split(path)[0]] for path in journal_files()] == [expected] * 4
        assert not any(split(path)[1] for path in journal_files())

    def test_a_killed_writer_leaves_at_most_a_torn_tail(self, store: LocalStore, journal_files: Files) -> None:
        child = subprocess.Popen([sys.executable, "-c", self.WRITE, store.root, "100000000"])
        end = time.monotonic() + 20
        while not (journal_files() and journal_files()[0].stat().st_size > 100_000) and time.monotonic() < end:
            time.sleep(0.01)
        child.kill()
        assert child.wait() == -9
        records, damage = split(journal_files()[0])
        assert len(records) > 500
        assert [r.data for r in records] == [b"%d" % (i // 2) for i in range(len(records))]
        assert [d.tail for d in damage] in ([], [True])

    def test_journals_are_listed_oldest_day_first(self, store: LocalStore) -> None:
        top = Path(store.root, "journal")
        a, b, c = (f"{letter * 8}-0000-7000-8000-000000000000" for letter in "abc")
        for day, name in [("2027-01-01", a), ("2026-12-31", c), ("2026-12-31", b)]:
            (top / day / "00").mkdir(parents=True, exist_ok=True)
            (top / day / "00" / name).touch()
        listed = [path.removeprefix(f"{top}/") for path in journal_paths(store.root)]
        assert listed == [f"2026-12-31/00/{b}", f"2026-12-31/00/{c}", f"2027-01-01/00/{a}"]

    def test_a_store_without_journals_has_none(self, tmp_path: Path) -> None:
        assert list(journal_paths(str(tmp_path))) == []


class TestDisks:
    """Full and read-only."""

    def test_on_a_full_disk_the_partial_record_is_taken_back(
        self, small_disk: Path, fill: Callable[[Path], Path]
    ) -> None:
        journal = Journal(str(small_disk))
        journal.append(("n", b"before"))
        (path,) = journal_paths(str(small_disk))
        control = small_disk / "control"
        control.write_bytes(b"before")
        filler = fill(small_disk)
        with control.open("ab", buffering=0) as stream:
            assert 0 < (stream.write(b"x" * 20_000) or 0) < 20_000, "a full disk should take a part"
        size = os.stat(path).st_size
        with pytest.raises(StoreError, match=r"No space left on device|is it full"):
            journal.append(("n", b"x" * 20_000))
        assert os.stat(path).st_size == size
        filler.unlink()
        journal.append(("n", b"after"))
        records, damage = split(path)
        assert [r.data for r in records] == [b"before", b"after"]
        assert not damage

    def test_what_was_acknowledged_is_there_and_nothing_else(self, small_disk: Path) -> None:
        journal = Journal(str(small_disk))
        acknowledged = []
        for i in range(100):
            body = b"%d " % i * 5000
            try:
                journal.append(("n", body))
            except StoreError:
                continue
            acknowledged.append(body)
        assert 0 < len(acknowledged) < 100
        (path,) = journal_paths(str(small_disk))
        records, damage = split(path)
        assert [r.data for r in records] == acknowledged
        assert not damage

    def test_room_that_is_set_aside_is_no_damage(self, store: LocalStore, journal_files: Files) -> None:
        journal = Journal(store.root)
        journal.reserve()
        assert [split(path) for path in journal_files()] in ([], [([], [])])
        journal.append(*RECORDS)
        (path,) = journal_files()
        assert [(r.kind, r.data) for r in split(path)[0]] == RECORDS
        assert not split(path)[1]

    def test_a_read_only_one_is_said(self, store: LocalStore, read_only: Callable[[str], str]) -> None:
        journal = Journal(read_only(store.root))
        with pytest.raises(StoreError, match="can't write the journal: Read-only file system"):
            journal.append(RECORDS[0])


def test_a_process_that_writes_very_much_goes_on_in_another_journal(
    store: LocalStore, journal_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers refuse a file that is too large: what is in it would be as good as lost."""
    monkeypatch.setattr(journal_module, "_FULL", 400)
    journal = Journal(store.root)
    for number in range(9):
        journal.append(("manifest", b"%d" % number * 100))
        time.sleep(0.002)  # the names of journals, and so their order, have milliseconds
    journal.close()
    found = [split(path)[0] for path in journal_files()]
    assert len(found) > 3
    assert [record.data[:1] for records in found for record in records if record.kind == "manifest"] == [
        b"%d" % number for number in range(9)
    ]
    assert all(records[-1].kind == "end" for records in found)
