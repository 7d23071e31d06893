# SPDX-License-Identifier: Apache-2.0
"""An environment is whole as long as nothing is missing but what it has lacked since it was built."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from uv import find_uv_bin

from replay.build.foundation import Foundation, HostPython
from tests.services.small_wheels import make_wheel


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment with one distribution, whose program stayed elsewhere."""
    found = tmp_path / "env"
    wheel = make_wheel(tmp_path, "knob", "1.0")
    for words in (("venv", "--no-project", str(found), "--python", sys.executable),
                  ("pip", "install", "--no-deps", "--offline", "--python", str(found), str(wheel))):  # fmt: skip
        subprocess.run([find_uv_bin(), *words], check=True, capture_output=True)
    (found / "bin" / "run-knob").unlink()
    return found


@pytest.fixture
def foundation() -> Foundation:
    """What it is built on."""
    job: Any = SimpleNamespace(interpreter=SimpleNamespace(version=platform.python_version()))
    found: Any = None
    return HostPython(job, found)


def test_what_it_has_lacked_from_the_beginning_is_no_fault(foundation: Foundation, environment: Path) -> None:
    lacking = foundation.lacking(str(environment))
    assert lacking == ["bin/run-knob"]
    assert not foundation.is_whole(str(environment))
    assert foundation.is_whole(str(environment), lacking)


@pytest.mark.parametrize("fault", ["missing", "modified", "stray"])
def test_every_other_fault_is_one(foundation: Foundation, environment: Path, fault: str) -> None:
    lacking = foundation.lacking(str(environment))
    module = next(environment.rglob("knob/__init__.py"))
    if fault == "missing":
        module.unlink()
    elif fault == "modified":
        module.write_text("version = '9.9'\n")
    else:
        module.with_name("stray.py").write_text("")
    assert not foundation.is_whole(str(environment), lacking)
