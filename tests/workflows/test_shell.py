# SPDX-License-Identifier: Apache-2.0
"""A workflow that is nothing but a shell script: loops, pipes and background jobs, each command a job of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from envcap.store.index import Attempt, Index
from envcap.store.local import LocalStore

BIN = Path(sys.executable).parent
SCRIPT = """\
set -e
for night in 1 2 3; do
    $run --job-id "night-$night" --output "raw-$night" -- sh -c "echo $night > raw-$night" &
done
wait
cat raw-* | $run --job-id sum --output total -- sh -c 'sort -n > total' | cat
$run --job-id fails -- sh -c 'exit 9' || test $? = 9
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Give the directory of the script."""
    made = tmp_path / "work"
    made.mkdir()
    return made


def script(work: Path, run: str) -> dict[str, Attempt]:
    """Run the script, and return what was captured by job id."""
    store = work.parent / "store"
    kept = {name: os.environ[name] for name in ("HOME", "XDG_CONFIG_HOME", "ENVCAP_CACHE") if name in os.environ}
    environ = {**kept, "PATH": f"{BIN}:{os.defpath}", "LANG": "C.UTF-8", "ENVCAP_STORE": str(store), "run": run}
    done = subprocess.run(["sh", "-c", SCRIPT], cwd=work, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (work / "total").read_text() == "1\n2\n3\n"
    if not store.exists():
        return {}
    return {one.manifest.job_id: one for one in Index(LocalStore(str(store))).attempts()}


def test_each_command_is_a_job(work: Path) -> None:
    found = script(work, "envcap run")
    assert {name: one.state for name, one in found.items()} == {
        "night-1": "ok", "night-2": "ok", "night-3": "ok", "sum": "ok", "fails": "failed",
    }  # fmt: skip
    assert {one.manifest.job.scheduler for one in found.values()} == {None}
    assert len({str(one.recipe.software) for one in found.values()}) == 1
    result = found["sum"].result
    assert result is not None
    assert [one.file.uri for one in result.outputs] == [f"file://{work}/total"]


def test_without_it_the_script_does_the_same_and_nothing_is_captured(work: Path) -> None:
    # A program that takes envcap's words and does nothing but run the command.
    (work / "bare").write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n')
    (work / "bare").chmod(0o755)
    assert script(work, "./bare") == {}
