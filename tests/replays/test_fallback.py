# SPDX-License-Identifier: Apache-2.0
"""A dataset whose quantum no store has is re-run from what Rubin itself records, and it is said from what."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from envcap.errors import UnknownSelectorError
from envcap.store.index import Index
from envcap.store.local import LocalStore
from envcap.store.selector import resolve
from examples.world import World
from tests.observatory import Observatory, snapshot
from tests.uncaptured import RUN, Uncaptured

_SOURCE = Path(__file__).resolve().parents[2]


def _from(world: Uncaptured, source: str) -> tuple[Path, list[str]]:
    """Return the repository that has a source as its best one, and the options that name it."""
    if source == "run_provenance":
        return world.provenance, []
    return world.world.repo, ["--qgraph", str(world.graph)] if source == "qgraph" else []


def _one_line(text: str) -> str:
    (line,) = text.splitlines()
    return line


@pytest.mark.parametrize(
    ("source", "dataset_type"),
    [
        ("run_provenance", "coadd"),
        pytest.param("run_provenance", "catalog", marks=pytest.mark.slow),
        pytest.param("run_provenance", "catalog_schema", marks=pytest.mark.slow),
        ("qgraph", "coadd"),
        pytest.param("qgraph", "catalog", marks=pytest.mark.slow),
        ("headers", "coadd"),
        pytest.param("headers", "catalog", marks=pytest.mark.slow),
        pytest.param("headers", "calibrated", marks=pytest.mark.slow),
    ],
)
def test_the_dataset_is_the_same_although_defaults_changed(
    uncaptured: Uncaptured, source: str, dataset_type: str
) -> None:
    repo, options = _from(uncaptured, source)
    uuid, _ = uncaptured.find(dataset_type, repo)
    found = uncaptured.json("rerun-dataset", str(repo), uuid, *options)
    assert found["verdict"] in ("identical", "equal")
    assert [output["dataset_type"] for output in found["outputs"]] == [dataset_type]
    assert (found["source"], found["engine"], found["code"]) == (source, "host", "current")
    layers = {layer["layer"]: layer for layer in found["layers"]}
    assert layers["quantum"]["fidelity"] == ("substituted" if source == "headers" else "rebuilt")
    assert layers["configuration"]["fidelity"] == "exact"
    for name in ("interpreter", "python_dists", "source", "process_env", "operating_system", "hardware"):
        assert layers[name]["fidelity"] == "substituted"
    assert "the node that wrote the graph" in layers["python_dists"]["detail"]


def test_the_text_names_the_source_and_what_it_lacks(uncaptured: Uncaptured) -> None:
    uuid, _ = uncaptured.find("coadd")
    done = uncaptured.rerun(uuid)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "doesn't have it: from headers (substituted), to run in this environment (--engine host)" in text
    assert "only the inputs that they say were read" in text
    assert "starfield.coadd.CoaddTask by the class of its configuration" in text
    assert f"run_provenance: RUN {RUN}/" in text


@pytest.mark.slow
def test_without_any_store_the_users_own_is_made(uncaptured: Uncaptured, tmp_path: Path) -> None:
    uuid, _ = uncaptured.find("catalog")
    home = {"HOME": str(tmp_path / "home"), "ENVCAP_STORE": ""}
    refused = uncaptured.run("rerun-dataset", str(uncaptured.world.repo), "0" * 8 + uuid[8:], **home)
    assert refused.returncode == 1
    assert not (tmp_path / "home").exists()
    done = uncaptured.run("butler", "rerun-dataset", str(uncaptured.world.repo), uuid, **home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("identical measure")
    store = tmp_path / "home" / ".local" / "share" / "envcap"
    assert any(b"envcap-record verdict" in path.read_bytes() for path in (store / "journal").rglob("*-*-*-*-*"))
    # The replay is not taken for the job: nobody captured that.
    with pytest.raises(UnknownSelectorError):
        resolve(Index(LocalStore.existing(str(store))), f"dataset:{uuid}")


def test_a_named_store_that_is_not_there_stays_an_error(uncaptured: Uncaptured, tmp_path: Path) -> None:
    uuid, _ = uncaptured.find("catalog")
    for variables, options in (({"ENVCAP_STORE": str(tmp_path / "no")}, []), ({}, ["--store", str(tmp_path / "no")])):
        done = uncaptured.run("rerun-dataset", str(uncaptured.world.repo), uuid, *options, **variables)
        assert done.returncode == 3
        assert "no store at" in _one_line(done.stderr)


def test_what_was_captured_comes_first(observatory: Observatory, uncaptured: Uncaptured) -> None:
    uuid, _ = observatory.dataset("catalog")
    done = observatory.rerun(uuid, "--qgraph", str(uncaptured.graph))
    assert done.returncode == 0, done.stderr
    assert f"{uncaptured.graph} is not read" in done.stdout
    assert "not captured" not in done.stdout


@pytest.mark.slow
def test_an_input_that_is_gone_is_made_again_into_a_new_run(uncaptured: Uncaptured, tmp_path: Path) -> None:
    repo = uncaptured.copied(tmp_path)
    uuid, path = uncaptured.find("calibrated", repo)
    path.unlink()
    catalog, _ = uncaptured.find("catalog", repo)
    refused = uncaptured.rerun(catalog, "--recursive", repo=repo)
    assert refused.returncode == 3
    assert f"input {uuid} is gone, and it can't be made again: the file of calibrated" in refused.stderr
    options = ("--qgraph", str(uncaptured.graph), "--recursive", "--run", "u/me/again")
    found = uncaptured.json("rerun-dataset", str(repo), catalog, *options)
    assert found["verdict"] == "equal"
    (inputs,) = [layer["detail"] for layer in found["layers"] if layer["layer"] == "inputs"]
    assert "re-made first: calibrate" in inputs
    assert list(repo.glob("u/me/again/calibrated/**/*.fits"))


@pytest.mark.parametrize("source", ["run_provenance", "qgraph", "headers"])
def test_code_with_another_field_is_refused_naming_it(uncaptured: Uncaptured, tmp_path: Path, source: str) -> None:
    stack = uncaptured.copied_stack(tmp_path)
    measure = stack / "starfield" / "measure.py"
    uncaptured.world.edit(
        measure, "    seed = Field", '    extra = Field[int](doc="New.", default=3)\n    seed = Field'
    )
    repo, options = _from(uncaptured, source)
    uuid, _ = uncaptured.find("catalog", repo)
    done = uncaptured.run("rerun-dataset", str(repo), uuid, *options, stack=stack)
    assert done.returncode == 3
    assert "extra is new" in done.stderr.splitlines()[-1]


def test_a_configuration_of_two_tasks_is_ambiguous(uncaptured: Uncaptured, tmp_path: Path) -> None:
    stack = uncaptured.copied_stack(tmp_path)
    measure = stack / "starfield" / "measure.py"
    measure.write_text(measure.read_text() + "\n\nclass OtherTask(MeasureTask):\n    pass\n")
    uuid, _ = uncaptured.find("catalog")
    done = uncaptured.run("rerun-dataset", str(uncaptured.world.repo), uuid, stack=stack)
    assert done.returncode == 2
    assert "starfield.measure.MeasureTask, starfield.measure.OtherTask" in _one_line(done.stderr)


def test_without_the_code_nothing_runs(uncaptured: Uncaptured, tmp_path: Path) -> None:
    uuid, _ = uncaptured.find("catalog")
    for options in ([], ["--qgraph", str(uncaptured.graph)]):
        done = uncaptured.run("rerun-dataset", str(uncaptured.world.repo), uuid, *options, stack=tmp_path)
        assert done.returncode == 3
        assert "can't be imported" in done.stderr.splitlines()[-1]
        assert "starfield" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--engine", "venv"], "--engine venv: no environment was captured"),
        (["--require", "rebuilt"], "source is substituted"),
    ],
)
def test_what_can_not_be_had_is_refused(uncaptured: Uncaptured, options: list[str], told: str) -> None:
    uuid, _ = uncaptured.find("catalog")
    before = snapshot(uncaptured.world.repo)
    done = uncaptured.rerun(uuid, *options)
    assert done.returncode == 3
    assert told in _one_line(done.stderr)
    assert snapshot(uncaptured.world.repo) == before


def test_a_dataset_that_nobody_made(uncaptured: Uncaptured) -> None:
    (uuid,) = uncaptured.planned(uncaptured.other_graph, "catalog")
    done = uncaptured.rerun(uuid, "--qgraph", str(uncaptured.other_graph))
    assert done.returncode == 3
    assert f"no file of catalog {uuid}" in _one_line(done.stderr)


def test_a_payload_that_makes_nothing_is_failed(uncaptured: Uncaptured, tmp_path: Path) -> None:
    stack = uncaptured.copied_stack(tmp_path)
    measure, first = stack / "starfield" / "measure.py", "        image = calibrated"
    uncaptured.world.edit(measure, first, "        return Struct(catalog=None)\n" + first)
    uuid, _ = uncaptured.find("catalog", uncaptured.provenance)
    done = uncaptured.run("rerun-dataset", str(uncaptured.provenance), uuid, stack=stack)
    assert done.returncode == 4
    assert "did not make catalog" in done.stderr


@pytest.mark.slow
def test_inputs_that_nobody_had_made_are_not_asked_for(own: Observatory) -> None:
    """Two exposures have nothing to calibrate, so nothing is measured on them either: the coadd is of the others."""
    world = Uncaptured(own.world)
    calibrate, first = own.world.stack / "starfield" / "calibrate.py", "        bad = flat.is_masked"
    own.world.edit(calibrate, first, '        if "000001" in str(raw.metadata["OBSID"]):\n'
                                     "            return Struct(calibrated=None)\n" + first)  # fmt: skip
    world.make("-d", "detector = 0")
    made = {uuid for uuid, _ in world.find_all("calibrated")}
    unmade = min(set(world.planned(world.graph, "calibrated")) - made)
    for source in ("run_provenance", "qgraph", "headers"):
        repo, options = _from(world, source)
        uuid, _ = world.find("coadd", repo)
        found = world.json("rerun-dataset", str(repo), uuid, *options)
        assert (found["verdict"], found["source"]) == ("equal", source)
        refused = world.rerun(unmade, "--qgraph", str(world.graph), repo=repo)
        assert refused.returncode == 3
        assert f"dataset {unmade} was predicted, but its quantum did not make it" in _one_line(refused.stderr)


def _with_the_bug() -> list[str]:
    """Return the interpreters here whose zipfile can't read provenance graphs."""
    names = [f".pyenv/versions/{version}/bin/python" for version in ("3.12.1", "3.13.0")]
    return [str(path) for path in (Path.home() / name for name in names) if path.exists()]


@pytest.mark.slow
@pytest.mark.parametrize("python", _with_the_bug())
def test_a_python_that_can_not_read_provenance_says_so(own: Observatory, tmp_path: Path, python: str) -> None:
    world = Uncaptured(own.world)
    world.make()  # all of it: the bug shows in files that zipfile doesn't buffer whole
    other = World(tmp_path / "other", python)
    other.root.mkdir()
    other.make_environment()
    other.install("--constraint", str(other.root / "constraints.txt"), f"envcap[replay] @ {_SOURCE}")
    rerun = str(other.env / "bin" / "rerun-dataset")
    told = []
    for dataset_type in ("coadd", "catalog", "calibrated"):
        uuid, _ = world.find(dataset_type, world.provenance)
        done = world.run(rerun, str(world.provenance), uuid)
        assert done.returncode in (0, 3), done.stderr
        told.append(
            "whose zipfile has a bug; a later patch release can" in " ".join((done.stdout + done.stderr).split())
        )
    assert any(told)
    done = world.run(rerun, str(world.provenance), uuid, "--qgraph", str(world.graph))
    assert done.returncode == 0, done.stderr


def test_a_file_that_was_handed_in_is_what_is_judged(uncaptured: Uncaptured, tmp_path: Path) -> None:
    _, path = uncaptured.find("coadd")
    changed = tmp_path / "who knows"
    shutil.copyfile(path, changed)
    data = bytearray(changed.read_bytes())
    data[len(data) // 4] ^= 1  # a pixel
    changed.write_bytes(data)
    done = uncaptured.rerun(str(changed))
    assert done.returncode == 1
    assert "1 of 65536 pixels differ" in done.stdout
