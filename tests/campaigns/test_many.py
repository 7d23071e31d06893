# SPDX-License-Identifier: Apache-2.0
"""Campaigns of more than 200 quanta in two environments: on threads, on a real Slurm, and killed at random moments."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time

import pytest

from tests.campaigns.conftest import QUANTA, Campaigns
from tests.services.slurm import running_slurm

pytestmark = pytest.mark.slow

EACH = 2 * QUANTA


def fresh(campaigns: Campaigns, name: str, *words: str) -> None:
    """Create a campaign, in place of one that an earlier session left."""
    shutil.rmtree(campaigns.folder / name, ignore_errors=True)
    campaigns.create(name, *words)


def test_on_threads_and_killed_at_random_moments(two: Campaigns) -> None:
    assert EACH >= 200
    fresh(two, "killed")
    planned = two.planned("killed")
    assert len(planned) == EACH
    assert sorted({one["environment"] for one in planned}) != []
    assert len({one["environment"] for one in planned}) == 2
    generator = random.Random(os.getpid())
    for _ in range(3):
        running = two.start("run", "killed", "--workers", "2")
        _wait_for_entries(two, "killed", len(two.lines("killed")) + generator.randrange(1, 30))
        time.sleep(generator.random())
        os.kill(running.pid, signal.SIGKILL)  # its workers go on with what they are at
        running.communicate()
    assert 0 < two.status("killed")["judged"] < EACH
    told = two.campaign("run", "killed", "--workers", "2")
    assert f"{EACH}/{EACH} judged" in told
    two.assert_judged_once("killed")
    assert {one["environment"] for one in two.lines("killed")} == {one["environment"] for one in planned}
    found = two.status("killed")
    assert found["verdicts"]["identical"] + found["verdicts"]["equal"] == EACH
    two.campaign("gate", "killed", "--min", "100%", "--verdict", "equal")
    report = two.folder / "killed.html"
    two.campaign("report", "killed", "-o", str(report))
    assert f"{EACH}" in report.read_text()
    # The tamper case: a second verdict in a ledger would be seen.
    (path, *_) = sorted((two.folder / "killed" / "judged").glob("*.jsonl"))
    line = json.dumps({"entry": two.lines("killed")[0]})
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(AssertionError):
        two.assert_judged_once("killed")


def test_on_a_real_slurm(two: Campaigns) -> None:
    fresh(two, "slurm")
    with running_slurm() as slurm:
        found = Campaigns(two.world, two.folder, slurm.variables)
        told = found.campaign("run", "slurm", "--executor", "slurm", "--workers", "2")
    assert f"{EACH}/{EACH} judged" in told
    found.assert_judged_once("slurm")
    batches = [one["scheduler"] for one in found.lines("slurm", "begin")]
    assert {one["slurm.cluster"] for one in batches} == {"test"}
    assert len({one["slurm.job_id"] for one in batches}) == 2
    found.campaign("gate", "slurm", "--min", "100%", "--verdict", "equal")
    report = json.loads(found.campaign("report", "slurm", "--format", "json"))
    assert (report["planned"], report["judged"], report["waiting"]) == (EACH, EACH, 0)


def test_a_sample_has_every_task_and_environment(two: Campaigns) -> None:
    fresh(two, "sample", "--sample", "20", "--stratify", "task,environment,cpu")
    planned = two.planned("sample")
    assert len(planned) == 20
    assert len({(one["task"], one["environment"]) for one in planned}) == 6


def _wait_for_entries(campaigns: Campaigns, name: str, count: int) -> None:
    deadline = time.monotonic() + 300
    while len(campaigns.lines(name)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.1)
