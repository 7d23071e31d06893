# SPDX-License-Identifier: Apache-2.0
"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..campaign import Campaign
from ..definition import Definition
from ..entry import Entry

__all__ = ("ReportData", "Waiting")


@dataclass(frozen=True)
class Waiting:
    """A quantum that the campaign has not judged yet.

    Attributes
    ----------
    attempt, quantum, task, name : `str`
        As in `Entry`.
    """

    attempt: str
    quantum: str
    task: str
    name: str


@dataclass(frozen=True)
class ReportData:
    """A campaign as far as it got.

    Attributes
    ----------
    name : `str`
    description : sequence of pairs of `str`
        What was asked for, as names and values: the repository, the expression, the policy.
    entries : sequence of `Entry`
        What was judged.
    waiting : sequence of `Waiting`
        What was not.
    original_seconds : mapping
        How long originals took, by their attempt; of those that are known.
    """

    name: str
    description: Sequence[tuple[str, str]]
    entries: Sequence[Entry]
    waiting: Sequence[Waiting] = ()
    original_seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def planned(self) -> int:
        """How many quanta there are to judge, in all."""
        return len(self.entries) + len(self.waiting)

    @classmethod
    def of(cls, campaign: Campaign) -> ReportData:
        """Return a campaign as far as it got; how long originals took isn't known then.

        Raises
        ------
        CampaignError
            If it can't be read.
        """
        entries = campaign.entries()
        judged = {entry.attempt for entry in entries}
        waiting = [
            Waiting(one.attempt, one.quantum, one.task, one.name)
            for one in campaign.definition.quanta
            if one.attempt not in judged
        ]
        return cls(campaign.name, _description(campaign.definition), entries, waiting)


def _description(definition: Definition) -> list[tuple[str, str]]:
    sample = "all" if definition.sample is None else f"{definition.sample:,}"
    by = f", by {', '.join(definition.stratify)}" if definition.sample and definition.stratify else ""
    policy = definition.options.get("policy")
    tolerances = (
        [f"{name} {policy[name]}" for name in _TOLERANCES if policy.get(name)] if isinstance(policy, dict) else []
    )
    told = (_told(name, value) for name, value in definition.options.items() if name not in _TOLD_ELSEWHERE)
    return [
        ("repository", definition.repo),
        ("datasets", definition.where or "all"),
        ("sample", sample + by),
        ("policy", ", ".join([definition.policy, *tolerances])),
        ("how", ", ".join(filter(None, told))),
        ("created", definition.created),
    ]


_TOLERANCES = ("rtol", "atol")
_TOLD_ELSEWHERE = ("policy", "store")


def _told(name: str, value: object) -> str:
    """Return an option in words; nothing if it is not set."""
    name = name.replace("_", " ")
    if value in (None, False, "", []):
        return ""
    if value is True:
        return name
    return f"{name} {' '.join(map(str, value)) if isinstance(value, list | tuple) else value}"
