# SPDX-License-Identifier: Apache-2.0
"""What notebooks show of plans, verdicts and comparisons: as much as the commands print, and nothing but text."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import replay
from replay.comparators.policy import Verdict
from replay.fidelity import Fidelity, Layer
from replay.planning import Plan
from replay.verdict import ReplayVerdict
from tests.shown import shown

EVIL = "<img src=x onerror=alert(1)>"
JOB = "import sys\nwith open(sys.argv[1], 'w') as stream:\n    stream.write('night 12\\n')\n"


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the output of a job whose command line is hostile."""
    monkeypatch.setenv("ENVCAP_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("ENVCAP_CONTEXT", raising=False)
    (work := tmp_path / "work").mkdir()
    (work / "job.py").write_text(JOB)
    command = ["run", "--output", "out.txt", "--", sys.executable, "job.py", "out.txt", EVIL]
    subprocess.run([Path(sys.executable).parent / "envcap", *command], cwd=work, check=True, env=os.environ)
    return work / "out.txt"


@pytest.fixture
def plan(output: Path) -> Plan:
    """Give the plan of its replay."""
    return replay.plan(str(output), engine="host")


@pytest.fixture
def verdict(output: Path) -> ReplayVerdict:
    """Give the verdict of its replay."""
    return replay.rerun(str(output), engine="host", quiet=True)


class TestPlan:
    """A plan."""

    def test_each_layer_has_its_fidelity(self, plan: Plan) -> None:
        found = shown(plan)
        assert found.badges == [str(plan.fidelity), *(str(layer.fidelity) for layer in plan.layers)]
        assert all(layer.name in found.text and layer.detail in found.text for layer in plan.layers)
        assert EVIL in found.text
        assert str(plan.fidelity) in repr(plan)

    def test_one_worse_layer_is_seen_at_the_top(self, plan: Plan) -> None:
        worse = replace(plan, layers=(*plan.layers, Layer(EVIL, Fidelity.IMPOSSIBLE, EVIL)))
        assert shown(worse).badges[0] == "impossible"
        assert "impossible" in repr(worse)


class TestVerdict:
    """A verdict."""

    def test_each_output_has_its_own(self, verdict: ReplayVerdict) -> None:
        found = shown(verdict)
        assert verdict.verdict is Verdict.IDENTICAL
        assert found.badges[:2] == ["identical", "identical"]
        assert found.badges[2:] == [str(layer.fidelity) for layer in verdict.layers]
        assert "out.txtidentical" in found.text
        assert verdict.place in found.text
        (folded,) = found.summaries.items()
        assert folded[0].startswith("how close the replay came: ")
        assert folded[1] is False
        assert repr(verdict) == f"<verdict on {verdict.job.manifest.job.name}: identical, replay {verdict.replay}>"

    def test_an_output_that_the_job_did_not_make_is_different(self, verdict: ReplayVerdict) -> None:
        (output,) = verdict.outputs
        hostile = replace(output, note=EVIL, remade=replace(output.remade, dataset_type=EVIL))
        found = shown(replace(verdict, outputs=[hostile], extra=[EVIL], place=EVIL, seconds={EVIL: 1.0}))
        assert found.badges[:3] == ["different", "identical", "different"]
        assert f"{EVIL}identical{EVIL}" in found.text
        assert f"{EVIL}differentthe job did not make it" in found.text


class TestComparison:
    """Two files that were compared."""

    def test_what_differs_is_told(self, tmp_path: Path) -> None:
        (one := tmp_path / "a.txt").write_text(f"{EVIL}\n")
        (other := tmp_path / "b.txt").write_text("x\n")
        found = replay.compare(str(one), str(other))
        seen = shown(found)
        assert seen.badges == ["different"]
        assert found.original.digest in seen.text
        assert "29 bytes" in seen.text
        assert repr(found).endswith(": different>")
        assert shown(replay.compare(str(one), str(one))).badges == ["identical"]
