# SPDX-License-Identifier: Apache-2.0
"""`envcap doctor`: what works here, and what to do about what doesn't."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.registry import COLLECTORS
from envcap.store.local import LocalStore

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def findings(envcap: Run) -> Callable[..., tuple[int, dict[str, dict[str, str]]]]:
    """Give a function that returns the exit status, and the findings by name."""

    def run(**env: str) -> tuple[int, dict[str, dict[str, str]]]:
        done = envcap("doctor", "--json", env=env)
        assert "Traceback" not in done.stderr
        return done.returncode, {one["name"]: one for one in json.loads(done.stdout)}

    return run


def test_every_collector_is_looked_at(findings: Callable[..., tuple[int, dict[str, dict[str, str]]]]) -> None:
    status, found = findings()
    assert status == 0
    collectors = {name for name, one in found.items() if one["area"] == "collector"}
    assert collectors == {cls.kind for cls in COLLECTORS} | {"loaded_libraries"}
    assert found["interpreter"]["detail"] == f"cpython {sys.version.split()[0]}"
    assert found["conda"]["status"] == "absent"
    assert found["per-quantum hook"]["status"] == "works"


def test_a_collector_that_fails_is_named_with_the_reason(
    findings: Callable[..., tuple[int, dict[str, dict[str, str]]]],
) -> None:
    status, found = findings(LANG="caf\udce9")
    assert status == 1
    assert found["process_env"]["status"] == "failed"
    assert "LANG is no Unicode text" in found["process_env"]["detail"]


def test_a_key_that_others_can_read(
    findings: Callable[..., tuple[int, dict[str, dict[str, str]]]], tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(b"k" * 32)
    (tmp_path / "key").chmod(0o644)
    status, found = findings(ENVCAP_KEY=str(tmp_path / "key"))
    assert status == 1
    assert "chmod 600" in found["key"]["detail"]


def test_a_store_of_another_format(
    findings: Callable[..., tuple[int, dict[str, dict[str, str]]]], store: LocalStore
) -> None:
    store.create()
    Path(store.root, "format.json").write_text('{"envcap":"99"}')
    status, found = findings()
    assert status == 1
    assert found["store"]["status"] == "failed"
    assert "99" in found["store"]["detail"]


def test_what_is_not_installed_is_told_how_to_get(tmp_path: Path, envcap: Run) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('uv', 'lsst'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    done = envcap("doctor", env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0
    lines = {line.split()[1]: " ".join(line.split()) for line in done.stdout.splitlines() if len(line.split()) > 2}
    assert "absent" in lines["uv"]
    assert "pip install 'envcap[replay]'" in lines["uv"]
    assert "pip install 'envcap[rubin]'" in lines["lsst.pipe.base"]


def test_it_writes_nothing(
    findings: Callable[..., tuple[int, dict[str, dict[str, str]]]], store: LocalStore, own_config: Path
) -> None:
    before = sorted(Path(store.root).rglob("*"))
    findings()
    assert sorted(Path(store.root).rglob("*")) == before
    assert not own_config.exists()
