# SPDX-License-Identifier: Apache-2.0
"""Every science output type and init-output re-runs to the same, however it is named and whichever code runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.observatory import COADD, Observatory, snapshot

_TYPES = ("calibrated", "catalog", "coadd", "catalog_schema")


@pytest.mark.parametrize("code", ["captured", "current"])
@pytest.mark.parametrize("dataset_type", _TYPES)
def test_by_uuid(observatory: Observatory, dataset_type: str, code: str) -> None:
    uuid, _ = observatory.dataset(dataset_type)
    found = observatory.json("rerun-dataset", str(observatory.world.repo), uuid, "--code", code)
    assert found["verdict"] in ("identical", "equal")
    assert [output["dataset_type"] for output in found["outputs"]] == [dataset_type]
    layers = {layer["layer"]: layer["fidelity"] for layer in found["layers"]}
    assert layers["python_dists"] == layers["configuration"] == layers["inputs"] == "exact"
    assert layers["source"] == ("exact" if code == "captured" else "substituted")


@pytest.mark.slow
def test_the_changed_defaults_would_change_the_outputs(own: Observatory) -> None:
    """The control of `test_by_uuid`: without the frozen configuration, today's code makes something else."""
    from tests.observatory import CHANGED_DEFAULTS

    where = "detector = 0 AND exposure = 2026031400001"
    own.observe(output="u/me/before", where=where)
    for path, old, new in CHANGED_DEFAULTS:
        own.world.edit(own.world.stack / path, old, new)
    own.observe(output="u/me/after", where=where)
    for dataset_type in ("calibrated", "catalog", "coadd"):
        files = [str(own.dataset(dataset_type, run)[1]) for run in ("u/me/before", "u/me/after")]
        done = own.run("replay", "compare", *files, "--new-run")
        assert done.returncode == 1, done.stdout
        assert done.stdout.splitlines()[-1].startswith("different")


def test_by_type_and_data_id(observatory: Observatory) -> None:
    done = observatory.rerun("coadd", *COADD)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("equal coadd")


@pytest.mark.parametrize("dataset_type", ["calibrated", "catalog"])
def test_by_a_file_that_was_renamed_and_moved(observatory: Observatory, tmp_path: Path, dataset_type: str) -> None:
    uuid, path = observatory.dataset(dataset_type)
    renamed = tmp_path / "who knows"
    shutil.copyfile(path, renamed)
    found = observatory.json("rerun-dataset", str(observatory.world.repo), str(renamed))
    assert found["outputs"][0]["dataset"] == uuid
    assert found["verdict"] in ("identical", "equal")


def test_as_a_butler_subcommand(observatory: Observatory) -> None:
    uuid, _ = observatory.dataset("catalog")
    done = observatory.run("butler", "rerun-dataset", str(observatory.world.repo), uuid)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("identical measure")
    assert "rerun-dataset repo" in observatory.run("butler", "rerun-dataset", "--help").stdout


def test_replay_run_takes_any_selector(observatory: Observatory) -> None:
    attempt = observatory.attempt("measure {")
    found = observatory.json("replay", "run", f"quantum:{attempt.manifest.job.quantum}")
    assert found["replay_of"] == attempt.manifest.attempt
    assert found["verdict"] == "identical"


def test_the_verdict_and_the_replay_are_in_the_store(observatory: Observatory) -> None:
    uuid, _ = observatory.dataset("coadd")
    found = observatory.json("rerun-dataset", str(observatory.world.repo), uuid)
    index = observatory.index()
    assert index.verdict(found["replay"]) == found
    replay, original = index.load(found["replay"]), index.load(found["replay_of"])
    assert replay.manifest.replay_of == original.manifest.attempt
    assert replay.recipe.software["python_dists"] == original.recipe.software["python_dists"]
    assert replay.manifest.recipe == original.manifest.recipe  # the very same recipe: nothing was substituted


def test_the_repository_is_only_read(observatory: Observatory, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    shutil.copytree(observatory.world.repo, repo)
    before = snapshot(repo)
    uuid, _ = observatory.dataset("calibrated")
    assert observatory.rerun(uuid, repo=repo).returncode == 0
    assert snapshot(repo) == before


def test_into_a_new_run(observatory: Observatory, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    shutil.copytree(observatory.world.repo, repo)
    before, collections = snapshot(repo), _collections(observatory, repo)
    uuid, _ = observatory.dataset("catalog")
    done = observatory.rerun(uuid, "--run", "u/me/again", repo=repo)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("equal measure")
    after = snapshot(repo)
    assert {path: after[path] for path in before if "gen3.sqlite3" not in path} == {
        path: digest for path, digest in before.items() if "gen3.sqlite3" not in path
    }
    assert all("/u/me/again/" in path for path in after.keys() - before.keys())
    now = _collections(observatory, repo)
    assert set(now.pop("u/me/again")) == {
        "catalog", "catalog_schema", "measure_config", "measure_log", "measure_metadata", "packages",
    }  # fmt: skip
    assert now == collections
    again = observatory.rerun(uuid, "--run", "u/me/again", repo=repo)
    assert again.returncode == 3
    assert "u/me/again exists" in again.stderr


def _collections(observatory: Observatory, repo: Path) -> dict[str, list[str]]:
    """Return the dataset types of every RUN, one entry a dataset."""
    program = """
import json, sys
from lsst.daf.butler import Butler, CollectionType
with Butler.from_config(sys.argv[1], writeable=False) as butler:
    runs = butler.collections.query("*", collection_types=CollectionType.RUN)
    print(json.dumps({run: sorted(ref.datasetType.name for ref in butler.query_all_datasets(run)) for run in runs}))
"""
    done = observatory.world.run([str(observatory.world.env / "bin" / "python"), "-c", program, str(repo)])
    return dict(json.loads(done.stdout))


@pytest.mark.slow
@pytest.mark.parametrize("code", ["captured", "current"])
def test_every_quantum_of_the_run(observatory: Observatory, code: str) -> None:
    """What a validation campaign will do: nothing of the whole run differs."""
    attempts = list(observatory.index().attempts("kind IN ('quantum', 'init') AND replay_of IS NULL"))
    assert len(attempts) == 19
    for attempt in attempts:
        found = observatory.json("replay", "run", f"attempt:{attempt.manifest.attempt}", "--code", code)
        assert found["verdict"] in ("identical", "equal"), attempt.manifest.job.name
