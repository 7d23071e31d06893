# SPDX-License-Identifier: Apache-2.0
"""A record that is written anew under its old name, in a directory that stays the same, is noticed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.base import Collector
from envcap.collectors.conda import CondaCollector
from envcap.collectors.python_dists import PythonDistsCollector
from envcap.revalidation import fingerprint_of
from envcap.target import Target


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """Give a conda prefix with a distribution."""
    site = tmp_path / "lib" / "site-packages"
    (site / "pack-1.0.dist-info").mkdir(parents=True)
    (site / "pack-1.0.dist-info" / "RECORD").write_text("pack.py,sha256=a,1\n")
    (site / "start.pth").write_text("import a\n")
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "pack-1.0-0.json").write_text('{"name": "pack"}')
    facts = (str(tmp_path / "bin" / "python"), str(tmp_path), "cpython", "3.13.0", None, [str(site)], "/nowhere")
    return Target(facts, os.environ)


def in_place(path: Path, text: str) -> None:
    """Write a file anew so that neither its directory, nor its size, nor its time tells."""
    before = path.stat()
    assert len(text) == before.st_size
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: list[tuple[type[Collector], str, Callable[[str], str]]] = [
    (PythonDistsCollector, "lib/site-packages/pack-1.0.dist-info/RECORD", lambda text: text.replace("=a", "=b")),
    (PythonDistsCollector, "lib/site-packages/start.pth", lambda text: text.replace(" a", " b")),
    (CondaCollector, "conda-meta/pack-1.0-0.json", lambda text: text.replace("pack", "kcap")),
]


@pytest.mark.parametrize(("collector", "name", "change"), CHANGES, ids=[name for _, name, _ in CHANGES])
def test_it_is_noticed(collector: type[Collector], name: str, change: Callable[[str], str], target: Target) -> None:
    before, again = (fingerprint_of(collector(), target) for _ in range(2))
    assert before is not None
    assert again is not None
    assert again.digest == before.digest
    path = Path(target.prefix, name)
    in_place(path, change(path.read_text()))
    after = fingerprint_of(collector(), target)
    assert after is not None
    assert after.digest != before.digest
