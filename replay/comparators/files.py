# SPDX-License-Identifier: Apache-2.0
"""Comparing two files, from digest to verdict."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envcap import html
from envcap.digest import digest_of_file

from . import registry
from .base import reading
from .difference import Difference, Kind, Leaf
from .matching import Matching
from .paths import covers
from .policy import DEFAULT, Judgement, Policy, Verdict

__all__ = ("FileComparison", "FileIdentity", "compare_files")

_MAX_DIFFERENCES = 12


@dataclass(frozen=True)
class FileIdentity:
    """The bytes of a file."""

    digest: str
    """``sha256:`` and 64 hexadecimal digits."""
    size: int
    """In bytes."""

    def to_json(self) -> dict[str, Any]:
        """Return the identity as a JSON-able document; the size is a text, as it may pass 2^53."""
        return {"digest": self.digest, "size": str(self.size)}


@dataclass(frozen=True, repr=False)
class FileComparison:
    """How a re-made file compares with the original."""

    original: FileIdentity
    remade: FileIdentity
    comparator: str | None
    """Name of the comparator that measured; `None` if none had to, or the files are of two types."""
    differences: tuple[Difference, ...]
    """The tree of all that was measured."""
    judgement: Judgement
    policy_digest: str

    @property
    def verdict(self) -> Verdict:
        """The verdict of the judgement."""
        return self.judgement.verdict

    def leaves(self, *, kind: Kind | str | Collection[Kind | str] = tuple(Kind), where: str = "*") -> Iterator[Leaf]:
        """Iterate over the differences, whatever they are judged to mean.

        Parameters
        ----------
        kind : `Kind` or `str`, or a collection of them, optional
            Only these: ``"nan"``, ``{"missing", "extra"}``.
        where : `str`, optional
            Only what this pattern names, or what is in it: ``HDU IMAGE``, ``column *_flux``; see
            `replay.comparators.paths.covers`.
        """
        kinds = {kind} if isinstance(kind, str) else set(kind)
        for difference in self.differences:
            for leaf in difference.leaves():
                if leaf.difference.kind in kinds and covers(where, leaf.path):
                    yield leaf

    def lines(self) -> Iterator[str]:
        """Yield what a person should know of the differences, the significant first."""
        judgement = self.judgement
        if judgement.note:
            yield judgement.note
        for leaf in judgement.significant[:_MAX_DIFFERENCES]:
            yield str(leaf)
        if len(judgement.significant) > _MAX_DIFFERENCES:
            yield f"and {len(judgement.significant) - _MAX_DIFFERENCES} more"
        if judgement.tolerated:
            yield f"within tolerance: {'; '.join(map(str, judgement.tolerated[:3]))}"
        if judgement.volatile:
            named = ", ".join(leaf.path[-1] for leaf in judgement.volatile[:3])
            more = f" and {len(judgement.volatile) - 3} more" if len(judgement.volatile) > 3 else ""
            yield f"volatile: {named}{more}"

    def __repr__(self) -> str:
        return f"<comparison of {self.original.digest[:19]}… and {self.remade.digest[:19]}…: {self.verdict}>"

    def _repr_html_(self) -> str:
        files = [(sign, f"{one.size} bytes", one.digest) for sign, one in (("A", self.original), ("B", self.remade))]
        return html.page("comparison", *map(html.message, self.lines()), html.table((), files), badge=str(self.verdict))

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as a JSON-able document without floats."""
        return {
            "original": self.original.to_json(),
            "remade": self.remade.to_json(),
            "comparator": self.comparator,
            "differences": [difference.to_json() for difference in self.differences],
            "judgement": self.judgement.to_json(),
            "policy": self.policy_digest,
        }


def compare_files(
    original: Path, remade: Path, policy: Policy = DEFAULT, read: tuple[Path, Path] | None = None
) -> FileComparison:
    """Compare two files and judge what differs.

    Parameters
    ----------
    original, remade : `pathlib.Path`
        The files.
    policy : `Policy`, optional
        What may differ; by default nothing but a file's date and checksums.
    read : `tuple`, optional
        Two archives of NumPy with what is in the files: they are compared in their place, if the files are of no known
        type.

    Returns
    -------
    comparison : `FileComparison`
        With the verdict.

    Raises
    ------
    ComparisonError
        Raised if a file is missing or unreadable, or if the bytes differ and one is damaged.
    """
    left, right = _identify(original), _identify(remade)
    comparator: str | None = None
    differences: tuple[Difference, ...] = ()
    if left != right:
        comparator, differences = _measure(original, remade, policy.matching, read)
    judgement = policy.judge(left == right, differences)
    return FileComparison(left, right, comparator, differences, judgement, policy.digest)


def _measure(
    original: Path, remade: Path, matching: Matching, read: tuple[Path, Path] | None
) -> tuple[str | None, tuple[Difference, ...]]:
    before, after = registry.find(original), registry.find(remade)
    if before != after:
        return None, (Difference("file", Kind.TYPE, f"{before.name} file → {after.name} file"),)
    if before is registry.BYTES and read is not None:
        return "formatter", registry.NPZ.load(matching).compare(*read)
    return before.name, before.load(matching).compare(original, remade)


def _identify(path: Path) -> FileIdentity:
    with reading(path):
        return FileIdentity(*digest_of_file(str(path)))
