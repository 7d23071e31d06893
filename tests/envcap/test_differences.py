# SPDX-License-Identifier: Apache-2.0
"""`envcap diff`: every change is named in its layer, what decides results first; what is the same takes one line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.hardware import HardwareCollector
from envcap.environment import capture_environment
from envcap.hooks import node
from envcap.model.components import NodeDetails
from envcap.store.local import LocalStore
from envcap.target import Target

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def jobs(envcap: Run, work: Path, clean_environ: dict[str, str]) -> Callable[..., str]:
    """Give a function that runs a job and returns its selector."""
    (work / "job.py").write_text("import sys; open('out.txt', 'w').write(sys.argv[1])\n")
    (work / "job.ini").write_text("a = 1\n")

    def run(job_id: str, word: str = "x", code: str | None = None, **env: str) -> str:
        if code is not None:
            (work / "helper.py").write_text(code)
        command = ("--config", "job.ini", "--output", "out.txt", "--", sys.executable, "job.py", word)
        done = envcap("run", "--job-id", job_id, *command, env=env)
        assert done.returncode == 0, done.stderr
        return f"job:{job_id}"

    return run


@pytest.fixture
def diff(envcap: Run) -> Callable[[str, str], tuple[int, dict[str, list[dict[str, str]]]]]:
    """Give a function that returns the exit status and the changes of each layer that differs."""

    def compare(a: str, b: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
        done = envcap("diff", a, b, "--json")
        found = json.loads(done.stdout)
        assert found["identical"] == (done.returncode == 0)
        return done.returncode, {one["layer"]: one["changes"] for one in found["layers"] if not one["identical"]}

    return compare


Jobs = Callable[..., str]
Diff = Callable[[str, str], tuple[int, dict[str, list[dict[str, str]]]]]


def test_two_runs_of_one_job_are_the_same(jobs: Jobs, diff: Diff) -> None:
    assert diff(jobs("one", code="v = 1\n"), jobs("two")) == (0, {})


def test_that_one_had_no_time_to_look_at_the_node_is_no_difference(
    jobs: Jobs, diff: Diff, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(swap: int) -> None:
        monkeypatch.setattr(node, "_asked", lambda over: NodeDetails(swap_bytes=swap, failed={}))
        environment = capture_environment(Target.none({}), store, [HardwareCollector])
        node.look_at_node(environment, store, lambda seconds: False)

    first = jobs("one", code="v = 1\n")
    look(5)
    second = jobs("two")
    assert diff(first, second) == (0, {})
    shutil.rmtree(os.environ["ENVCAP_CACHE"])
    look(6)
    assert diff(second, jobs("three")) == (
        1, {"node_details": [{"name": "swap_bytes", "before": "5", "after": "6"}]}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "layer", "named"),
    [
        ({"OMP_NUM_THREADS": "1"}, "numerics", {"name": "variables.OMP_NUM_THREADS", "before": "—", "after": "1"}),
        ({"LC_ALL": "C"}, "process_env", {"name": "variables.LC_ALL", "before": "—", "after": "C"}),
        ({"code": "v = 2\n"}, "source", None),
        ({"word": "y"}, "work", {"name": "argv", "before": "python job.py x", "after": "python job.py y"}),
    ],
)
def test_one_change_is_named_in_its_layer(
    change: dict[str, str], layer: str, named: dict[str, str] | None, jobs: Jobs, diff: Diff
) -> None:
    first, second = jobs("one", code="v = 1\n"), jobs("two", **change)
    status, found = diff(first, second)
    assert status == 1
    assert set(found) - {"outputs"} == {layer}
    if named is not None:
        (told,) = found[layer]
        told["before"], told["after"] = (
            value.replace(Path(sys.executable).name, "python") for value in (told["before"], told["after"])
        )
        assert told == named
    else:
        assert [one["name"] for one in found[layer]] == [".files.helper.py"] or "helper.py" in str(found[layer])
    if "word" in change:
        assert [one["name"] for one in found["outputs"]] == ["out.txt"]


def test_another_distribution_is_named_with_its_versions(
    envcap: Run, diff: Diff, work: Path, venv: Callable[..., Path], uv_install: Callable[..., None],
    wheel: Callable[..., Path],
) -> None:  # fmt: skip
    python = venv(wheel("tool", version="1.0"), wheel("other"))
    (work / "job.py").write_text("import tool\n")
    envcap("run", "--job-id", "before", "--", str(python), "job.py")
    uv_install(python, wheel("tool", version="1.1"))
    envcap("run", "--job-id", "after", "--", str(python), "job.py")
    status, found = diff("job:before", "job:after")
    assert status == 1
    assert set(found) == {"python_dists"}
    by_name = {one["name"]: (one["before"], one["after"]) for one in found["python_dists"]}
    assert by_name["tool.version"] == ("1.0", "1.1")
    assert not any(name.startswith("other") for name in by_name)


def test_what_people_read(envcap: Run, jobs: Jobs) -> None:
    first, second = jobs("one", code="v = 1\n"), jobs("two", "[bold]y", OMP_NUM_THREADS="1")
    done = envcap("diff", first, second)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    layers = [line.strip() for line in lines if line.strip() in ("work", "numerics", "outputs", "source")]
    assert layers == ["work", "numerics", "outputs"], "the important first"
    assert "[bold]y" in done.stdout, "markup in a value is text"
    assert sum(line.startswith("identical: ") for line in lines) == 1
    assert "python_dists" in lines[-1]


def test_a_component_that_is_gone_is_no_difference_but_unknown(envcap: Run, jobs: Jobs, store: LocalStore) -> None:
    first, second = jobs("one", code="v = 1\n"), jobs("two", OMP_NUM_THREADS="1")
    shown = json.loads(envcap("show", second, "--json").stdout)
    digest = shown["recipe"]["software"]["numerics"]["digest"].removeprefix("sha256:")
    Path(store.root, "objects", digest[:2], digest[2:]).unlink()
    found = json.loads(envcap("diff", first, second, "--json").stdout)
    (layer,) = (one for one in found["layers"] if one["layer"] == "numerics")
    assert "missing" in layer["unknown"]
    assert not layer["identical"]
    assert "can't be compared" in envcap("diff", first, second).stdout
