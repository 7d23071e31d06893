# SPDX-License-Identifier: Apache-2.0
"""Counts add up, and a gate lets nothing through that it should not."""

from __future__ import annotations

from fractions import Fraction

import pytest

from envcap.errors import UsageError
from replay.campaign.campaign import Campaign
from replay.campaign.tally import Tally, gate_line, percentage

from .conftest import Define, Plan, judged


def tally(define: Define, plan: Plan, verdicts: list[str], planned: int = 10) -> Tally:
    """Return the counts of a campaign with some verdicts."""
    campaign = Campaign("R1", "/nowhere", define(plan(planned)))
    return Tally(campaign, map(judged, campaign.definition.quanta, verdicts))


def test_counts_add_up(define: Define, plan: Plan) -> None:
    found = tally(define, plan, ["identical"] * 4 + ["equal"] * 2 + ["different", "failed"])
    assert (found.judged, found.unjudged) == (8, 2)
    document = found.to_json()
    assert document["verdicts"] == {"identical": 4, "equal": 2, "equivalent": 0, "different": 1, "failed": 1}
    assert document["tasks"] == {"measure": {**document["verdicts"], "left": 2}}
    assert document["errors"] == {"refused": 1}
    assert document["seconds"] == "12.000"


@pytest.mark.parametrize(
    ("verdicts", "minimum", "verdict", "passes"),
    [
        (["equal"] * 10, "100%", "equivalent", True),
        (["equal"] * 9 + ["different"], "90%", "equivalent", True),
        (["equal"] * 9 + ["different"], "90.01%", "equivalent", False),
        (["equal"] * 9 + ["failed"], "100", "equivalent", False),
        (["equivalent"] * 10, "1%", "equal", False),
        (["equivalent"] * 10, "100%", "equivalent", True),
        (["equal"] * 10, "100%", "identical", False),
        (["identical"] * 10, "100%", "identical", True),
        (["different"] * 10, "0%", "equal", True),
        (["equal"] * 9, "0%", "equivalent", False),
        ([], "0%", "equivalent", False),
    ],
)
def test_a_gate(define: Define, plan: Plan, verdicts: list[str], minimum: str, verdict: str, passes: bool) -> None:
    passed, line = gate_line(tally(define, plan, verdicts), percentage(minimum), verdict)
    assert passed is passes, line


def test_a_gate_says_why(define: Define, plan: Plan) -> None:
    assert gate_line(tally(define, plan, []), Fraction(1), "equal")[1] == "nothing was judged yet"
    assert "1 of 10 quanta are not judged yet" in gate_line(tally(define, plan, ["equal"] * 9), Fraction(1), "equal")[1]
    told = gate_line(tally(define, plan, ["equal"] * 9 + ["failed"]), percentage("99%"), "equal")[1]
    assert told == "9 of 10 quanta (90.00 %) are equal or better; 99 % must be"


def test_no_share_is_rounded_up(define: Define, plan: Plan) -> None:
    found = tally(define, plan, ["equal"] * 29999 + ["different"], planned=30000)
    passed, line = gate_line(found, percentage("100%"), "equal")
    assert not passed
    assert "(99.99 %)" in line


@pytest.mark.parametrize("text", ["", "%", "-1%", "101%", "nan", "inf", "1/2", "99%%", "a lot"])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a percentage"):
        percentage(text)
