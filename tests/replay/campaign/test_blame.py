# SPDX-License-Identifier: Apache-2.0
"""A worker that died counts as a try of all that it was at, and of nothing else."""

from __future__ import annotations

import pytest

from replay.campaign.definition import Planned
from replay.campaign.running import _why

LOST = {"unjudged": {}, "lost": True, "reason": "the worker ended (signal 9)"}


@pytest.mark.parametrize(
    ("answer", "blamed"),
    [
        ({**LOST, "trying": ["a-1", "a-2"]}, ["a-1", "a-2"]),
        ({**LOST, "trying": ["a-2"]}, ["a-2"]),
        (LOST, ["a-1", "a-2", "a-3"]),  # it died before it began with any
    ],
)
def test_what_it_was_at_is_blamed(answer: dict[str, object], blamed: list[str]) -> None:
    quanta = [Planned(f"a-{n}", f"q-{n}", "t", "n", "e", "c", "node") for n in (1, 2, 3)]
    assert [one.attempt for one in quanta if _why(one, answer)[0] == "worker_lost"] == blamed
