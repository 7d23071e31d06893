# SPDX-License-Identifier: Apache-2.0
"""From what a re-run came to, to the entry of its quantum."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from envcap.errors import EngineError, EnvcapError, StoreError
from envcap.store.index import Index

from ..comparators.difference import Leaf
from ..comparators.policy import Verdict
from ..errors import BuildError
from ..fidelity import Fidelity
from ..jobs.base import CapturedJob
from ..verdict import ReplayVerdict
from .definition import Planned
from .entry import Entry
from .suspects import suspects

__all__ = ("is_infrastructure", "judged_entry", "stored_entry", "unjudged_entry")


def judged_entry(
    planned: Planned, verdict: ReplayVerdict, index: Index, job: CapturedJob, seconds: float, tries: int
) -> Entry:
    """Return the entry of a quantum that was judged just now.

    Parameters
    ----------
    seconds : `float`
        How long that took.
    tries : `int`
        How often it was tried.
    """
    found = suspects(index, job.attempt, verdict.replay, _significant(verdict)) if _differs(verdict.verdict) else ()
    return _entry(planned, json.loads(verdict.to_bytes()), f"{seconds:.3f}", tries, found)


def stored_entry(planned: Planned, document: Mapping[str, Any]) -> Entry:
    """Return the entry of a quantum whose verdict is in the store already: whoever judged it could not say so."""
    seconds = sum(float(one) for one in document["seconds"].values())
    return _entry(planned, document, f"{seconds:.3f}", 1, ())


def unjudged_entry(planned: Planned, kind: str, message: str, seconds: float, tries: int) -> Entry:
    """Return the entry of a quantum for which there is no verdict, and won't be one.

    Parameters
    ----------
    kind : `str`
        Stable name of the error.
    message : `str`
        Why, in one line.
    """
    return Entry(
        **vars(planned),
        verdict=str(Verdict.FAILED),
        error=message,
        error_type=kind,
        fidelity=None,
        seconds=f"{seconds:.3f}",
        tries=tries,
        document=None,
        suspects=(),
    )


def _entry(
    planned: Planned, document: Mapping[str, Any], seconds: str, tries: int, found: Sequence[Mapping[str, Any]]
) -> Entry:
    reached = [Fidelity[str(layer["fidelity"]).upper()] for layer in document["layers"]]
    return Entry(
        **vars(planned),
        verdict=str(document["verdict"]),
        error=None,
        error_type=None,
        fidelity=str(max(reached, default=Fidelity.EXACT)),
        seconds=seconds,
        tries=tries,
        document=document,
        suspects=found,
    )


def _differs(verdict: Verdict) -> bool:
    return verdict in (Verdict.EQUIVALENT, Verdict.DIFFERENT)


def _significant(verdict: ReplayVerdict) -> list[Leaf]:
    return [leaf for output in verdict.outputs for leaf in output.comparison.judgement.significant]


def is_infrastructure(error: EnvcapError) -> bool:
    """Whether an error says nothing of the quantum: tried again, it may be gone."""
    return isinstance(error, BuildError | EngineError | StoreError)
