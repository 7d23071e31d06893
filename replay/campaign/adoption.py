# SPDX-License-Identifier: Apache-2.0
"""Verdicts of a campaign that are in the store, and of which no ledger says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from envcap.ids import uuid_text
from envcap.store.index import Index

from .definition import Definition, Planned
from .entry import Entry
from .judging import stored_entry

__all__ = ("adopted",)


def adopted(index: Index, definition: Definition, left: Mapping[str, Planned]) -> Iterator[Entry]:
    """Yield the entries of quanta that are judged already: whoever did it was killed before it could write that down.

    Parameters
    ----------
    index : `Index`
    definition : `Definition`
    left : mapping
        The quanta without an entry, by attempt.
    """
    rows = index.columns(
        "attempt, replay_of", "replay_of IS NOT NULL AND started >= ?", [definition.created], order="started, attempt"
    )
    found = set()
    for replay, original in rows:
        planned = left.get(str(original))
        if planned is None or planned.attempt in found:
            continue
        document = index.verdict(uuid_text(replay))
        if isinstance(document, dict) and document.get("campaign") == definition.id:
            found.add(planned.attempt)
            yield stored_entry(planned, document)
