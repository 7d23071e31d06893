# SPDX-License-Identifier: Apache-2.0
"""Many processes capture into one store at once, while others read and pack it: nobody waits, and nothing is lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from envcap.store.index import Index
from envcap.store.ingest import ingest
from envcap.store.local import LocalStore
from tests.services.packages import need

BIN = Path(sys.executable).parent
WRITER = """
import sys, time, envcap
until, number = time.time() + float(sys.argv[1]), 0
while time.time() < until:
    with envcap.capture("block", job_id=f"{sys.argv[2]}-{number}"):
        number += 1
print(number)
"""


def capture_for(store: LocalStore, seconds: float, processes: int) -> int:
    """Let processes capture, others read and pack meanwhile, and return how many jobs there were."""
    environ = {**os.environ, "ENVCAP_STORE": store.root}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(seconds), str(number)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ, cwd=store.root,
        )
        for number in range(processes)
    ]  # fmt: skip
    looks = 0
    while any(writer.poll() is None for writer in writers):
        for words in (("ingest", "--json"), ("jobs", "--json")):
            done = subprocess.run([BIN / "envcap", *words], env=environ, capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
        looks += 1
        time.sleep(0.2)
    ended = [writer.communicate() for writer in writers]
    assert [(writer.returncode, said) for writer, (_, said) in zip(writers, ended, strict=True)] == [
        (0, "")
    ] * processes
    assert looks > 0
    return sum(int(told) for told, _ in ended)


def check(store: LocalStore, count: int, processes: int) -> None:
    """Hold the store against how many jobs there were."""
    index, done = ingest(store, lambda: None, lambda done, whole: None)
    assert (done.damaged, index.damage(), index.unreadable) == ([], [], [])
    rows = index.columns("job_id, status")
    assert len(rows) == len({job for job, _ in rows}) == count
    assert {status for _, status in rows} == {"ok"}
    assert len({job.partition("-")[0] for job, _ in rows}) == processes
    assert list(store.journals()) == []
    assert len(list(index.attempts("job_id = ?", ("0-0",)))) == 1


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Give an empty store."""
    made = LocalStore(str(tmp_path / "store"))
    made.create()
    return made


def test_a_few_for_some_seconds(store: LocalStore) -> None:
    check(store, capture_for(store, 3, 8), 8)


@pytest.mark.slow
def test_sixty_four_for_a_minute(store: LocalStore) -> None:
    count = capture_for(store, 60, 64)
    assert count >= 64
    check(store, count, 64)


def test_a_job_takes_no_lock(store: LocalStore, tmp_path: Path) -> None:
    """Of one that never asks for a lock nobody can say that it waits for one."""
    need("strace")
    environ = {**os.environ, "ENVCAP_STORE": store.root}
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-o", trace, "-e", "trace=flock,fcntl,openat"]
    subprocess.run([*command, BIN / "envcap", "run", "--", "true"], env=environ, check=True, capture_output=True)
    lines = trace.read_text(errors="replace").splitlines()
    assert any(store.root in line and "O_APPEND" in line for line in lines)
    assert [line for line in lines if locks(line)] == []


def locks(line: str) -> bool:
    """Whether a line of a trace tells of a lock."""
    return bool(re.search(r"flock\(|F_(OFD_)?SETLKW?\b", line))


def test_a_lock_would_be_seen(store: LocalStore, tmp_path: Path) -> None:
    need("strace")
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-o", trace, "-e", "trace=flock,fcntl", BIN / "envcap", "ingest", "--store", store.root]
    subprocess.run(command, check=True, capture_output=True)
    assert [line for line in trace.read_text().splitlines() if locks(line)] != []


def test_while_one_packs_others_read(store: LocalStore) -> None:
    """A reader waits for no ingest: it holds the database only while it writes some thousand rows."""
    environ = {**os.environ, "ENVCAP_STORE": store.root}
    subprocess.run([BIN / "envcap", "run", "--job-id", "a", "--", "true"], env=environ, check=True)
    from envcap.store.lock import only_one

    with only_one(store.root, lambda: None):
        done = subprocess.run(
            [BIN / "envcap", "jobs", "--json"], env=environ, capture_output=True, text=True, check=True
        )
        assert [one["job_id"] for one in json.loads(done.stdout)] == ["a"]
    assert Index(store).count() == 1
