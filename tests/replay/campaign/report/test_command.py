# SPDX-License-Identifier: Apache-2.0
"""`replay campaign report`, of a campaign as it stands on the disk."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from envcap.errors import EnvcapError
from replay.campaign.campaign import Campaign
from replay.campaign.definition import Definition, Planned
from replay.campaign.ledger import Ledger
from replay.campaign.report.data import ReportData
from replay.cli.campaign.report import run
from tests.replay.campaign.report.page import Page


@pytest.fixture
def campaign(night: ReportData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """Give a campaign of which all but three quanta are judged."""
    monkeypatch.setenv("ENVCAP_CAMPAIGNS", str(tmp_path))
    planned = [
        Planned(one.attempt, one.quantum, one.task, one.name, "", "", "") for one in (*night.entries, *night.waiting)
    ]
    options = {"engine": "docker", "code": "current", "trust": False, "offline": True, "base": None, "limits": [],
               "policy": {"rtol": "1e-06", "atol": None}, "store": str(tmp_path / "store"),
               "tasks": ["coadd", "measure"]}  # fmt: skip
    made = Campaign.create(
        "R1", Definition("id", "/data/repo", "day = 3", 79, ("task",), "sha256:ab", options, "2026-01-01", planned)
    )
    ledger = Ledger(made.folder)
    for one in night.entries:
        ledger.add(one)
    ledger.close()
    return made


def command(name: str, form: str, output: Path | None = None) -> int:
    """Run it."""
    return run(Namespace(name=name, format=form, output=None if output is None else str(output)))


def test_all_formats(campaign: Campaign, tmp_path: Path) -> None:
    paths = {form: tmp_path / f"report.{form}" for form in ("html", "json", "junit")}
    assert [command("R1", form, path) for form, path in paths.items()] == [0, 0, 0]
    page = Page(paths["html"].read_text())
    assert page.bad == []
    assert page.tables[0][1][0] == "coadd"
    assert json.loads(paths["json"].read_text())["waiting"] == 3
    assert len(list(ElementTree.parse(paths["junit"]).iter("skipped"))) == 3


def test_standard_output_and_a_store_that_is_gone(campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("R1", "json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["judged"] == 76
    assert err.startswith("replay campaign report: how long the originals took is unknown: ")
    assert err.count("\n") == 1


def test_what_was_asked_for_is_told(campaign: Campaign) -> None:
    assert ReportData.of(campaign).description == [
        ("repository", "/data/repo"),
        ("datasets", "day = 3"),
        ("sample", "79, by task"),
        ("policy", "sha256:ab, rtol 1e-06"),
        ("how", "engine docker, code current, offline, tasks coadd measure"),
        ("created", "2026-01-01"),
    ]


def test_nothing_judged_yet(campaign: Campaign, tmp_path: Path) -> None:
    quanta: Sequence[Planned] = campaign.definition.quanta[:2]
    Campaign.create("R2", replace(campaign.definition, quanta=quanta, where="", sample=None))
    assert command("R2", "html", tmp_path / "R2.html") == 0
    page = Page((tmp_path / "R2.html").read_text())
    assert page.title == "R2: Nothing is judged yet."
    assert page.tables[0][1][4] == "2"


def test_no_such_campaign(campaign: Campaign) -> None:
    with pytest.raises(EnvcapError) as caught:
        command("R3", "html")
    assert caught.value.exit_code == 1
