# SPDX-License-Identifier: Apache-2.0
"""The examples in docstrings do what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import envcap
import replay

# The hook runs inside the middleware, the other belongs to an interpreter's start.
_NOT_IMPORTED = ("envcap.hooks.pipetask", "envcap.hooks.startup")


def _modules() -> list[str]:
    found = [
        module.name
        for package in (envcap, replay)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return [name for name in found if name not in _NOT_IMPORTED]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the examples record into a store of their own."""
    monkeypatch.setenv("ENVCAP_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("ENVCAP_CONTEXT", raising=False)


def test_the_examples(store: None) -> None:
    attempted = 0
    for name in _modules():
        module = importlib.import_module(name)
        tried = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
        assert tried.failed == 0, name
        attempted += tried.attempted
    assert attempted >= 10, "the examples should have been found"
