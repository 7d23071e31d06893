# SPDX-License-Identifier: Apache-2.0
"""What a policy grants to a part of a dataset: a tolerance, or a key that rows are matched on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .difference import Difference, Kind, Leaf
from .matching import Key
from .paths import covers
from .tolerance import Frontier

__all__ = ("RowKey", "Tolerance")


@dataclass(frozen=True)
class Tolerance:
    """By how much finite floating-point values may differ.

    Notes
    -----
    A difference is within it if every value satisfies ``|Δ| <= atol + rtol·|original|``, or if none is more than
    ``ulp`` representable numbers away; for complex numbers, each part. NaN, infinities, integers, types, and numbers
    of more than 64 bits as far as ``ulp`` goes, are never within.
    """

    where: str = "*"
    """Which differences; a pattern as for `replay.comparators.paths.covers`."""
    rtol: str | None = None
    """Relative tolerance as a decimal number; `None` is exact."""
    atol: str | None = None
    """Absolute tolerance in the unit of the data, likewise."""
    ulp: int | None = None
    """In units in the last place of the data's own type; `None` says nothing."""
    source: str = ""
    """Where the figures come from: a paper, a ticket, a test."""

    def concerns(self, leaf: Leaf) -> bool:
        """Tell whether a difference is one of those."""
        return covers(self.where, leaf.path)

    def allows(self, difference: Difference) -> bool:
        """Tell whether a difference is within the tolerance."""
        frontier, ulps = (difference.measures.get(name) for name in ("frontier", "max_ulp"))
        if frontier is None:
            return False
        if self.ulp is not None and ulps is not None and int(ulps) <= self.ulp:
            return True
        if self.rtol is None and self.atol is None:
            return False
        return Frontier.parse(str(frontier)).within(float(self.rtol or 0), float(self.atol or 0))

    def to_document(self) -> dict[str, Any]:
        """Return it as a JSON-able document."""
        return asdict(self)


@dataclass(frozen=True)
class RowKey:
    """Columns that say which rows of two tables belong together, so that their order carries no meaning."""

    key: Key
    source: str
    """Where one can read that they identify a row."""

    def excuses(self, difference: Difference) -> bool:
        """Tell whether a difference is nothing but the order of rows that were matched on this key."""
        told = difference.measures
        return (
            difference.kind is Kind.ORDER
            and told.get("matched_on") == self.key.label
            and self.key.concerns(str(told.get("table", "")))
        )

    def to_document(self) -> dict[str, Any]:
        """Return it as a JSON-able document."""
        return {"table": self.key.table, "columns": list(self.key.columns), "source": self.source}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> RowKey:
        """Read back what `to_document` returned."""
        return cls(Key(document["table"], tuple(document["columns"])), document["source"])
