# SPDX-License-Identifier: Apache-2.0
"""Ledgers keep what was judged, whatever kills their writers, and tell whether those live."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from replay.campaign.errors import CampaignError
from replay.campaign.ledger import JUDGED, Ledger, LedgerReader

from .conftest import Plan, judged

HOLDER = """
import sys, time
from replay.campaign.ledger import Ledger
ledger = Ledger(sys.argv[1])
ledger.begin("batch")
print("held", flush=True)
time.sleep(60)
"""


def test_what_is_added_is_read_once_from_all_ledgers(tmp_path: Path, plan: Plan) -> None:
    entries = [judged(one, "equal") for one in plan(4)]
    first, second = Ledger(str(tmp_path)), Ledger(str(tmp_path))
    reader = LedgerReader(str(tmp_path))
    first.add(entries[0])
    second.add(entries[1])
    assert sorted(one.attempt for one in reader.new()) == [entries[0].attempt, entries[1].attempt]
    first.add(entries[2])
    assert list(reader.new()) == [entries[2]]
    assert list(reader.new()) == []
    assert len(list(LedgerReader(str(tmp_path)).new())) == 3


def test_a_torn_last_line_is_no_entry_until_it_is_whole(tmp_path: Path, plan: Plan) -> None:
    ledger = Ledger(str(tmp_path))
    first, second = (judged(one, "equal") for one in plan(2))
    ledger.add(first)
    line = json.dumps({"entry": second.to_json()}).encode() + b"\n"
    reader = LedgerReader(str(tmp_path))
    with open(ledger.path, "ab") as stream:
        stream.write(line[:40])
        stream.flush()
        assert list(reader.new()) == [first]
        stream.write(line[40:])
    assert list(reader.new()) == [second]


def test_a_line_that_is_none_is_told(tmp_path: Path, plan: Plan) -> None:
    ledger = Ledger(str(tmp_path))
    ledger.add(judged(plan(1)[0], "equal"))
    with open(ledger.path, "ab") as stream:
        stream.write(b'{"entry": {"attempt": 1}}\n')
    with pytest.raises(CampaignError, match="a line is no entry"):
        list(LedgerReader(str(tmp_path)).new())


def test_files_that_are_no_ledgers_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / JUDGED).mkdir()
    (tmp_path / JUDGED / "notes.jsonl").write_text("mine\n")
    assert list(LedgerReader(str(tmp_path)).new()) == []


def test_a_ledger_without_lines_is_deleted(tmp_path: Path) -> None:
    Ledger(str(tmp_path)).close()
    assert LedgerReader(str(tmp_path)).paths() == []


def test_a_ledger_is_held_as_long_as_its_process_lives(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    try:
        holder.stdout.readline()
        reader = LedgerReader(str(tmp_path))
        assert list(reader.new()) == []
        assert reader.held() == reader.paths()
        assert list(reader.busy.values()) == ["batch"]
        os.kill(holder.pid, signal.SIGKILL)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert reader.held() == []
