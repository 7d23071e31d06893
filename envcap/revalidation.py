# SPDX-License-Identifier: Apache-2.0
"""Whether what a collector found before still stands: before a job, to save the work; after it, to notice a change."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from .collectors.base import Collector, collect
from .errors import EnvcapError
from .fingerprint import Fingerprint, fingerprint
from .memo import Memo
from .model.descriptor import Descriptor, describe, describe_bytes
from .model.document import Document
from .redact import CLEAN
from .store.base import ObjectStore
from .target import Target

__all__ = (
    "changes_since",
    "fingerprint_of",
    "memorise",
    "memorise_document",
    "recalled",
    "recalled_document",
    "recalled_place",
)

_VERSION = "collectors 3"
"""Changes with what collectors make of the same files."""

_MAX_NAMED = 6
_PLACE = "\nplace"

Known = tuple[Descriptor, Mapping[str, object]]


def fingerprint_of(collector: Collector, target: Target) -> Fingerprint | None:
    """Return the fingerprint of what a collector looks at.

    `None` if it can't tell, or can't be told now: then it has to look.
    """
    try:
        paths = collector.looked_at(target)
        if paths is None:
            return None
        return fingerprint(paths, (*_facts(collector.kind, target), *collector.facts(target)))
    except (EnvcapError, OSError, ValueError):
        return None


def _facts(kind: str, target: Target) -> Iterator[str]:
    yield from (_VERSION, _rules(), kind, target.executable, target.prefix, target.version, *target.path)


@cache
def _rules() -> str:
    """Return what stands for the rules by which secrets are found: other rules may leave out what these kept."""
    return fingerprint(CLEAN.judged_by).digest


def recalled(
    memo: Memo, collector: Collector, target: Target, state: Fingerprint, store: ObjectStore
) -> Descriptor | None:
    """Return the component that stands for a fingerprint, if the store has it and all blobs that were kept with it."""
    return recalled_document(memo, _subject(collector, target), state, store)


def recalled_document(memo: Memo, subject: str, state: Fingerprint, store: ObjectStore) -> Descriptor | None:
    """Return the document that is known of a subject by a fingerprint, if the store has it and its blobs."""
    try:
        document, *blobs = list(memo.get(subject, state) or [None])
        found = Descriptor.checked(document)
        return found if all(store.has(digest) for digest in (found.digest, *blobs)) else None
    except (EnvcapError, TypeError, ValueError):
        return None


def memorise_document(
    memo: Memo, subject: str, state: Fingerprint, document: Descriptor, blobs: Iterable[str] = ()
) -> None:
    """Keep which document stands for a fingerprint, and the digests of the blobs that belong to it."""
    memo.put(subject, state, [document.data, *blobs])


def recalled_place(memo: Memo, collector: Collector, target: Target, state: Fingerprint) -> Mapping[str, object]:
    """Return where that which stands for a fingerprint stood; if nobody knows any more, it is looked at again."""
    found = memo.get(_subject(collector, target) + _PLACE, state)
    if isinstance(found, Mapping):
        return found
    collected, _ = collect(collector, target, describe_bytes)
    return collected.place if collected is not None else {}


def memorise(
    memo: Memo,
    collector: Collector,
    target: Target,
    states: tuple[Fingerprint, Fingerprint | None],
    found: Known,
    blobs: Iterable[str],
) -> None:
    """Keep what was found, if nothing changed meanwhile and no change could have gone unnoticed."""
    before, after = states
    if after is not None and after.digest == before.digest and before.is_settled(time.time_ns()):
        component, place = found
        memo.put(_subject(collector, target) + _PLACE, before, place)
        memorise_document(memo, _subject(collector, target), before, component, blobs)


def changes_since(
    fingerprints: Mapping[str, str], components: Mapping[str, Descriptor], target: Target, store: ObjectStore
) -> dict[str, str]:
    """Return what changed in an environment since it was captured, by collector.

    Parameters
    ----------
    fingerprints, components : mapping
        As they were captured, by collector.
    target : `Target`
    store : `ObjectStore`
        That has the components.
    """
    from .collectors.registry import COLLECTORS

    changed = {}
    for cls in COLLECTORS:
        collector = cls()
        if cls.kind not in fingerprints:
            continue
        state = fingerprint_of(collector, target)
        if state is not None and state.digest == fingerprints[cls.kind]:
            continue
        collected, outcome = collect(collector, target, describe_bytes)
        if collected is None:
            changed[cls.kind] = f"{outcome.status}: {outcome.reason}"
        elif cls.kind not in components:
            changed[cls.kind] = "there was none at the start"
        elif told := _told(collector, components[cls.kind], collected.component, store):
            changed[cls.kind] = told
    return changed


def _told(collector: Collector, known: Descriptor, after: Document, store: ObjectStore) -> str:
    if describe(after) == known:
        return ""
    from .differences import document_changes

    try:
        before = type(after).from_bytes(store.get(known.digest))
    except EnvcapError as err:
        return f"what it was can't be told any more: {err}"
    changes = document_changes(collector.steady(before), collector.steady(after))
    named = [f"{one.name} {one.before} → {one.after}" for one in changes[:_MAX_NAMED]]
    more = f" and {len(changes) - _MAX_NAMED} more" if len(changes) > _MAX_NAMED else ""
    return ", ".join(named) + more


def _subject(collector: Collector, target: Target) -> str:
    return "\n".join((*_facts(collector.kind, target), str(collector.slot(target))))
