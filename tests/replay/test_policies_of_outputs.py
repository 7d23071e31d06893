# SPDX-License-Identifier: Apache-2.0
"""Each output of a re-run is judged by the policy of its dataset type; for a command, that is the output's name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import replay
from replay.comparators.policy import DEFAULT, Policy, PolicyError, Verdict

JOB = """
import json, sys, time
for name in sys.argv[1:]:
    with open(name, "w") as stream:
        json.dump({"x": 1.0 + time.time() * 1e-12}, stream)
"""


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an output of a job whose outputs are never twice the same."""
    monkeypatch.setenv("ENVCAP_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("ENVCAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ENVCAP_CONTEXT", raising=False)
    (work := tmp_path / "work").mkdir()
    (work / "job.py").write_text(JOB)
    names = ["flux.json", "seeing.json"]
    declared = [word for name in names for word in ("--output", name)]
    command = ["run", *declared, "--", sys.executable, "job.py", *names]
    subprocess.run([Path(sys.executable).parent / "envcap", *command], cwd=work, check=True, env=os.environ)
    return work / names[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a directory with a policy for one of the two outputs."""
    (tmp_path / "policies").mkdir()
    text = 'dataset_type = ["flux*"]\n[[tolerance]]\nwhere = "$.x"\nrtol = 1e-3\nsource = "a clock"\n'
    (tmp_path / "policies" / "flux.toml").write_text(text)
    return tmp_path / "policies"


def test_each_output_has_its_own_and_the_verdict_names_it(output: Path, folder: Path) -> None:
    found = replay.rerun(str(output), engine="host", policy=str(folder), quiet=True)
    documents = {one["dataset_type"]: one for one in json.loads(found.to_bytes())["outputs"]}
    policies = {name: one["comparison"]["policy"] for name, one in documents.items()}
    assert policies == {
        "flux.json": Policy.from_toml(folder / "flux.toml").digest,
        "seeing.json": DEFAULT.digest,
    }
    verdicts = {name: one["verdict"] for name, one in documents.items()}
    assert verdicts == {"flux.json": "equivalent", "seeing.json": "different"}
    assert found.verdict is Verdict.DIFFERENT
    (folder / "others.toml").write_text("rtol = 1e-3")
    assert replay.rerun(str(output), engine="host", policy=str(folder), quiet=True).verdict is Verdict.EQUIVALENT


def test_two_policies_for_one_output_are_refused_before_anything_is_run(
    output: Path, folder: Path, tmp_path: Path
) -> None:
    (folder / "all.toml").write_text('dataset_type = ["*.json"]')
    with pytest.raises(PolicyError, match=r"both are policies for 'flux\.json'; leave one"):
        replay.rerun(str(output), engine="host", policy=str(folder), quiet=True)
    assert not (tmp_path / "cache" / "replays").exists()
