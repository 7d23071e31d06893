# SPDX-License-Identifier: Apache-2.0
"""Nothing is judged without a permit, and whoever takes one back waits until nothing of it is being judged."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.campaign.entry import Entry
from replay.campaign.errors import CampaignError
from replay.campaign.hands import judge_batch
from replay.campaign.ledger import LedgerReader
from replay.campaign.permits import Permits, is_permitted, only_run, settle

HOLDER = """
import sys, time
from replay.campaign.ledger import Ledger
from replay.campaign.permits import is_permitted
ledger = Ledger(sys.argv[1])
ledger.begin(sys.argv[2])
print("held", flush=True)
while is_permitted(sys.argv[1], sys.argv[2]):
    time.sleep(0.01)
time.sleep(0.6)  # the quantum that it is at
ledger.end(sys.argv[2])
time.sleep(60)
"""


def nothing(entry: Entry) -> None:
    """Take an entry; there is none here."""
    pytest.fail(str(entry))


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[str]:
    """Let a process be at a batch."""
    batch = Permits(str(tmp_path)).give()
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path), batch], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield batch
    process.kill()
    process.communicate()


def test_a_permit_is_there_until_it_is_taken_back(tmp_path: Path) -> None:
    permits = Permits(str(tmp_path))
    first, second = permits.give(), permits.give()
    permits.take_back(first)
    permits.take_back(first)
    assert (is_permitted(str(tmp_path), first), is_permitted(str(tmp_path), second)) == (False, True)
    permits.take_all_back()
    assert not is_permitted(str(tmp_path), second)


def test_a_batch_in_a_queue_starts_nothing_once_its_permit_is_gone(tmp_path: Path) -> None:
    assert judge_batch({"folder": str(tmp_path), "batch": "gone"}) == {"unjudged": {}}
    assert list(tmp_path.iterdir()) == []


def test_whoever_takes_a_permit_back_waits_for_the_quantum_that_is_at_work(tmp_path: Path, busy: str) -> None:
    told: list[int] = []
    Permits(str(tmp_path)).take_back(busy)
    before = time.monotonic()
    settle(LedgerReader(str(tmp_path)), busy, told.append, nothing)
    assert time.monotonic() - before > 0.4
    assert told == [1]
    settle(LedgerReader(str(tmp_path)), None, told.append, nothing)
    assert told == [1]


def test_another_batch_is_not_waited_for(tmp_path: Path, busy: str) -> None:
    told: list[int] = []
    settle(LedgerReader(str(tmp_path)), "another", told.append, nothing)
    assert told == []
    assert is_permitted(str(tmp_path), busy)


def test_a_batch_whose_process_died_is_not_waited_for(tmp_path: Path) -> None:
    script = "import sys; from replay.campaign.ledger import Ledger; Ledger(sys.argv[1]).begin('batch')"
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    settle(LedgerReader(str(tmp_path)), None, lambda _: pytest.fail("nobody is there"), nothing)


def test_one_process_runs_a_campaign(tmp_path: Path) -> None:
    script = (
        "import sys; from replay.campaign.permits import only_run\nwith only_run(sys.argv[1]):\n"
        "    print('runs', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    other.stdout.readline()
    with pytest.raises(CampaignError, match="runs already"), only_run(str(tmp_path)):
        pass
    other.communicate()
    with only_run(str(tmp_path)):
        pass
