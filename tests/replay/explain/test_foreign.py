# SPDX-License-Identifier: Apache-2.0
"""A job that nobody vouches for names a work tree: git must not be run there, since a repository says what git runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import Shop


@pytest.fixture
def watched(shop: Shop, tmp_path: Path) -> Path:
    """Return a file that is there once git was run."""
    real, marker, folder = shutil.which("git"), tmp_path / "git-was-run", tmp_path / "watched"
    folder.mkdir()
    (folder / "git").write_text(f'#!/bin/sh\n: > {marker}\nexec {real} "$@"\n')
    (folder / "git").chmod(0o755)
    shop.variables["PATH"] = f"{folder}:{shop.variables['PATH']}"
    return marker


@pytest.fixture
def pair(shop: Shop) -> tuple[str, str]:
    """Return two jobs whose code is in git, and differs."""
    identity = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
    shop.write("job.sh", "")
    shop.write("job.py", "open('out.txt', 'w').write('1')\n")
    (shop.root / ".gitignore").write_text("*\n!job.py\n")
    attempts = []
    for number in ("1", "2"):
        shop.write("job.py", f"open('out.txt', 'w').write('{number}')\n")
        commands = (("init", "--quiet"), ("add", "job.py"), ("commit", "--quiet", "-m", number))
        for command in commands:
            subprocess.run(["git", "-C", str(shop.root), *identity, *command], check=True)
        attempts.append(shop.run("--output", "out.txt", command=("python3", "job.py")))
    return attempts[0], attempts[1]


def test_git_is_not_run_for_a_foreign_job(shop: Shop, pair: tuple[str, str], watched: Path) -> None:
    (shop.root / "key").unlink()
    watched.unlink(missing_ok=True)
    found = shop.replay("explain", *pair, status=1)
    assert not watched.exists()
    assert "source" in {one["layer"] for one in found["suspects"]}  # what is on record is told nevertheless


def test_git_is_run_for_one_s_own(shop: Shop, pair: tuple[str, str], watched: Path) -> None:
    watched.unlink(missing_ok=True)
    found = shop.replay("explain", *pair, status=1)
    assert watched.exists()
    assert found["suspects"][0]["name"].endswith("/job.py")


def test_bisecting_a_foreign_job_runs_nothing(shop: Shop, pair: tuple[str, str], watched: Path) -> None:
    (shop.root / "key").unlink()
    watched.unlink(missing_ok=True)
    shop.told("bisect", *pair, "--json", status=3)
    assert not watched.exists()
