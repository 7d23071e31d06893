# SPDX-License-Identifier: Apache-2.0
"""A quantum's result is written beside the next one, and says so if what it tells of was changed before."""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envcap.collectors.rubin_quantum import QuantumFacts
from envcap.digest import digest_of
from envcap.environment import Environment
from envcap.hooks import quantum_recording
from envcap.hooks.context import CONTEXT_VARIABLE, Context
from envcap.hooks.quantum_recording import QuantumRecording, Session, session, settle
from envcap.ids import uuid7
from envcap.model.descriptor import describe_bytes
from envcap.model.manifest import DatasetGroup, Job
from envcap.model.result import Result
from envcap.store.index import Attempt
from envcap.store.journal import Record, journal_paths, read_journal
from envcap.store.local import LocalStore
from envcap.target import Target
from envcap.trust.key import key_path

UUID = "01a21950-8962-7978-967b-77130844304d"


@pytest.fixture
def recording(store: LocalStore) -> QuantumRecording:
    """Give a recording of a quantum with one output, which has begun."""
    session = Session(Context(store, UUID, Environment(Target.none({})), key_path()))
    outputs = [DatasetGroup(dataset_type="coadd", run="u/me/run", dimensions=["visit"], rows=[[UUID, "7"]])]
    facts = QuantumFacts("pack.Task", "task", {"visit": "7"}, [], [], describe_bytes("text/x-python", b""))
    job = Job(kind="quantum", name="task {visit: 7}", activator="test", argv=["test"], quantum=UUID, outputs=outputs)
    made = QuantumRecording(session, job, facts, outputs)
    made.begin()
    return made


@pytest.fixture
def busy() -> Iterator[threading.Event]:
    """Keep what runs beside the payload busy until the event is set."""
    event = threading.Event()
    quantum_recording._background.submit(lambda: bool(event.wait(30)))
    yield event
    event.set()
    settle()


@pytest.fixture
def output(recording: QuantumRecording, tmp_path: Path) -> Path:
    """Give the path of the quantum's output."""
    path = tmp_path / "coadd.fits"
    recording.writes[UUID] = f"file://{path}"
    return path


@pytest.fixture
def result(last: Callable[[], Attempt]) -> Callable[[], Result]:
    """Give a function that waits for the result and returns it."""

    def read() -> Result:
        settle()
        found = last().result
        assert found is not None
        return found

    return read


def test_the_payload_goes_on_before_it_is_written(
    recording: QuantumRecording,
    output: Path,
    busy: threading.Event,
    last: Callable[[], Attempt],
    result: Callable[[], Result],
) -> None:
    output.write_bytes(b"pixels")
    recording.end(None)
    assert last().result is None
    busy.set()
    found = result()
    assert found.outputs[0].file.digest == digest_of(b"pixels")
    assert found.degraded is None


@pytest.mark.parametrize("change", ["written anew", "gone"])
def test_an_output_that_is_changed_before_its_digest_is_taken(
    recording: QuantumRecording, output: Path, busy: threading.Event, change: str, result: Callable[[], Result]
) -> None:
    output.write_bytes(b"pixels")
    recording.end(None)
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
    recording: QuantumRecording, result: Callable[[], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantum_recording, "timestamp", lambda: "2026-11-26T00:00:00.000Z")
    recording.end(ValueError("no"))
    found = result()
    assert (found.ended, found.status, found.error) == ("2026-11-26T00:00:00.000Z", "failed", "ValueError: no")


def test_in_a_worker_of_a_pool_it_is_written_at_once(
    recording: QuantumRecording, busy: threading.Event, last: Callable[[], Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`multiprocessing.Pool` kills its workers as soon as it has their answers."""
    daemon = multiprocessing.Process(daemon=True)
    monkeypatch.setattr(multiprocessing.process, "current_process", lambda: daemon)
    recording.end(None)
    assert last().result is not None


def test_an_output_that_comes_back_after_the_quantum_is_not_taken_for_its_own(
    recording: QuantumRecording, output: Path, busy: threading.Event, result: Callable[[], Result]
) -> None:
    recording.end(ValueError("no"))
    output.write_bytes(b"of the next attempt")
    busy.set()
    assert "changed before its digest was taken" in str(result().degraded)


def test_a_notebook_of_many_cells_keeps_one_journal_open(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    for _ in range(4):
        monkeypatch.setenv(
            CONTEXT_VARIABLE, Context(store, uuid7(), Environment(Target.none({})), key_path()).to_text()
        )
        found = session()
        assert found is not None
        found.journal.append(("note", b"{}"))
        links = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
        opened.append(sum(link.startswith(f"{store.root}/journal/") for link in links))
    assert opened == [1, 1, 1, 1]
    kinds = [
        [record.kind for record in read_journal(path) if isinstance(record, Record)]
        for path in journal_paths(store.root)
    ]
    assert sorted(kinds) == [["note"], *[["note", "end"]] * 3]
