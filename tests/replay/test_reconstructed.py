# SPDX-License-Identifier: Apache-2.0
"""A reconstructed quantum is one in memory: what runs it, how it is judged, and what of it reaches the store."""

from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from envcap.errors import NotCapturedError
from envcap.model.manifest import DatasetGroup
from envcap.store.index import Index
from envcap.store.local import LocalStore
from replay.build.base import EngineOptions
from replay.build.registry import engine_for
from replay.build.unrecorded import own_variables, unrecorded_layers
from replay.comparators.files import compare_files
from replay.comparators.policy import DEFAULT, Verdict
from replay.errors import ReplayRefusedError
from replay.fidelity import Fidelity
from replay.jobs.reconstructed import ReconstructedQuantum
from replay.planning import make_plan
from replay.rubin.sources.base import Reconstruction

_CONFIG = """import starfield.measure
assert type(config) is starfield.measure.MeasureConfig, 'config is of another type'
config.n_bootstrap=64
"""


def _group(name: str, *uuids: str) -> DatasetGroup:
    return DatasetGroup(dataset_type=name, run="u/me", dimensions=["detector"], rows=[[u, "0"] for u in uuids])


def _found(**changes: object) -> Reconstruction:
    found = Reconstruction(
        source="headers",
        fidelity=Fidelity.SUBSTITUTED,
        detail="headers",
        task_class="starfield.measure.MeasureTask",
        label="measure",
        init=False,
        quantum="q1",
        run="u/me",
        data_id={"detector": "0"},
        inputs=[_group("calibrated", "i1", "i2")],
        init_inputs=[],
        outputs=[_group("catalog", "o1", "o2"), _group("measure_metadata", "m1"), _group("measure_log", "l1")],
        config=_CONFIG,
        made={"o1": "file:///o1.parq"},
        unavailable=frozenset({"i2"}),
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def _quantum(tmp_path: Path, **changes: object) -> ReconstructedQuantum:
    return ReconstructedQuantum(Index(LocalStore(str(tmp_path / "store"))), "repo", _found(**changes))


def test_it_reads_like_a_captured_one(tmp_path: Path) -> None:
    job = _quantum(tmp_path)
    assert [output.dataset for output in job.science_outputs()] == ["o1"]
    assert [(d["id"], d["available"], d["digest"]) for d in job.datasets(job.manifest.job.inputs)] == [
        ("i1", True, None),
        ("i2", False, None),
    ]
    assert job.frozen_config.fields == {"n_bootstrap": "64"}
    assert (job.manifest.job.name, job.manifest.job.activator) == ("measure {detector: 0}", "headers")
    with pytest.raises(NotCapturedError, match="interpreter was not captured: not recorded by Rubin"):
        _ = job.interpreter


def test_nothing_is_in_the_store_before_it_runs(tmp_path: Path) -> None:
    job = _quantum(tmp_path)
    assert job.config.fields == {"n_bootstrap": "64"}
    assert not (tmp_path / "store").exists()
    job.store.create()
    job.keep()
    kept = LocalStore.existing(str(tmp_path / "store"))
    assert job.task.config is not None
    assert kept.get(job.config.text.digest).decode() == _CONFIG
    assert kept.has(job.task.config.digest)
    assert not (tmp_path / "store" / "journal").exists()


def test_a_credential_in_the_configuration_is_applied_and_not_kept(tmp_path: Path) -> None:
    job = _quantum(tmp_path, config=_CONFIG + "config.db_password='tops3cret-word'\n")
    job.store.create()
    job.keep()
    assert "tops3cret-word" in job.frozen_config.text
    assert not any(b"tops3cret-word" in path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())


def test_code_in_the_configuration_is_impossible(tmp_path: Path) -> None:
    job = _quantum(tmp_path, config=_CONFIG + "import os; os.abort()\n")
    layers = {layer.name: layer for layer in make_plan(job).layers}
    assert layers["configuration"].fidelity is Fidelity.IMPOSSIBLE
    assert "os.abort" in layers["configuration"].detail


def test_only_this_environment_can_run_it(tmp_path: Path) -> None:
    job = _quantum(tmp_path)
    assert engine_for(job, "auto", EngineOptions()).name == engine_for(job, "host", EngineOptions()).name == "host"
    with pytest.raises(ReplayRefusedError, match="--engine venv: no environment was captured"):
        engine_for(job, "venv", EngineOptions())
    plan = make_plan(job)
    assert (plan.code, plan.layers[0].name) == ("current", "quantum")
    assert {layer.fidelity for layer in plan.layers if layer.name not in ("configuration", "inputs")} == {
        Fidelity.SUBSTITUTED
    }
    with pytest.raises(ReplayRefusedError, match="quantum is substituted"):
        plan.check(Fidelity.REBUILT)


def test_an_output_whose_file_is_gone_is_refused_unless_it_was_handed_in(tmp_path: Path) -> None:
    _quantum(tmp_path).check_originals(())
    gone = _quantum(tmp_path, made={"o1": None})
    with pytest.raises(ReplayRefusedError, match="has no file of catalog o1"):
        gone.check_originals(())
    gone.check_originals({"o1"})
    with pytest.raises(ReplayRefusedError, match="left no output"):
        _quantum(tmp_path, made={}).check_originals(())


def test_versions_that_differ_are_named() -> None:
    numpy = metadata.version("numpy")
    same = {"numpy": numpy, "yaml": metadata.version("pyyaml"), "pipe_base": metadata.version("lsst-pipe-base")}

    def detail(packages: dict[str, str] | None) -> str:
        layers = {layer.name: layer for layer in unrecorded_layers(_found(packages=packages))}
        assert {layer.fidelity for layer in layers.values()} == {Fidelity.SUBSTITUTED}
        return layers["python_dists"].detail

    assert "3 versions as in the RUN's packages" in detail({**same, "python": "3.11.7 (main)"})
    told = detail({**same, "numpy": "1.0", "no_such_module": "2"})
    assert told.endswith(f": -no_such_module, numpy 1.0 → {numpy}")
    assert "names no packages" in detail(None)


def test_the_payload_gets_this_process_s_variables_and_no_capture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STARCAM_DIR", "/here")
    monkeypatch.setenv("ENVCAP_CONTEXT", "{}")
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    found = own_variables()
    assert (found["OBS_STARCAM_DIR"], found["PYTHONHASHSEED"]) == ("/here", "0")
    assert "ENVCAP_CONTEXT" not in found
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    assert own_variables()["PYTHONHASHSEED"] == "7"


def test_the_order_of_reading_is_no_difference_and_the_number_is(tmp_path: Path) -> None:
    def write(name: str, first: str, second: str, number: int = 2) -> Path:
        hdu = fits.PrimaryHDU(np.arange(4))
        hdu.header["HIERARCH LSST BUTLER N_INPUTS"] = number
        for place, uuid in enumerate((first, second)):
            hdu.header[f"HIERARCH LSST BUTLER INPUT {place} ID"] = uuid
        hdu.writeto(tmp_path / name)
        return tmp_path / name

    original, swapped, more = write("a", "u1", "u2"), write("b", "u2", "u1"), write("c", "u2", "u1", 3)
    policy = DEFAULT.for_unknown_seed()
    assert compare_files(original, swapped, DEFAULT).verdict is Verdict.DIFFERENT
    assert compare_files(original, swapped, policy).verdict is Verdict.EQUAL
    assert compare_files(original, more, policy).verdict is Verdict.DIFFERENT
