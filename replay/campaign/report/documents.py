# SPDX-License-Identifier: Apache-2.0
"""Verdicts as a store has them, read with care: they are anybody's, so whatever is no verdict counts for nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from ...comparators.policy import Verdict
from ...explain.suspect import Suspect
from ..entry import Entry

__all__ = (
    "Line",
    "Measured",
    "Output",
    "extra_outputs",
    "layers_of",
    "number",
    "outputs_of",
    "replay_of",
    "seconds_of",
    "suspects_in",
    "tree_lines",
    "verdict_of",
)

_DEEPEST = 12


@dataclass(frozen=True)
class Measured:
    """A leaf of a tree of differences.

    Attributes
    ----------
    path : `tuple` of `str`
        Where it was found, outermost first.
    kind, detail : `str`
        As `replay.comparators.difference.Difference`.
    measures : mapping
    """

    path: tuple[str, ...]
    kind: str
    detail: str
    measures: Mapping[str, str | int]

    def __str__(self) -> str:
        return f"{' / '.join(self.path)}: {self.detail}"

    def figure(self, name: str) -> float | None:
        """Return one of its figures, if it has it and it is a finite number."""
        return number(self.measures.get(name))


@dataclass(frozen=True)
class Output:
    """One output of a quantum, compared.

    Attributes
    ----------
    dataset_type, verdict, note : `str`
    original, remade : `str`
        Paths of the files; empty if they are no local ones.
    significant, tolerated, volatile : sequence of `Measured`
        What differs, under what the policy took it for.
    tree : sequence of mappings
        All differences.
    """

    dataset_type: str
    verdict: str
    note: str
    original: str
    remade: str
    significant: Sequence[Measured]
    tolerated: Sequence[Measured]
    volatile: Sequence[Measured]
    tree: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Line:
    """A line of a tree of differences.

    Attributes
    ----------
    depth : `int`
        From 0 on.
    where, detail : `str`
    """

    depth: int
    where: str
    detail: str


def verdict_of(entry: Entry) -> Verdict:
    """Return an entry's verdict; what is none is a failure."""
    return Verdict(entry.verdict) if entry.verdict in set(Verdict) else Verdict.FAILED


def replay_of(entry: Entry) -> str:
    """Return the attempt id of the replay; empty if there is none."""
    return _text(_mapping(entry.document), "replay")


def seconds_of(entry: Entry) -> float:
    """Return how long the re-run and the comparison took; 0 if that is unknown."""
    return max(number(entry.seconds) or 0.0, 0.0)


def outputs_of(entry: Entry) -> list[Output]:
    """Return the outputs of an entry that were compared."""
    return [_output(one) for one in _mappings(_mapping(entry.document).get("outputs"))]


def extra_outputs(entry: Entry) -> list[str]:
    """Return the dataset types of what the re-run made and the job did not."""
    extra = _mapping(entry.document).get("extra")
    return [one for one in extra if isinstance(one, str)] if isinstance(extra, list | tuple) else []


def layers_of(entry: Entry) -> list[tuple[str, str, str]]:
    """Return the layers that the replay had: name, fidelity, detail."""
    layers = _mappings(_mapping(entry.document).get("layers"))
    return [(_text(one, "layer"), _text(one, "fidelity"), _text(one, "detail")) for one in layers]


def suspects_in(entry: Entry) -> list[Suspect]:
    """Return the suspects of an entry, the likeliest first."""
    return [_suspect(one) for one in _mappings(entry.suspects)]


def number(value: object) -> float | None:
    """Return a figure of a document, if it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def tree_lines(output: Output) -> Iterator[Line]:
    """Yield the lines of a tree of differences, depth first; what is nested too deeply is left out."""
    waiting = [(0, one) for one in reversed(output.tree)]
    while waiting:
        depth, node = waiting.pop()
        yield Line(depth, _text(node, "where"), _text(node, "detail"))
        if depth < _DEEPEST:
            waiting += [(depth + 1, one) for one in reversed(_mappings(node.get("children")))]


def _output(document: Mapping[str, Any]) -> Output:
    comparison = _mapping(document.get("comparison"))
    judgement = _mapping(comparison.get("judgement"))
    return Output(
        dataset_type=_text(document, "dataset_type"),
        verdict=_text(document, "verdict"),
        note=_text(document, "note") or _text(judgement, "note"),
        original=_local(_text(_mapping(document.get("original")), "path")),
        remade=_local(_text(_mapping(document.get("remade")), "uri")),
        significant=[_measured(one) for one in _mappings(judgement.get("significant"))],
        tolerated=[_measured(one) for one in _mappings(judgement.get("tolerated"))],
        volatile=[_measured(one) for one in _mappings(judgement.get("volatile"))],
        tree=_mappings(comparison.get("differences")),
    )


def _measured(leaf: Mapping[str, Any]) -> Measured:
    path = leaf.get("path")
    steps = tuple(map(str, path)) if isinstance(path, list | tuple) else (_text(leaf, "where"),)
    # No measure of ours is a float: what isn't finite could not be written down again.
    measures = {name: one for name, one in _mapping(leaf.get("measures")).items() if isinstance(one, str | int)}
    return Measured(steps, _text(leaf, "kind"), _text(leaf, "detail"), measures)


def _suspect(document: Mapping[str, Any]) -> Suspect:
    layer, name, before, after = (_text(document, key) for key in ("layer", "name", "before", "after"))
    evidence, score = document.get("evidence"), document.get("score")
    lines = [one for one in evidence if isinstance(one, str)] if isinstance(evidence, list | tuple) else []
    return Suspect(layer, name, before, after, score if isinstance(score, int) else 0, lines)


def _local(place: str) -> str:
    """Return the path of a local file that a path or a URI names; empty for anything else."""
    if place.startswith("/"):
        return place
    try:
        found = urlsplit(place)
    except ValueError:
        return ""
    return unquote(found.path) if found.scheme == "file" and found.netloc in ("", "localhost") else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""
