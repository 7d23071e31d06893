# SPDX-License-Identifier: Apache-2.0
"""One job by itself and through a real Slurm: the same software, and manifests that differ in scheduler facts only."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from envcap.model.components import Site
from envcap.store.index import Attempt, Index
from envcap.store.local import LocalStore
from tests.services.slurm import Slurm, running_slurm

BIN = Path(sys.executable).parent
JOB = "import sys\nwith open(sys.argv[1], 'w') as stream:\n    stream.write('night 12\\n')\n"
OF_AN_ATTEMPT = {"attempt", "job_id", "started", "writer", "site"}
BY_SLURM = {"ENVIRONMENT", "HOSTNAME", "PWD", "TMPDIR"}
"""What Slurm sets for a batch job, besides what begins with its name."""


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    """Give a Slurm that runs."""
    with running_slurm() as found:
        yield found


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Give the directory of the job."""
    made = tmp_path / "work"
    made.mkdir()
    (made / "job.py").write_text(JOB)
    return made


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Give the variables of the user who submits."""
    kept = {name: os.environ[name] for name in ("HOME", "XDG_CONFIG_HOME", "ENVCAP_CACHE") if name in os.environ}
    return {**kept, "PATH": f"{BIN}:{os.defpath}", "LANG": "C.UTF-8", "ENVCAP_STORE": str(tmp_path / "store")}


def submitted(slurm: Slurm, work: Path, environ: dict[str, str], *words: str) -> list[Attempt]:
    """Run the job by ``sbatch``, and return its attempts, in the order of the tasks of an array."""
    output = "out-${SLURM_ARRAY_TASK_ID}" if words else "out"
    command = shlex.join(["envcap", "run", "--output", "OUT", "--", "python", "job.py", "OUT"]).replace("OUT", output)
    (work / "job.sh").write_text(f"#!/bin/sh\nexec {command}\n")
    slurm.sbatch(*words, "--output=log-%j", "job.sh", cwd=work, environ=environ)
    found = attempts(environ)
    return sorted(found, key=lambda one: (one.manifest.job.scheduler or {}).get("slurm.array_task_id", ""))


def attempts(environ: dict[str, str]) -> list[Attempt]:
    """Return all attempts in the store."""
    return list(Index(LocalStore(environ["ENVCAP_STORE"])).attempts())


def without(attempt: Attempt, *names: str) -> dict[str, object]:
    """Return a manifest without some members, and without what differs from one attempt to the next."""
    data = dict(attempt.manifest.data)
    data["job"] = {name: value for name, value in attempt.manifest.job.data.items() if name not in names}
    return {name: value for name, value in data.items() if name not in OF_AN_ATTEMPT}


def places(attempt: Attempt) -> dict[str, object]:
    """Return what a manifest says of this site's environment variables."""
    assert attempt.manifest.site is not None
    found = Site.from_bytes(attempt.store.get(attempt.manifest.site.digest)).places["process_env"]
    return dict(found)


def test_the_same_job_by_itself_and_by_sbatch(
    slurm: Slurm, work: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    direct = {**environ, "ENVCAP_STORE": str(tmp_path / "direct")}
    command = ["envcap", "run", "--output", "out", "--", "python", "job.py", "out"]
    subprocess.run([BIN / command[0], *command[1:]], cwd=work, env=direct, check=True)
    (plain,) = attempts(direct)
    (batch,) = submitted(slurm, work, environ)
    assert plain.state == batch.state == "ok"
    assert plain.manifest.job.scheduler is None
    scheduler = batch.manifest.job.scheduler
    assert scheduler is not None
    assert scheduler["slurm.cluster"] == "test"
    assert scheduler["slurm.job_name"] == "job.sh"
    assert scheduler["slurm.job_id"].isdigit()
    assert plain.recipe.software == batch.recipe.software
    assert plain.manifest.recipe == batch.manifest.recipe
    assert without(plain) == without(batch, "scheduler")
    here, there = places(plain), places(batch)
    names = {name for one in (here, there) for name in (*one["other_names"], *one["variables"])}  # type: ignore[misc]
    assert {name for name in names if name not in here["other_names"] and name not in here["variables"]} == {  # type: ignore[operator]
        name for name in names if name.startswith("SLURM") or name in BY_SLURM
    }
    assert plain.result is not None
    assert batch.result is not None
    assert plain.result.content_key == batch.result.content_key
    assert [one.file.digest for one in plain.result.outputs] == [one.file.digest for one in batch.result.outputs]


def test_each_task_of_an_array_is_a_job(slurm: Slurm, work: Path, environ: dict[str, str]) -> None:
    found = submitted(slurm, work, environ, "--array=1-3")
    assert [one.state for one in found] == ["ok"] * 3
    facts = [one.manifest.job.scheduler or {} for one in found]
    assert [one["slurm.array_task_id"] for one in facts] == ["1", "2", "3"]
    assert len({one["slurm.array_job_id"] for one in facts}) == 1
    assert len({one["slurm.job_id"] for one in facts}) == 3
    assert found[0].recipe.software == found[1].recipe.software == found[2].recipe.software
    assert [one.recipe.work["argv"][-1] for one in found] == [f"{{output:out-{number}}}" for number in (1, 2, 3)]
