# SPDX-License-Identifier: Apache-2.0
"""A quantum's result is written beside the next one, and says so if what it tells of was changed before."""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from envcap.digest import digest_of
from envcap.environment import Environment
from envcap.hooks import following, in_process
from envcap.hooks.context import Context
from envcap.hooks.following import FollowedQuantum, Process, process
from envcap.hooks.in_process import InProcess, settle
from envcap.hooks.variables import CONTEXT_VARIABLE
from envcap.ids import uuid7
from envcap.model.result import Result
from envcap.store.index import Attempt, Index
from envcap.store.journal import Record, journal_paths, read_journal
from envcap.store.local import LocalStore
from envcap.target import Target
from envcap.trust.key import key_path

from .quanta import UUID, begun


def context(store: LocalStore) -> str:
    """Return the context of another job."""
    return Context(store, uuid7(), Environment(Target.current()), key_path()).to_text()


@pytest.fixture
def quantum(store: LocalStore) -> FollowedQuantum:
    """Give a quantum with one output, which has begun, and is recorded in this process."""
    return begun(Process(InProcess(context(store))))


@pytest.fixture
def attempt(store: LocalStore) -> Callable[[], Attempt]:
    """Give a function that returns the only attempt in the store."""

    def read() -> Attempt:
        (found,) = Index(store).attempts()
        return found

    return read


@pytest.fixture
def busy() -> Iterator[threading.Event]:
    """Keep what runs beside the payload busy until the event is set."""
    event = threading.Event()
    in_process._background.submit(lambda: bool(event.wait(30)))
    yield event
    event.set()
    settle()


@pytest.fixture
def output(quantum: FollowedQuantum, tmp_path: Path) -> Path:
    """Give the path of the quantum's output."""
    path = tmp_path / "coadd.fits"
    quantum.writes[UUID] = f"file://{path}"
    return path


@pytest.fixture
def result(attempt: Callable[[], Attempt]) -> Callable[[], Result]:
    """Give a function that waits for the result and returns it."""

    def read() -> Result:
        settle()
        found = attempt().result
        assert found is not None
        return found

    return read


def test_the_payload_goes_on_before_it_is_written(
    quantum: FollowedQuantum,
    output: Path,
    busy: threading.Event,
    attempt: Callable[[], Attempt],
    result: Callable[[], Result],
) -> None:
    output.write_bytes(b"pixels")
    quantum.end(None)
    assert attempt().result is None
    busy.set()
    found = result()
    assert found.outputs[0].file.digest == digest_of(b"pixels")
    assert found.degraded is None


@pytest.mark.parametrize("change", ["written anew", "gone"])
def test_an_output_that_is_changed_before_its_digest_is_taken(
    quantum: FollowedQuantum, output: Path, busy: threading.Event, change: str, result: Callable[[], Result]
) -> None:
    output.write_bytes(b"pixels")
    quantum.end(None)
    if change == "gone":
        output.unlink()
    else:
        output.write_bytes(b"others")
    busy.set()
    degraded = result().degraded
    assert degraded is not None
    assert f"output {UUID}" in degraded
    assert ("changed before its digest was taken" if change != "gone" else "No such file") in degraded[f"output {UUID}"]


def test_when_it_ended_is_when_the_payload_did(
    quantum: FollowedQuantum, result: Callable[[], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "timestamp", lambda: "2026-11-26T00:00:00.000Z")
    quantum.end(ValueError("no"))
    found = result()
    assert (found.ended, found.status, found.error) == ("2026-11-26T00:00:00.000Z", "failed", "ValueError: no")


def test_in_a_worker_of_a_pool_it_is_written_at_once(
    quantum: FollowedQuantum, busy: threading.Event, attempt: Callable[[], Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`multiprocessing.Pool` kills its workers as soon as it has their answers."""
    daemon = multiprocessing.Process(daemon=True)
    monkeypatch.setattr(multiprocessing.process, "current_process", lambda: daemon)
    quantum.end(None)
    assert attempt().result is not None


def test_an_output_that_comes_back_after_the_quantum_is_not_taken_for_its_own(
    quantum: FollowedQuantum, output: Path, busy: threading.Event, result: Callable[[], Result]
) -> None:
    quantum.end(ValueError("no"))
    output.write_bytes(b"of the next attempt")
    busy.set()
    assert "changed before its digest was taken" in str(result().degraded)


def test_what_can_not_be_observed_is_a_reason(
    quantum: FollowedQuantum, result: Callable[[], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_maps(*_: Any) -> None:
        raise PermissionError("no /proc here")

    monkeypatch.setattr("envcap.hooks.observed.mapped_files", no_maps)
    quantum.end(None)
    found = result()
    assert found.status == "ok"
    assert "no /proc here" in (found.degraded or {})["loaded_libraries"]


def test_a_notebook_of_many_cells_keeps_one_journal_open(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    for _ in range(4):
        monkeypatch.setenv(CONTEXT_VARIABLE, context(store))
        found = process()
        assert found is not None
        begun(found)
        links = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
        opened.append(sum(link.startswith(f"{store.root}/journal/") for link in links))
    assert opened == [1, 1, 1, 1]
    kinds = [
        [record.kind for record in read_journal(path) if isinstance(record, Record)]
        for path in journal_paths(store.root)
    ]
    begins = ["recipe", "manifest"]
    assert sorted(kinds) == [begins, *[[*begins, "end"]] * 3]
