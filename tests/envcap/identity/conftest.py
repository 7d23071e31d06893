# SPDX-License-Identifier: Apache-2.0
"""Real software for the tests of identity: it can be copied elsewhere, and captured."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.environment import capture_environment
from envcap.store.local import LocalStore
from tests.envcap.identity.software import digests, target_in, write


@pytest.fixture
def software(
    tmp_path: Path, venv: Callable[..., Path], wheel: Callable[..., Path], run_quietly: Callable[..., str]
) -> Path:
    """Give a directory with an environment, conda's records, code in git (committed, changed, new), and loose code."""
    top = tmp_path / "first"
    top.mkdir()
    names = ("alpha", "Beta_x", "gamma", "zeta")
    python = venv(*(wheel(name, {f"{name}/__init__.py": "", f"{name}/data.txt": name}) for name in names))
    python.parent.parent.rename(top / "venv")
    for name in ("ncurses", "python", "a-tool"):
        record = {"name": name, "version": "1.0", "build": "0", "subdir": "noarch", "channel": "forge", "files": []}
        write(top / "venv" / "conda-meta" / f"{name}-1.0-0.json", json.dumps(record))
    stack = top / "stack"
    for name in ("b", "a", "c/d", "c/A"):
        write(stack / "pkg" / f"{name}.py", f"name = {name!r}\n")
    run_quietly("git", "init", "-q", "-b", "main", stack)
    run_quietly("git", "-C", stack, "add", "-A")
    run_quietly("git", "-C", stack, "commit", "-q", "-m", "one")
    write(stack / "pkg" / "a.py", "name = 'changed'\n")
    write(stack / "pkg" / "c" / "d.py", "name = 'changed too'\n")
    for name in ("new", "newer", "Newest"):
        write(stack / f"{name}.py", f"name = {name!r}\n")
        write(top / "loose" / name / "__init__.py", f"name = {name!r}\n")
        write(top / "loose" / name / "table.csv", "1,2\n")
    write(top / "job.txt", "")
    return top


@pytest.fixture
def twin(software: Path) -> Callable[..., Path]:
    """Give a function that copies the software elsewhere, file by file in another order, with times of now."""

    def copy(place: Path, seed: int = 1) -> Path:
        files = [path for path in sorted(software.rglob("*")) if path.is_symlink() or path.is_file()]
        random.Random(seed).shuffle(files)
        for path in files:
            new = place / path.relative_to(software)
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, new, follow_symlinks=False)
            if not path.is_symlink():
                new.chmod(path.stat().st_mode)
        for path in (path for path in software.rglob("*") if path.is_dir() and not path.is_symlink()):
            (place / path.relative_to(software)).mkdir(parents=True, exist_ok=True)  # git needs its empty ones
        return place

    return copy


@pytest.fixture
def capture(clean_environ: dict[str, str], tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Give a function that captures some software and returns the digests of its components."""

    def run(top: Path, **environ: str) -> dict[str, str]:
        return digests(
            capture_environment(target_in(top, {**clean_environ, **environ}), LocalStore(str(tmp_path / "s")))
        )

    return run
