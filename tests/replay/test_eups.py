# SPDX-License-Identifier: Apache-2.0
"""Products of EUPS in a replay: set up again where they stand as captured, else named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.store.index import Index
from envcap.store.local import LocalStore
from envcap.store.selector import resolve
from replay.build.base import EngineOptions
from replay.build.eups import eups_folders, eups_layer, eups_variables, with_products
from replay.build.host import HostEngine
from replay.build.venv import VenvEngine
from replay.errors import ReplayRefusedError
from replay.fidelity import Fidelity, Layer
from replay.jobs.base import CapturedJob
from replay.jobs.registry import captured_job
from replay.progress import Progress
from tests.eups_stack import FLAVOR, EupsStack

BIN = Path(sys.executable).parent
_JOB = "{ base-tool; afw-tool; env | grep -E '^(SETUP_|EUPS_|BASE_|AFW_|LD_LIBRARY_PATH)' | sort; } > out.txt"
Run = Callable[..., "subprocess.CompletedProcess[str]"]
Capture = Callable[..., CapturedJob]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Give a function that runs a command of ours on a store of this test's own."""
    work = tmp_path / "work"
    work.mkdir()
    own = ("XDG_CONFIG_HOME", "ENVCAP_CACHE", "HOME")

    def run(program: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in own if name in os.environ}
        whole = {"PATH": "/usr/bin:/bin", **kept, "ENVCAP_STORE": str(tmp_path / "store"), **environ}
        return subprocess.run([BIN / program, *words], env=whole, cwd=work, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture
def stack(tmp_path: Path) -> EupsStack:
    """Give a stack with two products that are set up."""
    made = EupsStack(tmp_path / "my stack")
    for name, version in (("base", "1.0"), ("afw", "2.1+3")):
        made.declare(name, version, "current")
        made.setup(name, version)
    return made


@pytest.fixture
def capture(run: Run, tmp_path: Path) -> Capture:
    """Give a function that captures a job in which a stack's products are set up."""

    def capture(stack: EupsStack, *command: str) -> CapturedJob:
        words = command or ("sh", "-c", _JOB)
        done = run("envcap", "run", "--output", "out.txt", "--", *words, **stack.environ)
        assert done.returncode == 0, done.stderr
        index = Index(LocalStore.existing(str(tmp_path / "store")))
        return captured_job(index, resolve(index, "@last"))

    return capture


@pytest.fixture
def job(stack: EupsStack, capture: Capture) -> CapturedJob:
    """Give a job that had two products set up."""
    return capture(stack)


def layer(job: CapturedJob) -> Layer:
    """Return what can be said of the products before a replay."""
    (found,) = eups_layer(job)
    assert found.name == "eups"
    return found


def with_place(job: CapturedJob, name: str, value: object) -> CapturedJob:
    """Return the job with something else in the place of its products, as a forger would write it."""
    job.__dict__["places"] = {**job.places, "eups": {**job.places["eups"], name: value}}
    return job


def test_the_variables_are_those_that_eups_had_set(job: CapturedJob, stack: EupsStack) -> None:
    found = eups_variables(job)
    wanted = {name: value for name, value in stack.environ.items() if name not in ("PATH", "PYTHONPATH")}
    assert found == {**wanted, "PATH": stack.environ["PATH"].removesuffix(":/usr/bin:/bin")}
    assert with_products(job, {"PATH": "/x", "LD_LIBRARY_PATH": "/y", "OTHER": "z"}) == {
        **found,
        "PATH": f"{found['PATH']}:/x",
        "OTHER": "z",
    }


def test_where_all_stands_it_is_rebuilt(job: CapturedJob, stack: EupsStack) -> None:
    assert layer(job) == Layer("eups", Fidelity.REBUILT, "2 products where they stood, by version and table file")
    assert eups_folders(job) == [str(stack.root / FLAVOR / one) for one in ("base/1.0", "afw/2.1+3")]


def test_a_tag_that_was_moved_since_decides_nothing(job: CapturedJob, stack: EupsStack) -> None:
    stack.declare("afw", "2.2", "current")
    assert layer(job).fidelity is Fidelity.REBUILT


class TestTamper:
    """Whatever is no longer as it was is named."""

    def test_a_table_file(self, job: CapturedJob, stack: EupsStack) -> None:
        with (stack.root / FLAVOR / "afw/2.1+3/ups/afw.table").open("a") as stream:
            stream.write("# changed\n")
        found = layer(job)
        assert found.fidelity is Fidelity.SUBSTITUTED
        assert found.detail.startswith("afw.table sha256:")

    def test_a_version_file(self, job: CapturedJob, stack: EupsStack) -> None:
        (stack.root / "ups_db/afw/2.1+3.version").unlink()
        found = layer(job)
        assert found.fidelity is Fidelity.SUBSTITUTED
        assert "2.1+3.version: No such file" in found.detail

    def test_a_product(self, job: CapturedJob, stack: EupsStack) -> None:
        shutil.rmtree(stack.root / FLAVOR / "afw")
        assert layer(job) == Layer("eups", Fidelity.IMPOSSIBLE, "gone from where the job had them: afw 2.1+3")

    def test_another_order(self, job: CapturedJob) -> None:
        variables = with_products(job, {})
        for name in ("PATH", "LD_LIBRARY_PATH"):
            variables[name] = ":".join(reversed(variables[name].split(":")))
        (found,) = eups_layer(job, variables)
        assert (found.fidelity, found.detail) == (Fidelity.SUBSTITUTED, "set up in another order")

    def test_another_version(self, job: CapturedJob, stack: EupsStack) -> None:
        stack.declare("afw", "2.2")
        stack.setup("afw", "2.2")
        (found,) = eups_layer(job, stack.environ)
        assert found.fidelity is Fidelity.SUBSTITUTED
        assert "afw.version 2.1+3 → 2.2" in found.detail

    @pytest.mark.parametrize(
        ("member", "value", "field"),
        [
            ("variables", {"AFW_DIR": "$(touch /tmp/x)"}, "eups.variables[AFW_DIR]"),
            ("variables", {"AFW_DIR": "relative"}, "eups.variables[AFW_DIR]"),
            ("variables", {"AFW_DIR": "/a/../b"}, "eups.variables[AFW_DIR]"),
            ("variables", {"AFW_DIR": 1}, "eups.variables[AFW_DIR]"),
            ("variables", {"A=B": "/a"}, "eups.variables: 'A=B'"),
            ("variables", {"SETUP_AFW": "afw 1;x -f L"}, "eups.variables[SETUP_AFW]"),
            ("variables", {"SETUP_AFW": "afw 1 -f L\nx"}, "eups.variables[SETUP_AFW]"),
            ("paths", {"PATH": "/a"}, "eups.paths[PATH]"),
            ("paths", {"PATH": ["`x`"]}, "eups.paths[PATH]"),
            ("paths", {"PATH": 7}, "eups.paths[PATH]"),
        ],
    )
    def test_a_value_that_is_none_is_refused(self, member: str, value: object, field: str, job: CapturedJob) -> None:
        forged = with_place(job, member, value)
        with pytest.raises(ReplayRefusedError) as refused:
            eups_variables(forged)
        assert str(refused.value).startswith(field)
        found = layer(forged)
        assert found.fidelity is Fidelity.IMPOSSIBLE
        assert found.detail == str(refused.value)

    def test_places_that_are_unknown(self, job: CapturedJob) -> None:
        found = layer(with_place(job, "products", []))
        assert (found.fidelity, found.detail) == (
            Fidelity.IMPOSSIBLE,
            "eups.products: it is not known where they stood",
        )


def test_python_s_own_variables_are_not_set(job: CapturedJob) -> None:
    forged = with_place(job, "variables", {"PYTHONSTARTUP": "/a", "AFW_DIR": "/b"})
    assert eups_variables(with_place(forged, "paths", {"PYTHONPATH": ["/a"]})) == {"AFW_DIR": "/b"}


def test_what_no_commit_has_is_substituted(stack: EupsStack, capture: Capture, tmp_path: Path) -> None:
    stack.install(tmp_path / "loose", "afw")
    stack.setup_local(tmp_path / "loose", "afw")
    found = layer(capture(stack))
    assert (found.fidelity, found.detail) == (
        Fidelity.SUBSTITUTED,
        "set up from a directory, with what no commit has: afw",
    )


def test_a_job_without_products_has_no_such_layer(tmp_path: Path, capture: Capture) -> None:
    stack = EupsStack(tmp_path / "stack")
    for name in ("base", "afw"):
        stack.install(tmp_path / name, name)
        stack.environ["PATH"] = f"{tmp_path / name / 'bin'}:{stack.environ['PATH']}"
    job = capture(stack)
    assert list(eups_layer(job)) == []
    assert (eups_variables(job), eups_folders(job)) == ({}, [])


def test_what_could_not_be_captured_is_unknown(stack: EupsStack, capture: Capture) -> None:
    (stack.root / "ups_db/afw/2.1+3.version").unlink()
    found = layer(capture(stack))
    assert found.fidelity is Fidelity.SUBSTITUTED
    assert found.detail.startswith("unknown: ")


class TestEngines:
    """An engine sets the products up, or says that it doesn't."""

    def test_venv_runs_the_job_with_them(self, job: CapturedJob, run: Run, stack: EupsStack) -> None:
        planned = run("replay", "plan", "@last")
        assert planned.returncode == 0, planned.stderr
        assert "without LD_LIBRARY_PATH" not in planned.stdout
        done = run("replay", "run", "@last")
        assert done.returncode == 0, done.stderr
        assert "2 products where they stood" in done.stdout
        assert done.stdout.splitlines()[-1].startswith("identical")
        # The control: another product of that name makes something else.
        tool = stack.root / FLAVOR / "afw/2.1+3/bin/afw-tool"
        tool.write_text("#!/bin/sh\necho other\n")
        assert run("replay", "run", "@last").returncode == 1

    def test_venv_refuses_without_them(self, job: CapturedJob, run: Run, stack: EupsStack) -> None:
        shutil.rmtree(stack.root / FLAVOR / "base")
        done = run("replay", "run", "@last")
        assert done.returncode == 3
        assert "eups is impossible: gone from where the job had them: base 1.0" in done.stderr

    def test_built_is_what_was_planned(self, job: CapturedJob, stack: EupsStack, tmp_path: Path) -> None:
        engine = VenvEngine(EngineOptions())
        built = engine.build(job, "captured", str(tmp_path / "scratch"), Progress(quiet=True))
        assert [one for one in built.layers if one.name == "eups"] == [layer(job)]
        assert built.variables["AFW_DIR"] == stack.environ["AFW_DIR"]
        assert built.variables.get("PYTHONPATH") is None
        assert {mount.source for mount in built.mounts} >= set(eups_folders(job))

    def test_venv_sets_them_up_for_python_too(self, capture: Capture, stack: EupsStack, tmp_path: Path) -> None:
        bare = tmp_path / "bare"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
        job = capture(stack, str(bare / "bin/python"), "-c", "open('out.txt', 'w').close()")
        built = VenvEngine(EngineOptions()).build(job, "captured", str(tmp_path / "scratch"), Progress(quiet=True))
        assert [one for one in built.layers if one.name == "eups"] == [layer(job)]
        assert layer(job).fidelity is Fidelity.REBUILT
        own, *others = built.variables["PATH"].split(":")
        assert own == os.path.dirname(built.python)
        assert others[:2] == [f"{stack.environ[name]}/bin" for name in ("AFW_DIR", "BASE_DIR")]
        assert {mount.source for mount in built.mounts} >= set(eups_folders(job))

    def test_host_sets_them_up_too(self, capture: Capture, stack: EupsStack, tmp_path: Path) -> None:
        job = capture(stack, sys.executable, "-c", "open('out.txt', 'w').close()")
        built = HostEngine(EngineOptions()).build(job, "captured", str(tmp_path / "scratch"), Progress(quiet=True))
        (found,) = (one for one in built.layers if one.name == "eups")
        assert found == layer(job)
        assert found.fidelity is Fidelity.REBUILT
        assert built.variables["AFW_DIR"] == stack.environ["AFW_DIR"]
        # Put back as code, and not doubled.
        assert str(stack.root) not in built.variables["PYTHONPATH"]


def test_a_directory_that_is_no_path_reaches_neither_a_mount_nor_a_dockerfile(job: CapturedJob, tmp_path: Path) -> None:
    folder = tmp_path / "product\nRUN touch mark"
    folder.mkdir()  # it really is there, so that only its name can stop it
    (first, second) = job.places["eups"]["products"]  # type: ignore[misc]
    forged = with_place(job, "products", [{**first, "folder": str(folder)}, second])
    with pytest.raises(ReplayRefusedError, match=r"^eups\.products: folder"):
        eups_folders(forged)
