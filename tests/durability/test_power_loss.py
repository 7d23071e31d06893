# SPDX-License-Identifier: Apache-2.0
"""Power is lost after each system call of jobs and ingests: what was acknowledged is there, and nothing is made up.

A job is acknowledged once `envcap run` has ended. The calls are recorded by strace, and replayed on a model of a disk
(`tests.durability.disk`).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envcap.errors import EnvcapError
from envcap.store.checking import problems_of
from envcap.store.index import Index
from envcap.store.local import LocalStore
from envcap.trust.verify import objects_of
from tests.durability.disk import RULES, TRACED, Call, Disk, calls_of
from tests.services.packages import need

ENVCAP = Path(sys.executable).parent / "envcap"
SCRIPT = """\
envcap run --job-id first -- true && : > {done}/1
envcap run --job-id second --config c.yaml -- true && : > {done}/2
envcap ingest && : > {done}/3
envcap run --job-id third -- true && : > {done}/4
envcap note first cloudy && : > {done}/5
envcap ingest && : > {done}/6
"""
JOBS_BY_MARK = {1: {"first"}, 2: {"first", "second"}, 3: {"first", "second"}, 4: {"first", "second", "third"}}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[Call, int]]]:
    """Run jobs on an empty store, and give it with the calls, each with the mark that was set before it."""
    need("strace")
    folder = tmp_path_factory.mktemp("traced")
    done = folder / "world" / "done"
    done.mkdir(parents=True)
    store = folder / "world" / "store"
    (folder / "c.yaml").write_text("gain: 2\n")
    script = SCRIPT.format(done=done).replace("envcap ", f"{ENVCAP} ")
    environ = {"ENVCAP_STORE": str(store), "HOME": str(folder), "ENVCAP_CACHE": str(folder / "cache"),
               "PATH": "/usr/bin:/bin", "LOGNAME": "me"}  # fmt: skip
    trace = folder / "trace"
    command = ["strace", "-f", "-y", "-xx", "-s", "100000000", "-o", trace, "-e", f"trace={','.join(TRACED)}"]
    subprocess.run([*command, "sh", "-e", "-c", script], cwd=folder, env=environ, check=True, capture_output=True)
    calls, mark = [], 0
    for call in calls_of(trace, folder / "world"):
        if any(text.startswith(bytes(done)) for text in call.texts):
            mark += call.name == "openat"
        elif not any(b"index.sqlite" in text or b"ingest.lock" in text for text in call.texts):
            calls.append((call, mark))
    assert mark == 6
    return store, calls


def check(folder: Path, true: dict[str, bytes], mark: int) -> None:
    """Hold what is left of a store against what was recorded and acknowledged."""
    acknowledged = JOBS_BY_MARK.get(min(mark, 4), set())
    try:
        store = LocalStore.existing(str(folder))
    except EnvcapError:
        assert not acknowledged, "the store itself is lost"
        return
    index = Index(store)
    found = {}
    for attempt in index.attempts():
        job = attempt.manifest.job_id
        found[job] = attempt.state
        assert attempt.manifest.to_bytes() == true[job]
        if job in acknowledged:
            assert sum(1 for _ in objects_of(store, attempt)) > 5
    assert {job for job in found if found[job] == "ok"} >= acknowledged, mark
    if mark >= 5:
        first = next(one for one in index.attempts() if one.manifest.job_id == "first")
        assert [note.why for note in index.notes(first.manifest.attempt)] == ["cloudy"]
    index.close()


def power_losses(store: Path, calls: list[tuple[Call, int]], rule: str, folder: Path, seeds: int = 1) -> int:
    """Lose the power after each call, and look; return how often."""
    index = Index(LocalStore(str(store)))
    true = {one.manifest.job_id: one.manifest.to_bytes() for one in index.attempts()}
    assert set(true) == {"first", "second", "third"}
    disk = Disk(bytes(store.parent))
    for number, (call, _) in enumerate(calls):
        disk.apply(call)
        after = calls[number + 1][1] if number + 1 < len(calls) else 6
        for seed in range(seeds):
            left = folder / "left"
            left.mkdir()
            disk.leave(rule, 1000 * number + seed, left)
            check(left / "store", true, after)
            shutil.rmtree(left)
    return len(calls)


def test_the_model_ends_where_the_disk_did(recorded: tuple[Path, list[tuple[Call, int]]], tmp_path: Path) -> None:
    """No call that matters is missing from the trace, or misunderstood."""
    store, calls = recorded
    disk = Disk(bytes(store.parent))
    for call, _ in calls:
        disk.apply(call)
    for path in list(disk._pending):
        disk._sync(path)
    disk.leave("bytes, but no names", 0, tmp_path)
    ours = {p.relative_to(tmp_path / "store"): p.read_bytes() for p in (tmp_path / "store").rglob("*") if p.is_file()}
    theirs = {p.relative_to(store): p.read_bytes() for p in store.rglob("*") if p.is_file()}
    aside = {Path("index.sqlite"), Path("ingest.lock")}
    assert ours == {path: data for path, data in theirs.items() if path not in aside}
    assert list(problems_of(LocalStore(str(store)), lambda done, whole: None)) == []


@pytest.mark.parametrize("rule", [*RULES[:-1], pytest.param(RULES[-1], marks=pytest.mark.slow)])
def test_what_was_acknowledged_survives(
    recorded: tuple[Path, list[tuple[Call, int]]], tmp_path: Path, rule: str
) -> None:
    store, calls = recorded
    assert power_losses(store, calls, rule, tmp_path, seeds=3 if rule == "anything of it" else 1) > 100


@pytest.mark.parametrize("missing", ["fdatasync", "fsync"])
def test_without_a_sync_it_would_not(
    recorded: tuple[Path, list[tuple[Call, int]]], tmp_path: Path, missing: str
) -> None:
    """The proof can fail: each kind of sync is needed."""
    store, calls = recorded
    lazy = [(call, mark) for call, mark in calls if call.name != missing]
    with pytest.raises(AssertionError):
        power_losses(store, lazy, "nothing unsynced", tmp_path)
