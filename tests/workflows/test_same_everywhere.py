# SPDX-License-Identifier: Apache-2.0
"""The example pipeline through pipetask, a plain command, BPS and Slurm: manifests differ in scheduler facts only."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from envcap.store.index import Attempt, Index
from envcap.store.local import LocalStore
from tests.services.bps import ONE, Batch
from tests.services.packages import unchanging
from tests.services.slurm import running_slurm

pytestmark = pytest.mark.slow

OF_AN_ATTEMPT = {"attempt", "job_id", "started", "writer", "site"}
OF_A_RUN = {"argv", "cwd", "outputs", "parent", "quantum", "run", "scheduler"}
"""What one run of a quantum has to have another than the next: ids, places, and who started it."""
_SCRIPT = """\
#!/bin/sh
set -e
pipetask qgraph -b {repo} -i StarCam/defaults -o {output} -p {pipeline} -d '{where}' -q {graph} \\
    --qgraph-datastore-records
pipetask pre-exec-init-qbb {repo} {graph}
exec envcap run -- pipetask run-qbb {repo} {graph}
"""


class Ways:
    """The pipeline run once in each way, with a store for each."""

    def __init__(self, batch: Batch, folder: Path) -> None:
        self.batch = batch
        self.folder = folder

    def variables(self, way: str, **others: str) -> dict[str, str]:
        """Return a user's environment variables."""
        return {**self.batch.world.variables(), "ENVCAP_STORE": str(self.folder / way), **others}

    def attempts(self, way: str) -> list[Attempt]:
        """Return what was captured."""
        return list(Index(LocalStore(str(self.folder / way))).attempts("replay_of IS NULL"))

    def pipetask(self, way: str, **others: str) -> None:
        """Run the pipeline in one process."""
        command = ["envcap", "run", "--", *self.batch.world.pipetask(f"u/{way}", "-d", ONE)]
        self.batch.world.run(command, variables=self.variables(way, **others))

    def script(self, way: str) -> Path:
        """Write a script that runs the pipeline from a saved graph, as the jobs of BPS do."""
        world, path = self.batch.world, self.folder / f"{way}.sh"
        places = {"repo": world.repo, "pipeline": world.pipeline, "graph": self.folder / f"{way}.qg"}
        quoted = {name: shlex.quote(str(place)) for name, place in places.items()}
        path.write_text(_SCRIPT.format(**quoted, output=f"u/{way}", where=ONE))
        return path


@pytest.fixture
def ways(batch: Batch, tmp_path: Path) -> Ways:
    """Run it in each way, while no test installs packages."""
    found = Ways(batch, tmp_path)
    with running_slurm() as slurm, unchanging():
        slurm.sbatch("--output=log", str(found.script("slurm")), cwd=tmp_path, environ=found.variables("slurm"))
        found.pipetask("pipetask")
        batch.world.run(["sh", str(found.script("command"))], variables=found.variables("command"))
        path = batch.write("everywhere")
        batch.hook(path)
        batch.submit(path, ENVCAP_STORE=str(tmp_path / "bps"))
        found.pipetask("elsewhere", LC_NUMERIC="C")
    return found


def quanta(attempts: list[Attempt]) -> dict[str, Attempt]:
    """Return the attempts of quanta by name."""
    return {one.manifest.job.name: one for one in attempts if one.manifest.job.kind == "quantum"}


def software(attempt: Attempt) -> dict[str, str]:
    """Return the digest of each software component."""
    return {kind: component.digest for kind, component in attempt.recipe.software.items()}


def without(data: Mapping[str, object], names: set[str]) -> dict[str, object]:
    """Return a document without some members."""
    return {name: value for name, value in data.items() if name not in names}


def manifest(attempt: Attempt) -> dict[str, object]:
    """Return what must be the same in a manifest, whatever ran the job."""
    job = without(attempt.manifest.job.data, OF_A_RUN)
    inputs = {"inputs", "init_inputs"} if "calibrate" not in str(job["name"]) else set()
    # Of later tasks, the inputs are what that very run made: other datasets, so another recipe.
    left_out = OF_AN_ATTEMPT | ({"recipe"} if inputs else set())
    return {**without(attempt.manifest.data, left_out), "job": without(job, inputs)}


def test_the_same_software_and_nothing_but_scheduler_facts_differs(ways: Ways) -> None:
    attempts = {way: ways.attempts(way) for way in ("pipetask", "command", "bps", "slurm")}
    expected = software(attempts["pipetask"][0])
    assert {"interpreter", "python_dists", "source", "operating_system", "process_env", "numerics"} <= expected.keys()
    for way, found in attempts.items():
        assert {one.state for one in found} == {"ok"}, way
        for one in found:
            assert software(one) == expected, (way, one.manifest.job.name)
    first = quanta(attempts["pipetask"])
    assert len(first) == 3
    for way, found in attempts.items():
        by_name = quanta(found)
        assert by_name.keys() == first.keys(), way
        for name, attempt in by_name.items():
            assert manifest(attempt) == manifest(first[name]), (way, name)
            facts = attempt.manifest.job.scheduler or {}
            systems = {"bps": {"bps", "parsl"}, "slurm": {"slurm"}}.get(way, set())
            assert {fact.partition(".")[0] for fact in facts} == systems
    _the_tamper_case(ways, expected)


def _the_tamper_case(ways: Ways, expected: dict[str, str]) -> None:
    """In another locale, one component is another."""
    found = software(ways.attempts("elsewhere")[0])
    assert {kind for kind in expected if found[kind] != expected[kind]} == {"process_env"}
