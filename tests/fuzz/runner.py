# SPDX-License-Identifier: Apache-2.0
"""Runs one campaign in a process with bounded memory: ``python -m tests.fuzz.runner NAME CORPUS SEED CASES``.

With ``--only N`` it runs the case of that number alone, to see again what was found.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback
from pathlib import Path
from random import Random

from tests.fuzz.broken import BROKEN_CAMPAIGNS
from tests.fuzz.bundle_campaign import Bundles
from tests.fuzz.campaign import Campaign
from tests.fuzz.comparator_campaigns import COMPARATOR_CAMPAIGNS
from tests.fuzz.corpus import Corpus
from tests.fuzz.guard import SECONDS, Guard, limit_memory
from tests.fuzz.mutate import Mutator
from tests.fuzz.store_campaigns import STORE_CAMPAIGNS
from tests.fuzz.text_campaigns import TEXT_CAMPAIGNS

__all__ = ("CAMPAIGNS",)

_ALL = (*TEXT_CAMPAIGNS, *STORE_CAMPAIGNS, Bundles, *COMPARATOR_CAMPAIGNS)
CAMPAIGNS: dict[str, type[Campaign]] = {cls.name: cls for cls in _ALL}

_SHOWN = 2000


def _run(campaign: Campaign, guard: Guard, texts: list[str], seed: str, number: int) -> str | None:
    """Run one case; return what is wrong, `None` if nothing is."""
    mutator = Mutator(Random(f"{seed} {campaign.name} {number}"), campaign.pool, texts)
    given = campaign.make(mutator)
    try:
        with guard.watching():
            campaign.read(given)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  (a reader may raise nothing: whatever comes here is a finding)
        told = traceback.format_exc(limit=-8)
        return told if len(told) < 2 * _SHOWN else f"{told[:_SHOWN]}\n…\n{told[-_SHOWN:]}"
    return None


def _main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("campaign", choices=sorted(CAMPAIGNS | BROKEN_CAMPAIGNS))
    parser.add_argument("corpus", type=Path)
    parser.add_argument("seed")
    parser.add_argument("cases", type=int)
    parser.add_argument("--only", type=int)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    arguments = parser.parse_args()
    corpus = Corpus(arguments.corpus)
    with tempfile.TemporaryDirectory() as scratch:
        guard = Guard(corpus.canaries, arguments.seconds)
        campaign = (CAMPAIGNS | BROKEN_CAMPAIGNS)[arguments.campaign](corpus, guard, Path(scratch))
        campaign.read(campaign.good())  # what is imported only when it is needed is imported here
        limit_memory(campaign.memory)
        numbers = range(arguments.cases) if arguments.only is None else [arguments.only]
        for number in numbers:
            os.write(1, f"{number}\n".encode())  # the last line names the case if this process is ended
            wrong = _run(campaign, guard, corpus.canary_texts(), arguments.seed, number)
            if wrong is not None:
                again = (
                    f"python -m tests.fuzz.runner {campaign.name} {corpus.folder} {arguments.seed} 1 --only {number}"
                )
                sys.stderr.write(
                    f"{wrong}\ncampaign {campaign.name}, seed {arguments.seed}, case {number}; again:\n{again}\n"
                )
                return 1
        sys.stdout.write(f"{len(numbers)} cases\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
