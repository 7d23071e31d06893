# SPDX-License-Identifier: Apache-2.0
"""One trial: what was changed, and what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

__all__ = ("Outcome", "Trial", "TrialLog")


class Outcome(StrEnum):
    """What the outputs of a trial are like."""

    REFERENCE = "reference"
    """There is nothing yet to compare them with."""
    A = "as A"
    B = "as B"
    NEITHER = "as neither"
    FAILED = "no outputs"


@dataclass(frozen=True)
class Trial:
    """One re-run of the first job with some of the changes.

    Attributes
    ----------
    key : `str`
        What tells it from other trials of the same two jobs.
    changes : sequence of `int`
        The numbers of the changes.
    outcome : `Outcome`
    outputs : mapping
        The digests of what it made, by the name of the original's output.
    reason : `str`
        Why there are no outputs.
    seconds : `str`
        How long it took, as a decimal number.
    """

    key: str
    changes: Sequence[int]
    outcome: Outcome
    outputs: Mapping[str, str]
    reason: str
    seconds: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Trial:
        """Read back what `to_json` returned."""
        return cls(**{**document, "outcome": Outcome(document["outcome"])})


class TrialLog:
    """The trials of two jobs in a file, a line each, written as soon as they are known.

    Parameters
    ----------
    path : `str`
        A line at its end that is torn is taken for none.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: dict[str, Trial] = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as stream:
                for line in stream:
                    if line.endswith("\n"):
                        trial = Trial.from_json(json.loads(line))
                        self._known[trial.key] = trial
                    else:
                        os.truncate(path, os.path.getsize(path) - len(line.encode()))

    def __len__(self) -> int:
        return len(self._known)

    def find(self, key: str) -> Trial | None:
        """Return a trial that is known."""
        return self._known.get(key)

    def add(self, trial: Trial) -> Trial:
        """Put a trial down, and return it. What failed is only remembered: the next process may have better luck."""
        self._known[trial.key] = trial
        if trial.outcome is Outcome.FAILED:
            return trial
        with open(self._path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(trial.to_json()) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        return trial
