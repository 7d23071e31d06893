# SPDX-License-Identifier: Apache-2.0
"""What became of one quantum of a campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .definition import Planned

__all__ = ("Entry",)


@dataclass(frozen=True)
class Entry(Planned):
    """One quantum of a campaign, and what its re-run came to.

    Attributes
    ----------
    verdict : `str`
        As `replay.comparators.policy.Verdict`; ``failed`` also if there is none.
    error : `str` or `None`
        Why there is no verdict, in one line.
    error_type : `str` or `None`
        Its stable name (`envcap.errors`).
    fidelity : `str` or `None`
        That of the least faithful layer.
    seconds : `str`
        How long the re-run and the comparison took, as a decimal number.
    tries : `int`
        How often it was tried: more than once where the infrastructure failed.
    document : mapping or `None`
        The verdict as the store has it, with the tree of differences.
    suspects : sequence of mappings
        The likeliest first, as `replay.explain.suspect.Suspect.to_json` gives them; of what differs only.
    """

    verdict: str
    error: str | None
    error_type: str | None
    fidelity: str | None
    seconds: str
    tries: int
    document: Mapping[str, Any] | None
    suspects: Sequence[Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Entry:
        """Read back what `to_json` returned."""
        return cls(**document)
