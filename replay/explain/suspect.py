# SPDX-License-Identifier: Apache-2.0
"""What may have made the outputs of two attempts differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ("Suspect",)


@dataclass(frozen=True)
class Suspect:
    """Something that is not the same in two attempts.

    Attributes
    ----------
    layer : `str`
        As `envcap diff` names it: ``configuration``, ``python_dists``, ``effective_numerics`` …
    name : `str`
        What in it: a field, a distribution, a variable.
    before, after : `str`
        Its values in the two; a dash where it has none.
    score : `int`
        The higher, the likelier; for ranking only, it is no probability.
    evidence : sequence of `str`
        What speaks for or against it, a line each.
    """

    layer: str
    name: str
    before: str
    after: str
    score: int
    evidence: Sequence[str]

    @property
    def title(self) -> str:
        """Its layer and name in one line."""
        return f"{self.layer}: {self.name}" if self.name else self.layer

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "layer": self.layer,
            "name": self.name,
            "before": self.before,
            "after": self.after,
            "score": self.score,
            "evidence": list(self.evidence),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Suspect:
        """Read back what `to_json` returned."""
        names = ("layer", "name", "before", "after", "score", "evidence")
        return cls(*(document[name] for name in names))
