# SPDX-License-Identifier: Apache-2.0
"""What is known of two jobs and of how their outputs differ: evidence for and against suspects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import TypeVar

from envcap.errors import EnvcapError
from envcap.hooks.loaded import LIBRARIES, MODULES
from envcap.model.components import ImportedModules, LoadedLibraries, LoadedLibrary
from envcap.model.document import Document

from ..comparators.difference import Kind, Leaf
from ..comparators.tolerance import Frontier
from ..jobs.base import CapturedJob
from .changes.source_files import code_trees
from .code_reading import CodeReading, read_code

__all__ = ("Facts", "Size")

_D = TypeVar("_D", bound=Document)

_ROUND_OFF = 1e-6
_VALUES = frozenset({Kind.VALUE, Kind.CARD, Kind.METADATA})


class Size(StrEnum):
    """How large the differences of the outputs are."""

    UNKNOWN = "unknown"
    ROUND_OFF = "round-off"
    """Numbers differ in their last digits, and nothing else does."""
    LARGE = "larger than round-off"
    STRUCTURAL = "in structure"
    """Shapes, types, names, or which things there are."""


class Facts:
    """What is known of two jobs.

    Parameters
    ----------
    a, b : `CapturedJob`
    leaves : sequence of `Leaf`
        How their outputs differ, without what may differ between any two runs.
    """

    def __init__(self, a: CapturedJob, b: CapturedJob, leaves: Sequence[Leaf]) -> None:
        self.a = a
        self.b = b
        self.leaves = leaves

    @cached_property
    def size(self) -> Size:
        """How large the differences are."""
        if not self.leaves:
            return Size.UNKNOWN
        if any(leaf.difference.kind not in _VALUES for leaf in self.leaves):
            return Size.STRUCTURAL
        numbers = [leaf for leaf in self.leaves if leaf.difference.kind is Kind.VALUE]
        return Size.ROUND_OFF if numbers and all(map(_is_round_off, numbers)) else Size.LARGE

    @cached_property
    def used(self) -> frozenset[str] | None:
        """The packages whose modules or libraries a job had loaded, behind their managers' names; `None` if unknown."""
        found: set[str] = set()
        for job in (self.a, self.b):
            modules = _observed(job, MODULES, ImportedModules)
            if modules is None:
                return None  # it may be that very job which used what the other did not
            found.update(modules.owners)
            libraries = _observed(job, LIBRARIES, LoadedLibraries)
            found.update(one.owner for one in (libraries.libraries if libraries else ()) if one.owner)
        return frozenset(found)

    @cached_property
    def libraries(self) -> tuple[Mapping[str, LoadedLibrary], Mapping[str, LoadedLibrary]]:
        """The libraries that each job had loaded, by path; none at all if it is known of one of the two only."""
        found = [_observed(job, LIBRARIES, LoadedLibraries) for job in (self.a, self.b)]
        if found[0] is None or found[1] is None:
            return {}, {}
        before, after = ({one.path: one for one in loaded.libraries} for loaded in found if loaded)
        return before, after

    @cached_property
    def imported_code(self) -> frozenset[str] | None:
        """The modules of no package that a job had imported; `None` if unknown."""
        before, after = (_observed(job, MODULES, ImportedModules) for job in (self.a, self.b))
        return None if before is None or after is None else frozenset((*before.code, *after.code))

    @cached_property
    def code(self) -> CodeReading:
        """What the code of both jobs mentions, as far as it could be put back, and was imported."""
        files: set[tuple[str, bytes]] = set()
        for job in (self.a, self.b):
            try:
                trees = code_trees(job)
            except EnvcapError:
                continue  # there is less evidence then
            for tree in trees:
                files.update(one for one in tree.files.items() if self.is_imported(one[0]) is not False)
        return read_code(files)

    def is_imported(self, path: str) -> bool | None:
        """Whether a file of the code, by its path from a root, was imported; `None` if that is unknown."""
        if self.imported_code is None:
            return None
        if not path.endswith(".py"):
            return False
        module = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        return module in self.imported_code

    def is_used(self, package: str) -> bool | None:
        """Whether a package (``python numpy``) was loaded; `None` if that is unknown."""
        return None if self.used is None else package in self.used


def _observed(job: CapturedJob, kind: str, cls: type[_D]) -> _D | None:
    """Return what was observed of a job; `None` if that isn't all, or is gone."""
    result = job.attempt.result
    outcome = (result.outcomes or {}).get(kind) if result else None
    descriptor = (result.observed or {}).get(kind) if result else None
    if outcome is None or outcome.status != "captured" or descriptor is None:
        return None
    try:
        return cls.from_bytes(job.store.get(descriptor.digest))
    except EnvcapError:
        return None


def _is_round_off(leaf: Leaf) -> bool:
    """Whether the largest deviation is small where it is.

    That of a number near zero may be large in ULPs, where larger ones cancelled.
    """
    frontier = leaf.difference.measures.get("frontier")
    largest = Frontier.parse(str(frontier)).at_largest if frontier is not None else None
    return largest is not None and largest <= _ROUND_OFF
