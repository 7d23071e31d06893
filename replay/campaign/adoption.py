# SPDX-License-Identifier: Apache-2.0
"""Verdicts of a campaign that are in the store, and of which no ledger says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from envcap.ids import uuid_text
from envcap.model.document import parse_json
from envcap.store.index import Index
from envcap.trust.verify import AUTHENTIC, Keyring

from .definition import Definition, Planned
from .entry import Entry
from .judging import stored_entry

__all__ = ("adopted",)


def adopted(index: Index, definition: Definition, left: Mapping[str, Planned]) -> Iterator[Entry]:
    """Yield the entries of quanta that are judged already: whoever did it was killed before it could write that down.

    Whoever can write to the store can write verdicts; so only those that the user's own key vouches for are taken, or
    any if the campaign trusts what it finds.

    Parameters
    ----------
    index : `Index`
    definition : `Definition`
    left : mapping
        The quanta without an entry, by attempt.
    """
    keyring = Keyring(own_only=True)
    found = set()
    rows = index.columns("attempt, replay_of", "replay_of IS NOT NULL", order="started, attempt")
    for replay, original in rows:
        planned = left.get(str(original))
        if planned is None or planned.attempt in found:
            continue
        record = index.verdict_record(uuid_text(replay))
        document = parse_json(record.data) if record is not None else None
        if record is None or not isinstance(document, dict) or document.get("campaign") != definition.id:
            continue
        vouched = keyring.judge_sealed("verdict", record.digest, record.seal).status == AUTHENTIC
        if document.get("replay_of") == planned.attempt and (vouched or definition.options["trust"]):
            found.add(planned.attempt)
            yield stored_entry(planned, document)
