# SPDX-License-Identifier: Apache-2.0
"""The suspects: everything that is on record as different, weighed, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envcap.differences import diff_attempts
from envcap.errors import EnvcapError
from envcap.hooks.loaded import LIBRARIES
from envcap.model.components import LoadedLibrary
from envcap.store.attempt import Attempt
from envcap.store.index import Index

from ..comparators.difference import Leaf
from ..jobs.base import CapturedJob
from ..jobs.registry import captured_job
from .changes.base import NOTHING
from .changes.registry import CHANGE_KINDS, changes_between
from .facts import Facts
from .rules.base import Raw, Weight
from .rules.registry import RULES
from .rules.unrecorded import NOT_ON_RECORD
from .suspect import Suspect

__all__ = ("suspects", "suspects_between")

_NO_CAUSE = frozenset({"outputs", LIBRARIES, "imported_modules", "allotment", "node_details", "python_artifacts"})
"""Layers of ``envcap diff`` that tell what came of a job, or of its node what no result depends on.

Libraries are looked at one by one.
"""
_UNKNOWN = Weight(9, ("a layer that no rule knows",))


def suspects(a: CapturedJob, b: CapturedJob, leaves: Sequence[Leaf]) -> list[Suspect]:
    """Return what may have made the outputs of two jobs differ, the likeliest first.

    Parameters
    ----------
    a, b : `CapturedJob`
    leaves : sequence of `Leaf`
        How the outputs differ, without what may differ between any two runs; none if that isn't known.
    """
    facts = Facts(a, b, leaves)
    found = []
    for raw in dict.fromkeys((*_differences(a, b, facts), *NOT_ON_RECORD)):
        rule = RULES.get(raw.layer)
        score, evidence = rule.weigh(raw, facts) if rule else _UNKNOWN
        found.append(Suspect(raw.layer, raw.name, raw.before, raw.after, score, evidence))
    return sorted(found, key=lambda one: (-one.score, one.layer, one.name))


def suspects_between(index: Index, a: Attempt, b: Attempt, leaves: Sequence[Leaf]) -> list[Suspect]:
    """Return the suspects of two attempts of a store; see `suspects`.

    Raises
    ------
    EnvcapError
        If one of them is no job that can be replayed.
    """
    return suspects(captured_job(index, a), captured_job(index, b), leaves)


def _differences(a: CapturedJob, b: CapturedJob, facts: Facts) -> Iterator[Raw]:
    """Yield what differs: what could be tried as the changes are, the rest as ``envcap diff`` has it."""
    tried = {kind.layer for kind in CHANGE_KINDS}
    try:
        found = changes_between(a, b)
    except EnvcapError:
        # A document is missing, or the code must not be looked at: the difference says as much as there is left.
        found, tried = [], set()
    yield from (Raw(one.layer, one.name, one.before, one.after) for one in found)
    yield from _libraries(facts)
    for layer in diff_attempts(a.attempt, b.attempt).layers:
        if layer.layer in tried or layer.layer in _NO_CAUSE:
            continue
        if layer.unknown:
            yield Raw(layer.layer, "", "unknown", layer.unknown)
        yield from (Raw(layer.layer, one.name, one.before, one.after) for one in layer.changes)


def _libraries(facts: Facts) -> Iterator[Raw]:
    """Yield the loaded libraries that differ, one that only one of the two had loaded among them."""
    before, after = facts.libraries
    for path in sorted({*before, *after}):
        told = [_build(loaded.get(path)) for loaded in (before, after)]
        if told[0] != told[1]:
            yield Raw(LIBRARIES, path, *told)


def _build(library: LoadedLibrary | None) -> str:
    if library is None:
        return NOTHING
    return library.build_id or library.sha256 or "unknown"
