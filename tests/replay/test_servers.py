# SPDX-License-Identifier: Apache-2.0
"""A session keeps few servers of quanta: each holds an imported stack in memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from replay.execute import server
from replay.execute.server import Servers


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the environments whose servers were ended."""
    found: list[str] = []

    class Quick:
        def __init__(self, built: Any, *_: object) -> None:
            self._python = built.python

        def close(self) -> None:
            found.append(self._python)

    monkeypatch.setattr(server, "QuantumServer", Quick)
    return found


def _server(servers: Servers, python: str) -> object:
    built: Any = SimpleNamespace(python=python, variables={}, mounts=())
    return servers.server(built, (), "/scratch", (), False, False)


def test_the_one_that_was_used_longest_ago_is_ended(closed: list[str]) -> None:
    servers = Servers()
    first = _server(servers, "0")
    for number in range(1, server._MOST):
        _server(servers, str(number))
    assert _server(servers, "0") is first
    _server(servers, "new")
    assert closed == ["1"]
    assert _server(servers, "0") is first
    servers.close()
    assert len(closed) == server._MOST + 1
