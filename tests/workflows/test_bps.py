# SPDX-License-Identifier: Apache-2.0
"""`bps submit`, really, on Parsl's workers: with the hook every quantum is captured, and nothing waits for capture."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcap.store.index import Attempt
from tests.observatory import Observatory
from tests.services.bps import Batch

pytestmark = pytest.mark.slow

_TWO = "detector = 0 AND exposure IN (2026031400001, 2026031400002)"


_MORE = """\
clusterAlgorithm: lsst.ctrl.bps.quantum_clustering_funcs.dimension_clustering
cluster:
  frames: {{pipetasks: "calibrate,measure", dimensions: "exposure,detector"}}
pipetask:
  coadd:
    # A site's own wrapper.
    runQuantumCommand: >-
      {flaky} pipetask run-qbb {{butlerConfig}} {{qgraphFile}}
      --qgraph-node-id {{qgraphNodeId}}
"""
_FLAKY = """\
#!/bin/sh
# The first attempt fails.
test -e "$0.tried" || { touch "$0.tried"; exit 7; }
exec "$@"
"""
_OUTPUT = {"calibrate": "calibrated", "measure": "catalog", "coadd": "coadd"}


@pytest.fixture
def new(observatory: Observatory, tmp_path: Path) -> Batch:
    """Give a world of its own, in which nothing was submitted yet."""
    return Batch(observatory.clone(tmp_path).world)


def commands(batch: Batch) -> dict[str, Attempt]:
    """Return the attempts of `envcap run` by the name that BPS has for the job."""
    return {one.manifest.job_id: one for one in batch.index().attempts("kind = 'command'")}


def captured(batch: Batch) -> dict[str, Attempt]:
    """Return the attempts of quanta by UUID."""
    return {
        str(one.manifest.job.quantum): one for one in batch.index().attempts("kind = 'quantum' AND replay_of IS NULL")
    }


def test_every_quantum_of_the_graph_is_captured(batch: Batch) -> None:
    planned, found = batch.quanta("night"), captured(batch)
    assert sorted(planned.values()) == ["calibrate", "coadd", "measure"]
    assert found.keys() == planned.keys()
    for quantum, attempt in found.items():
        label = planned[quantum]
        assert attempt.state == "ok"
        assert attempt.manifest.job_id == quantum
        assert attempt.recipe.work["label"] == label
        assert attempt.manifest.job.butler == f"file://{batch.world.repo}/"
        assert attempt.result is not None
        made = {one.dataset for one in attempt.result.outputs if one.dataset_type == _OUTPUT[label]}
        assert made == set(batch.stored(attempt.manifest.job.run or "", _OUTPUT[label]))
        assert len(made) == 1


def test_what_bps_and_parsl_call_a_job_is_in_its_manifest(batch: Batch) -> None:
    found = commands(batch)
    assert found.keys() == batch.names("night") - {"finalJob"}
    for name, attempt in found.items():
        facts = attempt.manifest.job.scheduler or {}
        assert facts["bps.job"] == name
        assert facts["bps.run"].startswith("u_me_night_")
        assert facts["bps.label"] == (name if name == "pipetaskInit" else name.split("_")[1])
        assert ("parsl.worker" in facts) is (name != "pipetaskInit")  # which the submitter runs itself
    for quantum, attempt in captured(batch).items():
        facts = attempt.manifest.job.scheduler or {}
        assert facts["bps.job"].startswith(quantum)
        assert attempt.manifest.job.parent == found[facts["bps.job"]].manifest.attempt
        assert facts == found[facts["bps.job"]].manifest.job.scheduler


def test_the_commands_tell_it(batch: Batch) -> None:
    listed = batch.json("envcap", "jobs")
    assert {one["job_id"] for one in listed if one["kind"] == "command"} == batch.names("night") - {"finalJob"}
    (name,) = (name for name in batch.names("night") if "coadd" in name)
    shown = batch.run("envcap", "show", f"job:{name}")
    assert shown.returncode == 0, shown.stderr
    assert f"bps job             {name}" in shown.stdout
    assert "bps label           coadd" in shown.stdout


def test_a_quantum_is_replayed_from_its_manifest_alone(batch: Batch) -> None:
    attempt = next(one for one in captured(batch).values() if one.recipe.work["label"] == "measure")
    done = batch.run("replay", "run", f"attempt:{attempt.manifest.attempt}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "identical" in done.stdout + done.stderr


def test_the_final_job_keeps_provenance_and_ingests(batch: Batch) -> None:
    assert batch.provenance("night") == dict.fromkeys(captured(batch), "SUCCESSFUL")
    said = batch.final_log("night")
    # Three quanta, an init quantum, and a command of each; nothing else has updated the index meanwhile.
    assert "new records; 8 attempts in " in said
    assert "0 new records" not in said


def test_clusters_a_wrapper_of_the_users_own_and_a_second_attempt(new: Batch) -> None:
    flaky = new.world.root / "flaky.sh"
    flaky.write_text(_FLAKY)
    flaky.chmod(0o755)
    path = new.write("clustered", where=_TWO, more=_MORE.format(flaky=flaky), retries=1)
    new.hook(path)
    new.submit(path)
    planned, found = new.quanta("clustered"), captured(new)
    assert sorted(planned.values()) == ["calibrate", "calibrate", "coadd", "measure", "measure"]
    assert found.keys() == planned.keys()
    frames = [one for name, one in commands(new).items() if name.startswith("frames_")]
    assert len(frames) == 2
    for frame in frames:
        inside = [one for one in found.values() if one.manifest.job.parent == frame.manifest.attempt]
        assert sorted(one.recipe.work["label"] for one in inside) == ["calibrate", "measure"]
        assert {(one.manifest.job.scheduler or {})["bps.label"] for one in inside} == {"frames"}
    first, second = new.index().attempts("kind = 'command' AND job_id LIKE '%coadd%'")
    assert first.manifest.job_id == second.manifest.job_id
    assert (first.state, second.state) == ("failed", "ok")
    assert first.result is not None
    assert first.result.exit == 7
    assert second.manifest.job.argv[0] == str(flaky)


def test_a_capture_that_fails_fails_no_workflow(new: Batch) -> None:
    (new.world.root / "file").write_text("no directory\n")
    path = new.write("unwritable")
    new.hook(path, "--store", str(new.world.root / "file" / "store"))
    new.submit(path)
    run = new.run_of("unwritable")
    assert [len(new.stored(run, name)) for name in _OUTPUT.values()] == [1, 1, 1]
    said = [log.read_text() for log in (new.submitted("unwritable") / "logs").rglob("*.stderr")]
    assert sum("envcap: this job is not recorded" in text for text in said) == 4
    assert not any("Traceback" in text for text in said)
    assert "envcap ingest: " in new.final_log("unwritable")


def test_without_the_hook_nothing_is_captured(new: Batch) -> None:
    new.submit(new.write("plain"))
    assert not new.world.store.exists()
    switched_off = new.write("switched", more="envcapRun: ''\n")
    new.hook(switched_off)
    new.submit(switched_off)
    assert len(new.quanta("switched")) == 3
    assert not new.world.store.exists()
