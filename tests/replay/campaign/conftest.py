# SPDX-License-Identifier: Apache-2.0
"""What tests of campaigns share: quanta that are only planned, and a place for campaigns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from replay.campaign.definition import Definition, Planned
from replay.campaign.entry import Entry
from replay.campaign.judging import unjudged_entry

Plan = Callable[..., list[Planned]]
Define = Callable[..., Definition]


@pytest.fixture(autouse=True)
def campaigns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a place of its own for campaigns."""
    monkeypatch.setenv("ENVCAP_CAMPAIGNS", str(tmp_path / "campaigns"))
    return tmp_path / "campaigns"


@pytest.fixture
def plan() -> Plan:
    """Give what makes planned quanta."""

    def make(count: int, task: str = "measure", environment: str = "e1", cpu: str = "c1") -> list[Planned]:
        names = [f"{task}-{environment}-{cpu}-{number}" for number in range(count)]
        return [Planned(f"a-{n}", f"q-{n}", task, n, environment, cpu, "node") for n in names]

    return make


@pytest.fixture
def define() -> Define:
    """Give what makes a definition."""

    def make(quanta: list[Planned]) -> Definition:
        return Definition("id", "repo", "", None, (), "sha256:0", {"store": "/nowhere"}, "2026-11-27T00:00:00Z", quanta)

    return make


def judged(planned: Planned, verdict: str) -> Entry:
    """Return an entry with some verdict."""
    entry = unjudged_entry(planned, "refused", "for a test", 1.5, 1)
    reason = {} if verdict == "failed" else {"error": None, "error_type": None}
    return Entry.from_json({**entry.to_json(), "verdict": verdict, "suspects": [], **reason})
