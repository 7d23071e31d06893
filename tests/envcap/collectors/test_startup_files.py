# SPDX-License-Identifier: Apache-2.0
"""What Python executes at its start and no distribution brought: part of the environment's identity."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.base import Collected, Keep, collect
from envcap.collectors.python_dists import PythonDistsCollector
from envcap.digest import digest_of
from envcap.model.components import PythonDists
from envcap.target import Target

Find = Callable[[Path], Collected]


@pytest.fixture
def found(keep: Keep, target_of: Callable[..., Target]) -> Find:
    """Give a function that collects what an environment's Python can import."""
    return lambda python: PythonDistsCollector().collect(target_of(python), keep)


def startup(collected: Collected) -> dict[str, str]:
    """Return the files by name."""
    assert isinstance(collected.component, PythonDists)
    return dict(collected.component.startup or {})


@pytest.mark.parametrize("name", ["evil.pth", "sitecustomize.py", "usercustomize.py"])
def test_an_injected_file_is_another_component(
    name: str, found: Find, venv: Callable[..., Path], wheel: Callable[..., Path], site_packages: Callable[[Path], Path]
) -> None:
    python = venv(wheel("alpha"))
    before = found(python)
    assert startup(before) == {}
    path = site_packages(python) / name
    path.write_text("import sys; sys.injected = True\n")
    # It really is executed.
    code = "import sys; print(getattr(sys, 'injected', False))"
    if name != "usercustomize.py":
        assert subprocess.run([python, "-c", code], capture_output=True, text=True).stdout == "True\n"
    after = found(python)
    assert startup(after) == {name: digest_of(path.read_bytes())}
    assert after.component != before.component
    path.write_text("import sys; sys.injected = None\n")
    assert found(python).component != after.component


def test_one_that_a_distribution_brought_is_in_its_record(
    found: Find, venv: Callable[..., Path], wheel: Callable[..., Path]
) -> None:
    python = venv(wheel("alpha", {"alpha.pth": "import alpha\n", "alpha.py": ""}))
    assert startup(found(python)) == {}


def test_one_that_only_names_directories_executes_nothing(
    found: Find, venv: Callable[..., Path], site_packages: Callable[[Path], Path], tmp_path: Path
) -> None:
    python = venv()
    (site_packages(python) / "paths.pth").write_text(f"# import nothing\n{tmp_path}\n")
    assert startup(found(python)) == {}


def test_what_uv_puts_into_every_environment_is_no_identity(
    found: Find, venv: Callable[..., Path], pip_venv: Callable[..., Path], wheel: Callable[..., Path]
) -> None:
    by_uv, by_pip = found(venv(wheel("alpha"))), found(pip_venv(wheel("alpha")))
    assert by_uv.component == by_pip.component
    # But it is on the record, as a place, with its digest.
    files = by_uv.place.get("startup", {})
    assert isinstance(files, dict)
    assert set(files) <= {"_virtualenv.pth"}


def test_one_that_cannot_be_read_fails(
    keep: Keep, target_of: Callable[..., Target], venv: Callable[..., Path], site_packages: Callable[[Path], Path]
) -> None:
    python = venv()
    (site_packages(python) / "odd.pth").mkdir()
    _, outcome = collect(PythonDistsCollector(), target_of(python), keep)
    assert outcome.status == "failed"
    assert "odd.pth" in str(outcome.reason)
