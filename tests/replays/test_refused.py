# SPDX-License-Identifier: Apache-2.0
"""What can't be replayed is refused: one clear line, the documented exit status, nothing has run, nothing is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.observatory import Observatory, snapshot

_ONE = "detector = 0 AND exposure = 2026031400001"


def _one_line(text: str) -> str:
    (line,) = text.splitlines()
    return line


def _nothing_ran(own: Observatory) -> None:
    replays = own.world.root / "cache" / "replays"
    made = [path for path in replays.rglob("*") if path.suffix in (".fits", ".parq")] if replays.exists() else []
    assert not made, made


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    seed = Field", '    extra = Field[int](doc="New.", default=3)\n    seed = Field', "extra is new"),
        pytest.param(
            "    n_bootstrap = RangeField",
            "    n_realizations = RangeField",
            "n_bootstrap is gone",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_todays_code_with_other_fields(own: Observatory, old: str, new: str, told: str) -> None:
    own.observe(where=_ONE)
    own.world.edit(own.world.stack / "starfield" / "measure.py", old, new)
    uuid, _ = own.dataset("catalog", "u/me/own")
    done = own.rerun(uuid, "--code", "current")
    assert done.returncode == 3
    assert told in done.stderr
    assert "other fields than the captured one" in done.stderr
    _nothing_ran(own)
    assert own.rerun(uuid).returncode == 0  # the captured code still takes it


def test_todays_code_with_another_field_in_a_subtask(own: Observatory) -> None:
    own.observe(where=_ONE)
    detect = own.world.stack / "starfield" / "detect.py"
    own.world.edit(detect, "    threshold = RangeField", "    significance = RangeField")
    uuid, _ = own.dataset("catalog", "u/me/own")
    done = own.rerun(uuid, "--code", "current")
    assert done.returncode == 3
    assert "detect.significance is new" in done.stderr
    assert "detect.threshold is gone" in done.stderr
    _nothing_ran(own)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return Struct(catalog=None)", "did not make catalog"),
        ('raise RuntimeError("no luck")', "RuntimeError: no luck"),
        pytest.param("import os; os.abort()", "died without an answer (signal 6)", marks=pytest.mark.slow),
    ],
)
def test_a_payload_that_makes_nothing_is_failed(own: Observatory, body: str, told: str) -> None:
    own.observe(where=_ONE)
    own.edit_measure(body)
    uuid, _ = own.dataset("catalog", "u/me/own")
    done = own.rerun(uuid, "--code", "current")
    assert done.returncode == 4
    assert told in done.stderr
    assert "successful" not in done.stdout + done.stderr


def test_a_tampered_input(observatory: Observatory, tmp_path: Path) -> None:
    repo, path = _copy_with(observatory, tmp_path, "calibrated")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    before = snapshot(repo)
    uuid, _ = observatory.dataset("catalog")
    done = observatory.rerun(uuid, repo=repo)
    assert done.returncode == 3
    assert "is not what the job read: calibrated" in done.stderr
    assert path.name in done.stderr
    assert snapshot(repo) == before


@pytest.mark.slow
def test_a_missing_input_and_how_it_is_made_again(observatory: Observatory, tmp_path: Path) -> None:
    repo, path = _copy_with(observatory, tmp_path, "calibrated")
    path.unlink()
    uuid, _ = observatory.dataset("catalog")
    lost, _ = observatory.dataset("calibrated")
    done = observatory.rerun(uuid, repo=repo)
    assert done.returncode == 3
    assert f"an input is gone: calibrated {lost}; --recursive" in done.stderr.splitlines()[-1]
    found = observatory.json("rerun-dataset", str(repo), uuid, "--recursive")
    assert found["verdict"] == "identical"
    (inputs,) = [layer for layer in found["layers"] if layer["layer"] == "inputs"]
    assert inputs["fidelity"] == "rebuilt"
    assert "calibrate" in inputs["detail"]
    into_new = observatory.rerun(uuid, "--recursive", "--run", "u/me/both", repo=repo)
    assert into_new.returncode == 0, into_new.stderr
    assert list(repo.glob("u/me/both/calibrated/**/*.fits"))


def test_a_missing_raw_frame_can_not_be_made_again(observatory: Observatory, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    shutil.copytree(observatory.world.repo, repo)
    for path in repo.rglob("raw_*.fits"):
        path.unlink()
    uuid, _ = observatory.dataset("calibrated")
    done = observatory.rerun(uuid, "--recursive", repo=repo)
    assert done.returncode == 3
    assert "can't be made again" in done.stderr


def _copy_with(observatory: Observatory, tmp_path: Path, dataset_type: str) -> tuple[Path, Path]:
    """Return a copy of the repository, and the file in it of the first dataset of a type."""
    repo = tmp_path / "repo"
    shutil.copytree(observatory.world.repo, repo)
    _, original = observatory.dataset(dataset_type)
    return repo, repo / original.relative_to(observatory.world.repo)


def test_unknown_and_ambiguous(observatory: Observatory, tmp_path: Path) -> None:
    unknown = "00000000-0000-7000-8000-000000000000"
    done = observatory.rerun(unknown)
    assert done.returncode == 1
    assert unknown in _one_line(done.stderr)
    done = observatory.run("replay", "plan", "no-such-job")
    assert done.returncode == 1
    assert "no-such-job" in _one_line(done.stderr)
    done = observatory.rerun("coadd", "--data-id", "instrument=StarCam", "--collection", "u/me/first")
    assert done.returncode == 2
    assert "ambiguous" in _one_line(done.stderr)
    # UUIDv7 begins with the time, so datasets of one second share their first digits.
    done = observatory.run("replay", "plan", observatory.dataset("coadd")[0][:8])
    assert done.returncode == 2
    assert "is ambiguous" in _one_line(done.stderr)
    done = observatory.rerun(str(tmp_path / "gone.fits"))
    assert done.returncode == 2
    assert "no such file" in _one_line(done.stderr)


def test_a_corrupt_object(observatory: Observatory, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(observatory.world.store, store)
    attempt = observatory.attempt("measure {")
    digest = attempt.recipe.software["python_dists"].digest.removeprefix("sha256:")
    path = store / "objects" / digest[:2] / digest[2:]
    path.write_bytes(path.read_bytes().replace(b"numpy", b"nunpy", 1))
    before = snapshot(store)
    uuid, _ = observatory.dataset("catalog")
    done = observatory.rerun(uuid, "--store", str(store))
    assert done.returncode == 3
    assert digest[:16] in done.stderr
    assert "corrupt" in done.stderr
    assert snapshot(store) == before


def test_a_level_that_is_not_reached(observatory: Observatory) -> None:
    uuid, _ = observatory.dataset("catalog")
    done = observatory.rerun(uuid, "--require", "exact")
    assert done.returncode == 3
    assert "interpreter is rebuilt" in done.stderr


def test_the_commit_is_gone(own: Observatory) -> None:
    own.observe(where=_ONE)
    shutil.rmtree(own.world.stack / ".git")
    uuid, _ = own.dataset("catalog", "u/me/own")
    done = own.rerun(uuid)
    assert done.returncode == 3
    assert "source is impossible: stack: commit" in done.stderr


@pytest.mark.parametrize(
    "command", ["rerun-dataset repo x", "butler rerun-dataset repo x", "replay run @last", "envcap show @last"]
)
def test_without_the_extra_that_a_command_needs(observatory: Observatory, command: str) -> None:
    # The job environment has what a job needs and no more.
    done = observatory.run(*command.split(), job=True)
    assert done.returncode == 2
    assert "pip install 'envcap[" in _one_line(done.stderr)


@pytest.mark.parametrize("place", ["handed in", "in the repository"])
def test_an_original_that_was_changed_is_what_is_judged(observatory: Observatory, tmp_path: Path, place: str) -> None:
    repo, path = _copy_with(observatory, tmp_path, "coadd")
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 1  # a pixel
    path.write_bytes(data)
    uuid, _ = observatory.dataset("coadd")
    done = observatory.rerun(str(path) if place == "handed in" else uuid, repo=repo)
    assert done.returncode == 1, done.stdout
    assert "the original was changed since" in done.stdout
    assert "1 of 65536 pixels differ" in done.stdout


def test_an_original_that_is_gone(own: Observatory) -> None:
    own.observe(where=_ONE)
    for dataset_type, status, told in (("catalog", 0, "byte for byte, what the job wrote"), ("coadd", 3, "is gone")):
        uuid, path = own.dataset(dataset_type, "u/me/own")
        path.unlink()
        done = own.rerun(uuid)
        assert done.returncode == status, done.stderr
        assert told in done.stdout + done.stderr
        if dataset_type == "catalog":  # the coadd needs it
            (remade,) = (own.world.root / "cache" / "replays").rglob("catalog_StarCam*.parq")
            shutil.copyfile(remade, path)


@pytest.mark.slow
def test_inputs_that_depend_on_each_other_are_made_again_in_order(own: Observatory) -> None:
    own.observe(where="detector = 0 AND exposure IN (2026031400001, 2026031400002)")
    for path in own.world.repo.glob("u/me/own/*/calibrated/**/*.fits"):
        path.unlink()
    for path in own.world.repo.glob("u/me/own/*/catalog/**/*.parq"):
        path.unlink()
    uuid, _ = own.dataset("coadd", "u/me/own")
    found = own.json("rerun-dataset", str(own.world.repo), uuid, "--recursive")
    assert found["verdict"] == "equal"
    (inputs,) = [layer["detail"] for layer in found["layers"] if layer["layer"] == "inputs"]
    assert inputs.count("calibrate {") == inputs.count("measure {") == 2


def test_a_quantum_that_left_nothing(own: Observatory) -> None:
    own.edit_measure("if seed[1] == 2026031400002:", "    return Struct(catalog=None)")
    where = "detector = 0 AND exposure IN (2026031400001, 2026031400002)"
    own.world.run(["envcap", "run", "--", *own.world.pipetask("u/me/own", "-d", where)], check=False)
    attempt = own.attempt("measure {instrument: StarCam, detector: 0, exposure: 2026031400002")
    done = own.run("replay", "run", f"attempt:{attempt.manifest.attempt}")
    assert done.returncode == 3
    assert "left no output: nothing to compare with" in done.stderr
