# SPDX-License-Identifier: Apache-2.0
"""`envcap jobs`, `show` and `ingest`: what is in the store, for people and for programs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.fill import fill
from bench.synthetic import synthetic_jobs
from envcap.digest import digest_of
from envcap.store.journal import Journal, read_journal
from envcap.store.local import LocalStore

Run = Callable[..., "subprocess.CompletedProcess[str]"]
AddAttempt = Callable[..., str]
Files = Callable[[], list[Path]]
HOST = os.uname().nodename


@pytest.fixture
def listed(envcap: Run) -> Callable[..., list[dict[str, Any]]]:
    """Give a function that returns what `envcap jobs --json` lists."""

    def run(*words: str) -> list[dict[str, Any]]:
        done = envcap("jobs", "--json", *words)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    return run


class TestJobs:
    """The list of jobs."""

    def test_says_who_what_when_and_how(
        self, listed: Callable[..., list[dict[str, Any]]], add_attempt: AddAttempt
    ) -> None:
        one = add_attempt("mine", argv=("reduce", "x"), status="failed", run="u/me/run", degraded=True)
        two = add_attempt("again", argv=("reduce",), replay_of=one)
        assert [row["attempt"] for row in listed()] == [one]
        assert listed("--replays") == [
            {"attempt": one, "job_id": "mine", "kind": "command", "name": "reduce", "run": "u/me/run", "host": HOST,
             "state": "failed", "degraded": "yes", "started": "2027-01-15T08:00:00.000Z", "replay_of": "",
             "attempt_number": 1, "attempts": 1},
            {"attempt": two, "job_id": "again", "kind": "command", "name": "reduce", "run": "", "host": HOST,
             "state": "ok", "degraded": "", "started": "2027-01-15T08:00:02.000Z", "replay_of": one,
             "attempt_number": 1, "attempts": 1},
        ]  # fmt: skip

    def test_selects(self, listed: Callable[..., list[dict[str, Any]]], add_attempt: AddAttempt) -> None:
        ok = add_attempt("a", run="one")
        failed = add_attempt("b", run="two", status="failed", degraded=True)
        lost = add_attempt("c", run="two", status=None)
        attempts = {
            words: [row["attempt"] for row in listed(*words)]
            for words in ((), ("--state", "ok"), ("--state", "running"), ("--run", "two"), ("--degraded",),
                          ("--run", "two", "--state", "failed"), ("--run", "' OR 1 --"))
        }  # fmt: skip
        assert list(attempts.values()) == [[ok, failed, lost], [ok], [lost], [failed, lost], [failed], [failed], []]

    def test_people_see_a_table_and_a_count(self, envcap: Run, add_attempt: AddAttempt) -> None:
        attempt = add_attempt("a", argv=("reduce",))
        add_attempt("b", status="failed")
        done = envcap("jobs", env={"COLUMNS": "160"})
        assert done.returncode == 0
        assert any(attempt in line and "reduce" in line for line in done.stdout.splitlines())
        assert done.stderr == "1 ok, 1 failed\n"

    def test_a_job_that_was_tried_again_has_a_line_for_each_attempt(
        self, envcap: Run, listed: Callable[..., list[dict[str, Any]]], add_attempt: AddAttempt
    ) -> None:
        first = add_attempt("a", status="failed")
        add_attempt("a", quantum="another")
        second = add_attempt("a")
        add_attempt("a", replay_of=second)
        told = [
            (row["attempt"], row["attempt_number"], row["attempts"]) for row in listed() if row["kind"] == "command"
        ]
        assert told == [(first, 1, 2), (second, 2, 2)]
        assert [row["attempt"] for row in listed("--state", "failed")] == [first]
        done = envcap("jobs")
        assert "(attempt 2 of 2)" in done.stdout
        assert done.stderr == "2 ok, 1 failed, 1 tried again\n"

    def test_what_is_degraded_is_told_by_collector_and_node(self, envcap: Run, add_attempt: AddAttempt) -> None:
        for number in range(3):
            add_attempt(f"job{number}", degraded=number > 0, ended=True)
        envcap("ingest")
        done = envcap("jobs", "--degraded")
        assert [line.split() for line in done.stdout.splitlines()][-1] == ["source", HOST, "no", "reason", "2"]
        assert done.stderr == "2 ok, 2 degraded\n"

    def test_people_are_not_shown_a_million(
        self, envcap: Run, store: LocalStore, listed: Callable[..., list[dict[str, Any]]]
    ) -> None:
        list(fill(store, synthetic_jobs(1010)))
        done = envcap("jobs")
        assert "these are the latest 1000 of 1010; --json lists all\n1010 ok\n" in done.stderr
        assert len(listed()) == 1010

    def test_an_empty_store_lists_nothing(self, listed: Callable[..., list[dict[str, Any]]], store: LocalStore) -> None:
        assert listed() == []

    def test_a_read_only_store_is_listed(
        self,
        listed: Callable[..., list[dict[str, Any]]],
        add_attempt: AddAttempt,
        store: LocalStore,
        read_only: Callable[[str], str],
    ) -> None:
        attempt = add_attempt("a")
        assert [row["attempt"] for row in listed("--store", read_only(store.root))] == [attempt]


class TestShow:
    """One attempt."""

    def test_gives_the_stored_documents(self, envcap: Run, add_attempt: AddAttempt, journal_files: Files) -> None:
        add_attempt("mine", outputs={"/o": b"x"})
        found = json.loads(envcap("show", "job:mine", "--json").stdout)
        stored = {r.kind: json.loads(r.data) for r in read_journal(str(journal_files()[0]))}  # type: ignore[union-attr]
        assert found == {"state": "ok", **stored, "notes": []}

    def test_without_a_result_says_so(self, envcap: Run, add_attempt: AddAttempt) -> None:
        add_attempt("mine", status=None)
        found = json.loads(envcap("show", "job:mine", "--json").stdout)
        assert (found["state"], found["result"]) == ("running", None)

    def test_people_see_all_that_matters(self, envcap: Run, work: Path) -> None:
        (work / "in").write_text("raw")
        envcap("run", "--job-id", "mine", "--input", "in", "--output", "out", "--output", "never",
               "--", "sh", "-c", "cp in out; exit 3")  # fmt: skip
        done = envcap("show", "mine", env={"COLUMNS": "250"})
        assert (done.returncode, done.stderr) == (0, "")
        for text in ("failed", "mine", "sh -c cp in out; exit 3", "operating_system", "absent", digest_of(b"raw"),
                     "1 predicted, 1 available, 1 used", "missing output", "never"):  # fmt: skip
            assert text in done.stdout, text

    @pytest.mark.parametrize("selector", ["@last", "job:mine", "path:out", "out"])
    def test_finds_by_selector(self, envcap: Run, work: Path, selector: str) -> None:
        envcap("run", "--job-id", "other", "--", "true")
        envcap("run", "--job-id", "mine", "--output", "out", "--", "touch", "out")
        assert json.loads(envcap("show", selector, "--json").stdout)["manifest"]["job_id"] == "mine"

    def test_an_ambiguous_selector_lists_the_candidates(self, envcap: Run, add_attempt: AddAttempt) -> None:
        one, two = (add_attempt(name, outputs={f"/{name}": b"same"}) for name in ("a", "b"))
        done = envcap("show", digest_of(b"same"))
        assert (done.returncode, done.stdout) == (2, "")
        assert one in done.stderr
        assert two in done.stderr

    def test_brackets_in_a_name_are_shown(self, envcap: Run, add_attempt: AddAttempt) -> None:
        add_attempt("mine", argv=("[bold]reduce", "[/red]"))
        done = envcap("show", "mine", env={"COLUMNS": "250"})
        assert done.returncode == 0
        assert "[bold]reduce [/red]" in done.stdout

    def test_brackets_in_the_title_are_shown(self, envcap: Run, add_attempt: AddAttempt) -> None:
        add_attempt("mine", argv=("[bold]reduce",))
        assert "command [bold]reduce" in envcap("show", "mine", env={"COLUMNS": "250"}).stdout

    def test_a_control_sequence_does_not_reach_the_terminal(self, envcap: Run, add_attempt: AddAttempt) -> None:
        add_attempt("mine", argv=("reduce", "\x1b]0;owned\x07\x1b[2J"))
        for words in (["show", "mine"], ["jobs"]):
            done = envcap(*words, env={"COLUMNS": "250"})
            assert done.returncode == 0
            assert "\x1b" not in done.stdout


class TestIngest:
    """Bringing the index up to date."""

    def test_counts_what_is_new(self, envcap: Run, add_attempt: AddAttempt) -> None:
        add_attempt("a")
        found = json.loads(envcap("ingest", "--json").stdout)
        assert found == {
            "attempts": 1, "records": 3, "packs": 0, "journals": 0, "dropped": {}, "damage": [], "unreadable": [],
            "sent": None,
        }  # fmt: skip
        add_attempt("b")
        assert envcap("ingest").stderr.startswith("3 new records; 2 attempts in store ")
        assert json.loads(envcap("ingest", "--json").stdout)["records"] == 0

    def test_damage_is_named_and_ends_in_3(
        self, envcap: Run, store: LocalStore, add_attempt: AddAttempt, journal_files: Files
    ) -> None:
        add_attempt("a")
        (path,) = journal_files()
        record = list(read_journal(str(path)))[1]
        data = bytearray(path.read_bytes())
        data[record.end - 3] ^= 1
        path.write_bytes(data)
        done = envcap("ingest")
        assert done.returncode == 3
        assert f"damage: {path} bytes {record.offset}-{record.end}: not the bytes of sha256:" in done.stderr
        Path(store.root, "index.sqlite").unlink()
        found = json.loads(envcap("ingest", "--json").stdout)
        assert [(d["journal"], d["from"], d["to"], d["tail"]) for d in found["damage"]] == [
            (str(path), record.offset, record.end, False)
        ]

    def test_a_torn_tail_is_said_and_is_no_failure(
        self, envcap: Run, add_attempt: AddAttempt, journal_files: Files
    ) -> None:
        add_attempt("a")
        (path,) = journal_files()
        path.write_bytes(path.read_bytes()[:-5])
        done = envcap("ingest")
        assert done.returncode == 0
        assert f"torn tail: {path}" in done.stderr

    def test_an_index_that_is_deleted_is_made_anew(
        self, envcap: Run, add_attempt: AddAttempt, store: LocalStore
    ) -> None:
        add_attempt("a")
        before = envcap("jobs", "--json").stdout
        Path(store.root, "index.sqlite").write_bytes(b"no database" * 100)
        broken = envcap("jobs", "--json")
        assert broken.returncode == 3
        assert "delete this file" in broken.stderr
        Path(store.root, "index.sqlite").unlink()
        assert json.loads(envcap("ingest", "--json").stdout)["records"] == 3
        assert envcap("jobs", "--json").stdout == before

    def test_a_record_of_a_newer_kind_is_passed_over(
        self, envcap: Run, store: LocalStore, add_attempt: AddAttempt
    ) -> None:
        Journal(store.root).append(("dream", b"{}"))
        add_attempt("a")
        found = json.loads(envcap("ingest", "--json").stdout)
        assert (found["attempts"], found["damage"]) == (1, [])


def test_what_goes_into_a_file_has_no_spaces_at_the_ends_of_lines(envcap: Run) -> None:
    assert envcap("run", "--job-id", "night 12", "--", "true").returncode == 0
    for words in (("jobs",), ("show", "@last"), ("doctor",)):
        lines = envcap(*words).stdout.splitlines()
        assert len(lines) > 2
        assert [line for line in lines if line != line.rstrip(" ")] == []
