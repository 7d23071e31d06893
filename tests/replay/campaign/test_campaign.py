# SPDX-License-Identifier: Apache-2.0
"""A campaign's definition is written once and read back; what is no campaign is told in one line."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from envcap.errors import EnvcapError, UsageError
from replay.campaign.campaign import Campaign
from replay.campaign.errors import CampaignError, UnknownCampaignError
from replay.campaign.ledger import Ledger
from replay.campaign.places import campaign_folder, campaign_names

from .conftest import Define, Plan, judged


def test_what_is_created_is_read_back(define: Define, plan: Plan) -> None:
    made = Campaign.create("R1", define(plan(3)))
    found = Campaign.open("R1")
    assert json.dumps(found.definition.to_json()) == json.dumps(made.definition.to_json())
    assert list(found.definition.quanta) == plan(3)
    assert (found.name, found.folder, found.planned) == ("R1", made.folder, 3)
    assert found.entries() == []
    assert campaign_names() == ["R1"]


def test_a_name_is_taken_once_also_by_two_at_a_time(define: Define, plan: Plan) -> None:
    refused: list[EnvcapError] = []
    barrier = threading.Barrier(8)

    def create(number: int) -> None:
        barrier.wait()
        try:
            Campaign.create("R1", define(plan(number)))
        except UsageError as err:
            refused.append(err)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    assert "choose another name" in str(refused[0])
    folder = Path(Campaign.open("R1").folder)
    assert [path.name for path in folder.iterdir()] == ["campaign.json"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../R1", "-R1", "R 1", "R1\n", "é", "x" * 65, ".hidden"])
def test_a_name_that_is_none_is_refused(name: str, campaigns: Path) -> None:
    with pytest.raises(UsageError, match="a campaign's name has"):
        campaign_folder(name)


@pytest.mark.parametrize("name", ["R1", "2026-11-27_night.one", "x" * 64])
def test_a_good_name_is_taken(name: str, campaigns: Path) -> None:
    assert campaign_folder(name) == str(campaigns / name)


def test_an_unknown_campaign_names_those_that_there_are(define: Define, plan: Plan) -> None:
    with pytest.raises(UnknownCampaignError, match="there is none"):
        Campaign.open("R1")
    Campaign.create("R2", define(plan(1)))
    with pytest.raises(UnknownCampaignError, match="there is R2"):
        Campaign.open("R1")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "1", "name": "R1"}', "\xff", '{"format": "2"}', "[" * 9999]
)
def test_a_definition_that_is_none_is_told(text: str, campaigns: Path) -> None:
    (campaigns / "R1").mkdir(parents=True)
    (campaigns / "R1" / "campaign.json").write_text(text, encoding="latin-1")
    with pytest.raises(CampaignError, match=r"campaign\.json"):
        Campaign.open("R1")


def test_an_entry_of_another_quantum_is_none_of_the_campaign(define: Define, plan: Plan) -> None:
    campaign = Campaign.create("R1", define(plan(2)))
    ledger = Ledger(campaign.folder)
    ledger.add(judged(plan(2)[0], "equal"))
    ledger.add(judged(plan(1, task="other")[0], "equal"))
    assert [one.task for one in campaign.entries()] == ["measure"]
