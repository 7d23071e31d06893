# SPDX-License-Identifier: Apache-2.0
"""What may have made a re-run differ from its original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from envcap.store.index import Attempt, Index

from ..comparators.difference import Leaf

__all__ = ("suspects",)


def suspects(index: Index, original: Attempt, replay: str, leaves: Sequence[Leaf]) -> Sequence[Mapping[str, Any]]:
    """Return what may have made a re-run differ from its original, the likeliest first.

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
        explain = import_module("replay.explain.suspects")
    except ModuleNotFoundError:
        return ()
    index.refresh()
    return [one.to_json() for one in explain.suspects_between(original, index.load(replay), leaves)]
