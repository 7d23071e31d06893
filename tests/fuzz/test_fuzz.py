# SPDX-License-Identifier: Apache-2.0
"""Every reader, fed with hostile input, refuses it with a documented error or takes it; nothing else ever happens.

``ENVCAP_FUZZ_CASES`` says how many cases the long campaigns have each, ``ENVCAP_FUZZ_SEED`` what decides them: whoever
looks for what nobody has found yet gives another one (``ENVCAP_FUZZ_SEED=$RANDOM``), and a change is held against the
same ones as the change before.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest

from tests.fuzz.broken import BROKEN_CAMPAIGNS
from tests.fuzz.runner import CAMPAIGNS

Campaigns = Callable[..., "subprocess.CompletedProcess[str]"]
_LONGER = 6


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_hostile_input_is_refused_or_taken(name: str, run_campaign: Campaigns) -> None:
    done = run_campaign(name, os.environ.get("ENVCAP_FUZZ_SEED", "0"), CAMPAIGNS[name].cases)
    assert done.returncode == 0, done.stderr + done.stdout[-20:]
    assert done.stdout.endswith(f"\n{CAMPAIGNS[name].cases} cases\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", CAMPAIGNS)
def test_much_more_hostile_input_is_refused_or_taken(name: str, run_campaign: Campaigns) -> None:
    seed = os.environ.get("ENVCAP_FUZZ_SEED", "1")
    cases = int(os.environ.get("ENVCAP_FUZZ_CASES") or CAMPAIGNS[name].cases * _LONGER)
    done = run_campaign(name, seed, cases)
    assert done.returncode == 0, done.stderr + done.stdout[-20:]


REASONS = {
    "broken: raises": "KeyError: 'name'",
    "broken: two lines": "TwoLinesError is not one line",
    "broken: runs a program": "it runs ('",
    "broken: asks a shell": "it runs ('",
    "broken: evaluates": "it executes code from <string>",
    "broken: imports": "it imports canary_module",
    "broken: opens": "it opens '",
    "broken: loops": "it takes more than 1 s",
    "broken: hoards": "MemoryError",
}


@pytest.mark.parametrize("name", BROKEN_CAMPAIGNS)
def test_a_broken_reader_is_caught_and_can_be_caught_again(name: str, run_campaign: Campaigns) -> None:
    done = run_campaign(name, "7", 50, "--seconds", "1")
    assert done.returncode == 1
    assert REASONS[name] in done.stderr
    *_, told, again = done.stderr.splitlines()
    assert told.startswith(f"campaign {name}, seed 7, case ")
    number = again.rpartition(" ")[2]
    assert f", case {number}; again:" in told
    done = run_campaign(name, "7", 1, "--only", number, "--seconds", "1")
    assert done.returncode == 1
    assert REASONS[name] in done.stderr
    done = run_campaign(name, "7", int(number), "--seconds", "1")
    assert done.returncode == 0, done.stderr
