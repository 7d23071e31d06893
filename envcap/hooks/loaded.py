# SPDX-License-Identifier: Apache-2.0
"""What a process had loaded and imported, as components: made once for each set of files, and remembered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from ..collectors.loaded_libraries import describe_libraries
from ..errors import EnvcapError
from ..fingerprint import fingerprint, state_of
from ..memo import Memo
from ..model.components import EffectiveNumerics, ImportedModules, LoadedLibraries, NumericsOfProcess
from ..model.descriptor import Descriptor
from ..model.document import Document
from ..model.manifest import Outcome
from ..redact import scrub_document
from ..revalidation import memorise_document, recalled_document
from ..store.base import ObjectStore
from ..store.keeper import Keeper
from .imported import INSTALLED, Imported

__all__ = (
    "KINDS",
    "LIBRARIES",
    "MODULES",
    "NOTHING_LOADED",
    "NUMERICS",
    "Loaded",
    "LoadedOnce",
    "Observed",
    "Remembered",
)

LIBRARIES = "loaded_libraries"
NUMERICS = "effective_numerics"
MODULES = "imported_modules"

KINDS = (LIBRARIES, NUMERICS, MODULES)

NOTHING_LOADED = "no numerical library was loaded"
"""Why there are no numerics in effect, where that is a finding."""


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Observed:
    """Components by kind, and how each ended."""

    def __init__(self) -> None:
        self.components: dict[str, Descriptor] = {}
        self.outcomes: dict[str, Outcome] = {}

    def add(self, kind: str, found: Descriptor | None, outcome: Outcome) -> None:
        """Add one more component, if there is one, and how it ended."""
        self.outcomes[kind] = outcome
        if found is not None:
            self.components[kind] = found

    @classmethod
    def failed(cls, error: Exception) -> Observed:
        """Return that nothing could be observed, and why."""
        self = cls()
        reason = f"{type(error).__name__}: {error}"
        self.outcomes = dict.fromkeys(KINDS, Outcome(status="failed", reason=reason))
        return self

    @property
    def failures(self) -> dict[str, str]:
        """What failed, and why."""
        return {kind: o.reason or "" for kind, o in self.outcomes.items() if o.status == "failed"}


class Loaded:
    """What one or more processes had loaded.

    Attributes
    ----------
    paths : sequence of `str`
        The libraries.
    numerics : sequence of `NumericsOfProcess`
    modules : sequence of `tuple`
        As `envcap.hooks.imported` returns them.
    """

    def __init__(self, paths: Sequence[str], numerics: Sequence[NumericsOfProcess], modules: Imported) -> None:
        self.paths = paths
        self.numerics = numerics
        self.modules = modules

    @classmethod
    def of_process(cls, paths: Sequence[str], numerics: Mapping[str, Any] | None, modules: Imported) -> Loaded:
        """Return what one process had loaded, as `envcap.hooks.observed.Snapshot` has it."""
        return cls(paths, [] if numerics is None else [NumericsOfProcess.checked(numerics)], modules)

    def documented(self, remembered: Remembered) -> Observed:
        """Return it as components."""
        found = Observed()

        def libraries(owners: Mapping[str, str]) -> Document:
            names = list(zip(remembered.prefixes, ("{prefix}", "{base_prefix}"), strict=True))
            return describe_libraries(self.paths, names, owners)

        found.add(LIBRARIES, *remembered.document(LIBRARIES, LoadedLibraries, self.paths, libraries))
        distinct = {one.to_bytes(): one for one in self.numerics}
        if distinct:
            effective = EffectiveNumerics(processes=[distinct[key] for key in sorted(distinct)])
            found.add(NUMERICS, *remembered.kept(effective))
        else:
            found.add(NUMERICS, None, Outcome(status="absent", reason=NOTHING_LOADED))
        installed = [path for _, path in self.modules if any(part in path for part in INSTALLED)]

        def modules(owners: Mapping[str, str]) -> Document:
            code = {name for name, path in self.modules if path not in owners}
            return ImportedModules(owners=sorted(set(owners.values())), code=sorted(code))

        names = [f"{name} {path}" for name, path in self.modules]
        found.add(MODULES, *remembered.document(MODULES, ImportedModules, installed, modules, names))
        return found


class LoadedOnce:
    """What a process had loaded at one moment, as components: made when first asked for, and once.

    Parameters
    ----------
    find : callable
        Returns what was loaded.
    remembered : `Remembered`
    """

    def __init__(self, find: Callable[[], Loaded], remembered: Remembered) -> None:
        self._find = find
        self._remembered = remembered
        self._found: Observed | None = None

    def documented(self) -> Observed:
        """Return it as components. It never raises."""
        if self._found is None:
            try:
                self._found = self._find().documented(self._remembered)
            except Exception as err:  # noqa: BLE001  (the payload must not notice; the outcome says it)
                return Observed.failed(err)  # it is not kept: the next quantum may have better luck
        return self._found


class Remembered:
    """Documents about files, remembered as long as the files, and some facts, are the same; it looks at a file once.

    Parameters
    ----------
    store : `ObjectStore`
    prefixes : `tuple`
        Of the interpreter, and of the one that it is based on.
    fingerprints : mapping
        Of what was captured, by collector: while they are the same, so is who owns what.
    """

    def __init__(self, store: ObjectStore, prefixes: tuple[str, str], fingerprints: Mapping[str, str]) -> None:
        self.prefixes = prefixes
        self._store = store
        self._facts = (*prefixes, *(f"{kind} {one}" for kind, one in sorted(fingerprints.items())))
        self._memo = Memo()
        self._look = cache(state_of)
        self._made: dict[str, Descriptor] = {}

    def document(
        self,
        kind: str,
        cls: type[Document],
        paths: Sequence[str],
        make: Callable[[Mapping[str, str]], Document],
        names: Sequence[str] = (),
    ) -> tuple[Descriptor, Outcome]:
        """Return a document that depends on files, their owners and some names, and how it came to be."""
        subject = "\n".join((kind, *paths, *names))
        if subject in self._made:
            return self._made[subject], Outcome(status="captured")
        state = fingerprint(paths, self._facts, self._look)
        known = recalled_document(self._memo, subject, state, self._store)
        if known is not None:
            self._made[subject] = known
            return known, Outcome(status="captured")
        owners, unknown = _owners(tuple(paths))
        clean, _ = scrub_document(make(owners).data, kind)
        found, outcome = self.kept(cls.checked(clean))
        if unknown is None and outcome.status == "captured":
            self._made[subject] = found
            if state.is_settled(time.time_ns()):
                memorise_document(self._memo, subject, state, found)
        return found, unknown or outcome

    def kept(self, document: Document) -> tuple[Descriptor, Outcome]:
        """Put a document into the store, and return how that ended."""
        keeper = Keeper(self._store)
        found = keeper.document(document)
        return found, keeper.failure or Outcome(status="captured")


def _owners(paths: Iterable[str]) -> tuple[dict[str, str], Outcome | None]:
    """Return the owners of files, and an outcome if they can't be told."""
    try:
        from ..collectors.owners import owners_of

        return owners_of(sorted(set(paths))), None
    except (EnvcapError, OSError) as err:
        return {}, Outcome(status="failed", reason=f"who owns what is loaded can't be told: {err}")
