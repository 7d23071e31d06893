# SPDX-License-Identifier: Apache-2.0
"""What a campaign is to do: fixed when it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ("Definition", "Planned")


@dataclass(frozen=True)
class Planned:
    """One quantum that a campaign is to judge.

    Attributes
    ----------
    attempt : `str`
        Of the original.
    quantum, task, name : `str`
        Its UUID, the label of its task, and how people call it.
    environment : `str`
        Short name of the software that it ran in; quanta of one environment share it.
    cpu, node : `str`
        Where the original ran.
    """

    attempt: str
    quantum: str
    task: str
    name: str
    environment: str
    cpu: str
    node: str


@dataclass(frozen=True)
class Definition:
    """What a campaign is to do.

    Attributes
    ----------
    id : `str`
        UUID, which the verdicts in the store carry.
    repo : `str`
        Path or URI of the Butler repository.
    where : `str`
        The Butler expression that chose the datasets; empty for all.
    sample : `int` or `None`
        How many quanta were asked for; `None` for all.
    stratify : sequence of `str`
        By what the sample was stratified.
    policy : `str`
        Digest of the policy that judges.
    options : mapping
        How to re-run, and what else chose the quanta, as JSON (`replay.campaign.options`).
    created : `str`
        When, as RFC 3339.
    quanta : sequence of `Planned`
    """

    id: str
    repo: str
    where: str
    sample: int | None
    stratify: Sequence[str]
    policy: str
    options: Mapping[str, Any]
    created: str
    quanta: Sequence[Planned]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Definition:
        """Read back what `to_json` returned.

        Raises
        ------
        KeyError, TypeError
            If it is something else.
        """
        values = {one.name: document[one.name] for one in fields(cls)}
        names = [one.name for one in fields(Planned)]
        return cls(**{**values, "quanta": tuple(Planned(*(row[n] for n in names)) for row in values["quanta"])})
