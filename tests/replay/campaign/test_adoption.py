# SPDX-License-Identifier: Apache-2.0
"""A verdict in the store is taken for a campaign's only if it says so, and the user's own key vouches for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envcap.digest import canonical_json
from envcap.environment import Environment
from envcap.hooks.attempt import AttemptWriter, open_journal
from envcap.ids import uuid7
from envcap.model.components import Command
from envcap.model.manifest import Job
from envcap.store.index import Index
from envcap.store.journal import Journal
from envcap.store.local import LocalStore
from envcap.target import Target
from replay.campaign.adoption import adopted
from replay.campaign.definition import Definition, Planned

ID = uuid7()


class Replayed:
    """A store with one replay, and the campaign that is to find its verdict."""

    def __init__(self, folder: Path) -> None:
        self.store = LocalStore(str(folder))
        self.store.create()
        self.planned = Planned(uuid7(), uuid7(), "measure", "measure", "e1", "c1", "node")
        journal = open_journal(self.store)[0]
        job = Job(kind="command", name="measure", activator="replay", argv=["measure"])
        writer = AttemptWriter(
            journal,
            Environment(Target.none({})),
            Command(argv=["measure"], config={}, inputs={}),
            job,
            replay_of=self.planned.attempt,
        )
        writer.begin()
        self.replay = writer.attempt

    def judge(self, *, sealed: bool = True, **others: object) -> None:
        """Write a verdict."""
        document: dict[str, Any] = {
            "mediaType": "application/vnd.envcap.verdict.v1+json",
            "replay": self.replay,
            "replay_of": self.planned.attempt,
            "verdict": "equal",
            "campaign": ID,
            "layers": [{"layer": "source", "fidelity": "rebuilt", "detail": ""}],
            "seconds": {"compare": "0.250", "run": "1.000"},
            **others,
        }
        journal = open_journal(self.store)[0] if sealed else Journal(self.store.root)
        journal.append(("verdict", canonical_json(document)))

    def adopted(self, *, trust: bool = False) -> list[dict[str, Any]]:
        """Return what the campaign adopts."""
        definition = Definition(ID, "repo", "", None, (), "", {"trust": trust}, "", [self.planned])
        found = adopted(Index(self.store), definition, {self.planned.attempt: self.planned})
        return [json.loads(json.dumps(one.to_json())) for one in found]


@pytest.fixture
def replayed(tmp_path: Path) -> Replayed:
    """Give a store with one replay."""
    return Replayed(tmp_path / "store")


def test_a_verdict_of_the_campaign_is_adopted_once(replayed: Replayed) -> None:
    assert replayed.adopted() == []
    replayed.judge()
    (entry,) = replayed.adopted()
    assert (entry["attempt"], entry["verdict"], entry["fidelity"]) == (replayed.planned.attempt, "equal", "rebuilt")
    assert (entry["seconds"], entry["tries"], entry["document"]["replay"]) == ("1.250", 1, replayed.replay)


@pytest.mark.parametrize("others", [{"campaign": uuid7()}, {"campaign": None}, {"replay_of": uuid7()}])
def test_a_verdict_of_something_else_is_not(replayed: Replayed, others: dict[str, object]) -> None:
    replayed.judge(**others)
    assert replayed.adopted() == []
    assert replayed.adopted(trust=True) == []


def test_a_verdict_that_nobody_vouches_for_is_not_unless_the_campaign_trusts(replayed: Replayed) -> None:
    replayed.judge(sealed=False)
    assert replayed.adopted() == []
    assert len(replayed.adopted(trust=True)) == 1
