# SPDX-License-Identifier: Apache-2.0
"""The commands below `replay campaign`: help, usage, exit codes, one line for an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from replay.campaign.campaign import Campaign
from replay.campaign.ledger import Ledger

from .conftest import Define, Plan, judged

COMMANDS = ["create", "run", "status", "gate", "list"]


def replay(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `replay campaign`; a traceback that reaches the user is a bug, whatever the command is."""
    command = [str(Path(sys.executable).parent / "replay"), "campaign", *words]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done


def test_the_commands_are_listed() -> None:
    done = replay("--help")
    assert (done.returncode, done.stderr) == (0, "")
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert [name for name in listed if name != "report"] == COMMANDS
    bare = replay()
    assert (bare.returncode, bare.stdout) == (2, "")
    assert "usage: replay campaign COMMAND" in bare.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_each_has_help_with_examples(command: str) -> None:
    done = replay(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: replay campaign {command}" in done.stdout
    assert f"  replay campaign {command}" in done.stdout.partition("Examples")[2]


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["nonsense"], 2, "no command 'nonsense'"),
        (["status"], 2, "NAME"),
        (["status", "R1"], 1, "no campaign R1"),
        (["status", "../R1"], 2, "a campaign's name has"),
        (["run", "R1"], 1, "no campaign R1"),
        (["run", "R1", "--workers", "many"], 2, "--workers"),
        (["gate", "R1"], 2, "--min"),
        (["gate", "R1", "--min", "most"], 2, "expected a percentage"),
        (["create", "R1"], 2, "--repo"),
        (["create", "R1", "--repo", "/no/repo", "--store", "/no/store"], 3, "/no/store"),
    ],
)
def test_a_wrong_call(words: list[str], status: int, told: str) -> None:
    done = replay(*words)
    assert (done.returncode, done.stdout) == (status, "")
    assert told in done.stderr


def test_a_wrong_executor_is_told_before_anything_is_started(define: Define, plan: Plan) -> None:
    campaign = Campaign.create("R1", define(plan(1)))
    done = replay("run", "R1", "--executor", "condor")
    assert done.returncode == 2
    assert "expected threads, processes, slurm" in done.stderr
    assert replay("run", "R1", "--workers", "-1").returncode == 2
    assert os.listdir(campaign.folder) == ["campaign.json"]


def test_status_gate_and_list_of_what_was_judged(define: Define, plan: Plan) -> None:
    campaign = Campaign.create("R1", define([*plan(2), *plan(1, task="coadd")]))
    ledger = Ledger(campaign.folder)
    for planned, verdict in zip(campaign.definition.quanta, ("equal", "different", "failed"), strict=True):
        ledger.add(judged(planned, verdict))
    shown = replay("status", "R1").stdout
    assert [line.split() for line in shown.splitlines() if line.startswith("coadd")] == [["coadd", "1"]]
    assert "3 of 3 judged; without a verdict: 1 refused; 1.50 s of a worker's time each" in shown
    assert json.loads(replay("status", "R1", "--json").stdout)["verdicts"]["different"] == 1
    gate = replay("gate", "R1", "--min", "33%")
    assert (gate.returncode, gate.stdout.split(":")[1].strip()) == (0, "passed")
    assert replay("gate", "R1", "--min", "34%").returncode == 1
    document = json.loads(replay("gate", "R1", "--min", "34%", "--json").stdout)
    assert (document["passed"], document["judged"]) == (False, 3)
    (listed,) = (line.split() for line in replay("list").stdout.splitlines() if line.startswith("R1"))
    assert listed[-3:] == ["3", "1", "failed"]


def test_a_campaign_that_cannot_be_read_does_not_hide_the_others(define: Define, plan: Plan, campaigns: Path) -> None:
    Campaign.create("R1", define(plan(1)))
    (campaigns / "R2").mkdir()
    (campaigns / "R2" / "campaign.json").write_text("{")
    done = replay("list", "--json")
    assert done.returncode == 0
    assert [one["name"] for one in json.loads(done.stdout)] == ["R1"]
    assert "R2/campaign.json" in done.stderr
