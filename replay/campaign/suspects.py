# SPDX-License-Identifier: Apache-2.0
"""What may have made a re-run differ from its original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from envcap.errors import EnvcapError
from envcap.store.index import Attempt, Index

from ..comparators.difference import Leaf
from ..explain.suspects import suspects_between

__all__ = ("suspects",)

_MOST = 12


def suspects(index: Index, original: Attempt, replay: str, leaves: Sequence[Leaf]) -> Sequence[Mapping[str, Any]]:
    """Return what may have made a re-run differ from its original, the likeliest first.

    None, if the store doesn't have what it takes to tell: the verdict stands without.

    Parameters
    ----------
    index : `Index`
    original : `Attempt`
    replay : `str`
        Attempt id of the re-run.
    leaves : sequence of `Leaf`
        What differs in the outputs.
    """
    try:
        index.refresh()
        found = suspects_between(index, original, index.load(replay), leaves)
    except EnvcapError:
        return ()
    return [one.to_json() for one in found[:_MOST]]
