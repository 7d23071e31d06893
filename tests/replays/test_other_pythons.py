# SPDX-License-Identifier: Apache-2.0
"""The chain works on the middleware that other versions of Python get, where such a Python is present."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from examples.world import World
from tests.observatory import Observatory

__all__ = ("other_pythons",)


def other_pythons() -> list[str]:
    """Return an interpreter of each other minor version: where uv knows of one, else where pyenv keeps its own."""
    found = []
    for version in ("3.12", "3.13"):
        if sys.version.startswith(version + "."):
            continue
        command = [find_uv_bin(), "python", "find", "--no-python-downloads", "--no-project", "--system", version]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        candidates = [done.stdout.strip()] if done.returncode == 0 else []
        candidates += map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        found += candidates[:1]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("python", other_pythons())
def test_capture_and_rerun(tmp_path: Path, python: str) -> None:
    own = Observatory(World(tmp_path, python))
    own.world.make_environment()
    own.world.make_stack()
    own.world.make_repo("--exposures", "2")
    own.observe()
    own.world.edit(own.world.stack / "starfield" / "measure.py", "default=5.0, min=1.0", "default=7.0, min=1.0")
    for dataset_type in ("calibrated", "catalog", "coadd", "catalog_schema"):
        uuid, _ = own.dataset(dataset_type)
        found = own.json("rerun-dataset", str(own.world.repo), uuid, "--require", "rebuilt")
        assert found["verdict"] in ("identical", "equal")
    uuid, _ = own.dataset("catalog")
    into_new = own.rerun(uuid, "--code", "current", "--run", "u/me/again")
    assert into_new.returncode == 0, into_new.stderr
