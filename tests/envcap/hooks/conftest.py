# SPDX-License-Identifier: Apache-2.0
"""What the tests of hooks share: IPython's shell with the extension, and what is on record of the last job."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from envcap.hooks.variables import CONTEXT_VARIABLE
from envcap.model.components import ImportedModules
from envcap.store.index import Attempt, Index
from envcap.store.local import LocalStore


class Ran:
    """What came of a cell: IPython's result, what was printed, and what was shown as HTML."""

    def __init__(self, result: ExecutionResult, printed: str, html: list[str]) -> None:
        self.result = result
        self.printed = printed
        self.html = html


@pytest.fixture
def shell(store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """Give a shell with the extension, in a directory of its own."""
    monkeypatch.setenv("ENVCAP_STORE", store.root)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv(CONTEXT_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.chdir(tmp_path)
    before = set(vars(builtins))
    config = Config(HistoryManager={"enabled": False}, InteractiveShell={"colors": "nocolor"})
    made = InteractiveShell.instance(config=config)
    assert made.run_line_magic("load_ext", "envcap") is None
    yield made
    made.restore_sys_module_state()
    InteractiveShell.clear_instance()
    for name in set(vars(builtins)) - before:
        delattr(builtins, name)  # by which others believe to be in IPython


@pytest.fixture
def run_cell(shell: InteractiveShell) -> Callable[[str], Ran]:
    """Give a function that runs a cell."""

    def run(cell: str) -> Ran:
        with capture_output() as seen:
            result = shell.run_cell(cell, store_history=True)
        return Ran(result, seen.stdout + seen.stderr, [one._repr_html_() or "" for one in seen.outputs])

    return run


@pytest.fixture
def jobs(store: LocalStore) -> Callable[[], list[Attempt]]:
    """Give a function that returns all jobs, oldest first."""
    return lambda: list(Index(store).attempts())


@pytest.fixture
def outcome(
    envcap: Callable[..., subprocess.CompletedProcess[str]], store: LocalStore
) -> Callable[[], tuple[dict[str, Any], ImportedModules | None]]:
    """Give a function that returns what is on record of the last job's modules: the outcome, and the component."""

    def read() -> tuple[dict[str, Any], ImportedModules | None]:
        result = json.loads(envcap("show", "@last", "--json").stdout)["result"]
        found = result.get("observed", {}).get("imported_modules")
        component = ImportedModules.from_bytes(store.get(found["digest"])) if found else None
        return result["outcomes"]["imported_modules"], component

    return read
