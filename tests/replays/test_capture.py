# SPDX-License-Identifier: Apache-2.0
"""What a captured pipeline run leaves in the store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envcap.model.components import RubinConfig
from tests.observatory import Observatory

_ONE = "detector = 0 AND exposure = 2026031400001"


def _quanta(found: Observatory, run: str) -> list[str]:
    condition = "kind = 'quantum' AND replay_of IS NULL AND run LIKE ?"
    return sorted(one.manifest.job.name for one in found.index().attempts(condition, (run + "%",)))


def test_one_manifest_and_one_result_a_quantum(observatory: Observatory) -> None:
    names = _quanta(observatory, "u/me/first")
    assert len(names) == len(set(names)) == 18
    for attempt in observatory.index().attempts("kind = 'quantum' AND replay_of IS NULL"):
        assert attempt.state == "ok"
        assert not attempt.degraded
        assert attempt.result is not None
        assert not attempt.result.missing
        assert attempt.result.content_key is not None


@pytest.mark.slow
def test_the_same_with_two_processes(own: Observatory) -> None:
    own.observe("-j", "1", output="u/me/one")
    own.observe("-j", "2", output="u/me/two")
    assert _quanta(own, "u/me/one") == _quanta(own, "u/me/two")
    attempts = list(own.index().attempts("kind = 'quantum'"))
    assert len(attempts) == 18
    assert len({str(sorted((k, d.digest) for k, d in a.recipe.software.items())) for a in attempts}) == 1
    assert len({str(sorted((k, d.digest) for k, d in a.manifest.host.items())) for a in attempts}) == 1


def test_a_quantum_run_twice_has_the_same_recipe(own: Observatory) -> None:
    for output in ("u/me/one", "u/me/two"):
        own.observe(output=output, where=_ONE)
    one, two = (own.attempt("calibrate {", run) for run in ("u/me/one", "u/me/two"))
    assert one.manifest.attempt != two.manifest.attempt
    assert one.manifest.recipe == two.manifest.recipe
    assert one.result is not None
    assert two.result is not None
    assert one.result.content_key == two.result.content_key


def test_inputs_in_three_states(observatory: Observatory) -> None:
    attempt = observatory.attempt("coadd {")
    result = attempt.result
    assert result is not None
    assert [len(result.inputs), sum(i.available for i in result.inputs), sum(i.used for i in result.inputs)] == [
        9,
        9,
        9,
    ]
    assert all(i.file is not None and i.file.digest for i in result.inputs)
    groups = attempt.manifest.job.inputs or ()
    assert {group.dataset_type for group in groups} == {"calibrated", "catalog"}
    assert [group.dataset_type for group in attempt.manifest.job.init_inputs or ()] == ["catalog_schema"]
    assert result.metrics is not None
    assert result.metrics["coadd.n_exposures"] == "4"
    assert result.log is not None
    assert float(result.resources["wall_s"]) > 0


def test_an_input_that_is_deferred_and_never_loaded_was_not_used(own: Observatory) -> None:
    coadd = own.world.stack / "starfield" / "coadd.py"
    own.world.edit(coadd, "butlerQC.get(inputRefs.calibrated)", "butlerQC.get(inputRefs.calibrated)[:1]")
    own.observe(where="detector = 0 AND exposure IN (2026031400001, 2026031400002)")
    result = own.attempt("coadd {").result
    assert result is not None
    rows = {(entry.available, entry.used) for entry in result.inputs}
    assert (True, False) in rows
    unused = [entry for entry in result.inputs if not entry.used]
    assert len(unused) == 1
    assert unused[0].file is None


def test_an_input_that_upstream_did_not_make_was_predicted_only(own: Observatory) -> None:
    own.edit_measure("if seed[1] == 2026031400002:", "    return Struct(catalog=None)")
    where = "detector = 0 AND exposure IN (2026031400001, 2026031400002)"
    # The coadd fails for want of a catalog: its manifest and result are there all the same.
    own.world.run(["envcap", "run", "--", *own.world.pipetask("u/me/own", "-d", where)], check=False)
    result = own.attempt("coadd {").result
    assert result is not None
    predicted_only = [entry for entry in result.inputs if not entry.available]
    assert len(predicted_only) == 1
    assert not predicted_only[0].used
    empty = own.attempt("measure {instrument: StarCam, detector: 0, exposure: 2026031400002").result
    assert empty is not None
    assert len(empty.missing or ()) == 1


def test_the_configuration_is_kept_as_text_and_as_fields(observatory: Observatory) -> None:
    attempt = observatory.attempt("calibrate {")
    task = attempt.recipe.work
    store = observatory.index().store
    config = RubinConfig.from_bytes(store.get(task["config"]["digest"]))  # type: ignore[index]
    assert config.fields is not None
    assert config.fields["saturation_level"] == "40500.0"  # the instrument override
    assert config.config_class == "starfield.calibrate.CalibrateConfig"
    assert store.get(config.text.digest).decode().startswith("import starfield.calibrate")


def test_installing_one_package_changes_python_dists_and_nothing_else(observatory: Observatory, tmp_path: Path) -> None:
    found = []
    environment = tmp_path / "venv"
    run = observatory.world.run
    uv = str(Path(sys.executable).parent / "uv")
    run([uv, "venv", "--quiet", "--no-project", str(environment)])
    store = str(tmp_path / "store")
    for package in ("six", "iniconfig"):
        run([uv, "pip", "install", "--quiet", "--python", str(environment), package])
        python = str(environment / "bin" / "python")
        assert observatory.run("envcap", "run", "--store", store, "--", python, "-c", "pass").returncode == 0
        found.append(observatory.json("envcap", "show", "@last", "--store", store)["recipe"]["software"])
    before, after = found
    assert before.keys() == after.keys()
    assert [kind for kind in before if before[kind] != after[kind]] == ["python_dists"]


def test_killed_and_running(own: Observatory) -> None:
    flag = own.world.root / "measuring"
    own.edit_measure("import time", f"open({str(flag)!r}, 'w').close()", "time.sleep(600)")
    process = subprocess.Popen(
        ["envcap", "run", "--", *own.world.pipetask("u/me/own", "-d", _ONE)],
        env=own.world.variables(), cwd=own.world.root, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not flag.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert flag.exists()
        running = {row["kind"]: row for row in own.json("envcap", "jobs", "--state", "running")}
        assert running.keys() == {"command", "quantum"}
        assert running["quantum"]["name"].startswith("measure")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert own.json("envcap", "jobs", "--state", "running") == []
    lost = {row["kind"]: row for row in own.json("envcap", "jobs", "--state", "lost")}
    assert lost.keys() == {"command", "quantum"}
    # What ended before is not lost, and what is lost can't be mistaken for a success.
    assert {row["name"].split()[0] for row in own.json("envcap", "jobs", "--state", "ok")} == {"calibrate", "measure"}
    assert own.attempt("calibrate {").state == "ok"


def test_a_failing_quantum(own: Observatory) -> None:
    own.edit_measure("1 / 0")
    done = own.world.run(["envcap", "run", "--", *own.world.pipetask("u/me/own", "-d", _ONE)], check=False)
    assert done.returncode != 0
    failed = own.attempt("measure {")
    assert failed.state == "failed"
    assert failed.result is not None
    assert failed.result.error == "ZeroDivisionError: division by zero"
    assert [output.dataset_type for output in failed.result.outputs] == ["measure_log"]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a small tmpfs with some options."""
    mounts: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / f"mount{len(mounts)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as err:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"can't mount here: {err}")
        mounts.append(folder)
        return folder

    yield mount
    for folder in mounts:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("options", ["ro", "size=16k"])
def test_a_store_that_can_not_be_written_changes_nothing(
    own: Observatory, mounted: Callable[[str], Path], options: str
) -> None:
    store = str(mounted(options) / "store")
    command = ["envcap", "run", "--store", store, "--", *own.world.pipetask("u/me/own", "-d", _ONE)]
    done = own.run(*command, job=True)
    assert done.returncode == 0, done.stderr
    assert "envcap: " in done.stderr
    assert list(own.world.repo.glob("u/me/own/*/coadd/**/*.fits"))


def test_what_could_be_written_to_a_full_store_says_so(
    observatory: Observatory, mounted: Callable[[str], Path]
) -> None:
    reasons = []
    for pages in range(1, 12):
        store = str(mounted(f"size={4 * pages}k") / "store")
        done = observatory.run("envcap", "run", "--store", store, "--", "python", "-c", "raise SystemExit(7)", job=True)
        assert done.returncode == 7
        if "not recorded" in done.stderr:
            continue
        shown = observatory.json("envcap", "show", "@last", "--store", store)
        failed = [o["reason"] for o in shown["manifest"]["outcomes"].values() if o["status"] == "failed"]
        assert shown["manifest"]["degraded"] == bool(failed)
        reasons += failed
    assert any("No space left" in reason for reason in reasons)


def test_a_quantum_whose_documents_were_not_kept_says_so(own: Observatory) -> None:
    # The journal can be written, objects can't.
    own.world.store.mkdir()
    (own.world.store / "objects").write_text("no directory")
    own.observe(where=_ONE)
    for attempt in own.index().attempts("kind IN ('quantum', 'init')"):
        assert attempt.degraded
        outcomes = attempt.manifest.outcomes
        assert {kind: outcome.status for kind, outcome in outcomes.items()}["rubin_quantum"] == "failed"
        assert all("not kept" in (o.reason or "") for o in outcomes.values() if o.status == "failed")
    uuid, _ = own.dataset("catalog", "u/me/own")
    done = own.rerun(uuid)
    assert done.returncode == 3
    assert "can't read object" in done.stderr
