# SPDX-License-Identifier: Apache-2.0
"""Real repositories, and what a collector makes of the code in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.base import Keep
from envcap.collectors.source import SourceCollector
from envcap.model.components import CodeRoot, Source
from envcap.target import Target


@pytest.fixture
def no_git_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take what a developer's git is configured with out of the way."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


@pytest.fixture
def code_target() -> Callable[..., Target]:
    """Give a function that returns a target that imports from some directories."""

    def make(*paths: Path, script_dir: Path | None = None) -> Target:
        facts = (
            "/usr/bin/python3",
            "/opt/nowhere",
            "cpython",
            "3.13.0",
            None,
            [str(p) for p in paths],
            "/opt/nowhere/lib",
        )
        return Target(facts, os.environ, str(script_dir) if script_dir else None)

    return make


@pytest.fixture
def roots(keep: Keep, code_target: Callable[..., Target]) -> Callable[..., tuple[CodeRoot, ...]]:
    """Give a function that collects the code roots of some directories."""

    def run(*paths: Path, script_dir: Path | None = None) -> tuple[CodeRoot, ...]:
        component = SourceCollector().collect(code_target(*paths, script_dir=script_dir), keep).component
        assert isinstance(component, Source)
        return tuple(component.roots)

    return run


@pytest.fixture
def repository(tmp_path: Path, run_quietly: Callable[..., str]) -> Callable[..., Path]:
    """Give a function that makes a git repository with one commit of some files (none: no commit)."""

    def make(files: dict[str, str] | None = None, name: str = "code") -> Path:
        top = tmp_path / name
        top.mkdir()
        run_quietly("git", "init", "-q", "-b", "main", top)
        for path, text in (files or {}).items():
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_text(text)
        if files:
            run_quietly("git", "-C", top, "add", "-A")
            run_quietly("git", "-C", top, "commit", "-q", "-m", "one")
        return top

    return make


@pytest.fixture
def hostile_program(tmp_path: Path) -> tuple[Path, Path]:
    """Give a program that leaves a mark when it runs, and the mark's path."""
    mark = tmp_path / "executed"
    program = tmp_path / "hostile"
    program.write_text(f"#!/bin/sh\n{shutil.which('touch')} {mark}\ncat\n")
    program.chmod(0o755)
    return program, mark
