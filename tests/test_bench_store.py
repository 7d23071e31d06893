# SPDX-License-Identifier: Apache-2.0
"""`make bench-store`, small: it measures on both databases all that DESIGN section 6 asks for, and finds every job."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOOKUPS = ("job id", "quantum", "dataset", "digest prefix")


@pytest.mark.slow
def test_it_measures_both_databases(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "bench", tmp_path / "bench", ignore=shutil.ignore_patterns("results", "__pycache__"))
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    sizes = {"JOBS": "10000", "LOOKUPS": "20"}
    subprocess.run([sys.executable, "-m", "bench.store"], cwd=tmp_path, env={**os.environ, **sizes}, check=True)
    rows = {row["metric"]: row for row in json.loads((tmp_path / "bench" / "results" / "store.json").read_text())}
    for database in ("SQLite", "PostgreSQL"):
        for name in LOOKUPS:
            row = rows[f"at 1e+04 jobs, {database}: lookup by {name}, p95"]
            assert (row["budget"], row["unit"]) == (5, "ms")
            assert row["value"] > 0
        assert f"index made anew, {database}: time a job" in rows
    assert rows["ingest to 1e+04 jobs, SQLite: time a job"]["budget"] == 125
    assert rows["at 1e+04 jobs: bytes a job, sealed"]["met"] is True
