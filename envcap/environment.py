# SPDX-License-Identifier: Apache-2.0
"""The environment of a job: what every collector found, as descriptors of documents in the store.

`envcap run` captures it once and hands it to the command's children in one variable, so that a quantum in a running
pipetask costs no capture of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from .collectors.base import Collector, collect, noting
from .errors import EnvcapError, FormatError
from .fingerprint import Fingerprint, fingerprint
from .memo import Memo
from .model.components import Site
from .model.descriptor import Descriptor
from .model.document import Document
from .model.manifest import Outcome
from .model.recipe import Recipe
from .redact import CLEAN, scrub_document
from .revalidation import (
    fingerprint_of,
    memorise,
    memorise_document,
    recalled,
    recalled_document,
    recalled_place,
)
from .store.keeper import Keeper
from .store.local import LocalStore
from .target import Target

__all__ = ("Environment", "capture_environment")

_SLOT_DIGITS = 2
_MAX_NOTES = 100
"""Most places of one document that are named where secrets were taken out: children are handed them in a variable."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    _D = TypeVar("_D", bound=Document)


class Environment:
    """Components by layer, and how each collector ended.

    Attributes
    ----------
    software, host : `dict` [ `str`, `Descriptor` ]
        Components by collector kind.
    site : `Descriptor`
        The `Site` document.
    outcomes : `dict` [ `str`, `Outcome` ]
    instances : `dict` [ `str`, mapping ]
        What differs from one start to the next, by collector kind.
    scrubbed : `dict` [ `str`, `str` ]
        What was taken out of the documents: kind of secret by place.
    fingerprints : `dict` [ `str`, `str` ]
        Of what each collector looked at that can tell whether that has changed.
    prefix, version : `str`
        Of the interpreter that was captured; a child of another interpreter must capture its own.
    pythonpath : `str`
        What ``PYTHONPATH`` was, likewise.
    """

    def __init__(self, target: Target) -> None:
        self.software: dict[str, Descriptor] = {}
        self.host: dict[str, Descriptor] = {}
        self.site: Descriptor | None = None
        self.outcomes: dict[str, Outcome] = {}
        self.instances: dict[str, Mapping[str, str]] = {}
        self.scrubbed: dict[str, str] = {}
        self.fingerprints: dict[str, str] = {}
        self.prefix = target.prefix
        self.version = target.version
        self.pythonpath = target.environ.get("PYTHONPATH", "")

    def note(self, place: str, notes: Mapping[str, str]) -> None:
        """Note what was taken out of a document."""
        kept = list(notes.items())[:_MAX_NOTES]
        self.scrubbed.update(kept)
        if len(notes) > len(kept):
            more = f"{place} (and {len(notes) - len(kept)} more places)"
            self.scrubbed[more] = ", ".join(sorted(set(notes.values())))

    @property
    def degraded(self) -> bool:
        """Whether a collector failed or something could not be kept."""
        return any(outcome.status == "failed" for outcome in self.outcomes.values())

    def recipe(self, work: Document) -> Recipe:
        """Return the recipe of some work in this environment."""
        return Recipe(software=self.software, work=work.data)

    def fits(self, target: Target) -> bool:
        """Whether a process that runs in `target` runs in this environment."""
        found = (target.prefix, target.version, target.environ.get("PYTHONPATH", ""))
        return (self.prefix, self.version, self.pythonpath) == found

    def to_json(self) -> str:
        """Return the environment as text for a child process."""
        documents: Mapping[str, object] = {
            "software": {kind: d.data for kind, d in self.software.items()},
            "host": {kind: d.data for kind, d in self.host.items()},
            "site": self.site.data if self.site else None,
            "outcomes": {kind: o.data for kind, o in self.outcomes.items()},
            "instances": self.instances,
            "scrubbed": self.scrubbed,
            "fingerprints": self.fingerprints,
            "prefix": self.prefix,
            "version": self.version,
            "pythonpath": self.pythonpath,
        }
        return json.dumps(documents, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Environment:
        """Read what `to_json` wrote.

        Raises
        ------
        FormatError
            If it is something else.
        """
        self = cls(Target.none({}))
        try:
            found = json.loads(text)
            self.software = {kind: Descriptor.checked(d) for kind, d in found["software"].items()}
            self.host = {kind: Descriptor.checked(d) for kind, d in found["host"].items()}
            self.site = Descriptor.checked(found["site"]) if found["site"] else None
            self.outcomes = {kind: Outcome.checked(o) for kind, o in found["outcomes"].items()}
            self.instances, self.scrubbed = dict(found["instances"]), dict(found["scrubbed"])
            self.fingerprints = dict(found["fingerprints"])
            self.prefix, self.version, self.pythonpath = found["prefix"], found["version"], found["pythonpath"]
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as err:
            raise FormatError(f"no environment as 'envcap run' hands it down: {type(err).__name__}: {err}") from err
        return self


def capture_environment(
    target: Target, store: LocalStore, collectors: Sequence[type[Collector]] | None = None
) -> Environment:
    """Run the collectors and keep what they find. It never raises: what fails is an outcome.

    Parameters
    ----------
    target : `Target`
    store : `LocalStore`
    collectors : sequence, optional
        By default, all that are registered.
    """
    from .collectors.registry import COLLECTORS

    environment = Environment(target)
    places: dict[str, Mapping[str, object]] = {}
    known: dict[str, tuple[Collector, Fingerprint]] = {}
    keeper = Keeper(store)
    memo = Memo()
    CLEAN.load(memo)
    for cls in COLLECTORS if collectors is None else collectors:
        layer = environment.host if cls.layer == "host" else environment.software
        collector = cls()
        before = fingerprint_of(collector, target)
        if before is not None:
            environment.fingerprints[cls.kind] = before.digest
            if (component := recalled(memo, collector, target, before, store)) is not None:
                layer[cls.kind], known[cls.kind] = component, (collector, before)
                environment.outcomes[cls.kind] = Outcome(status="captured")
                continue
        blobs: list[str] = []
        collected, outcome = collect(collector, target, noting(keeper.blob, blobs))
        if collected is not None:
            try:
                document, notes = _guarded(collected.component, cls.kind)
                environment.note(cls.kind, notes)
                layer[cls.kind] = keeper.document(document)
                places[cls.kind] = collected.place
                if collected.instance:
                    environment.instances[cls.kind] = collected.instance
                if before is not None and not notes and keeper.failure is None:
                    states = (before, fingerprint_of(collector, target))
                    memorise(memo, collector, target, states, (layer[cls.kind], collected.place), blobs)
            except (EnvcapError, TypeError, ValueError) as err:
                outcome = Outcome(status="failed", reason=f"{cls.kind} can't be written down: {err}")
        captured = outcome.status == "captured"
        environment.outcomes[cls.kind] = (keeper.failure if captured else None) or outcome
    environment.site = _site(environment, store, target, places, known, memo, keeper)
    if keeper.failure is not None:
        environment.outcomes["site"] = keeper.failure
    return environment


def _site(
    environment: Environment,
    store: LocalStore,
    target: Target,
    places: Mapping[str, Mapping[str, object]],
    known: Mapping[str, tuple[Collector, Fingerprint]],
    memo: Memo,
    keeper: Keeper,
) -> Descriptor:
    """Keep the site: what was just found, and the places of what is known. If all of it was kept before, that is."""
    facts = [f"{kind} {state.digest}" for kind, (_, state) in known.items()]
    state = fingerprint((), [*facts, json.dumps(places, default=str)])
    subject = f"site {state.digest[:_SLOT_DIGITS]}"
    if (kept := recalled_document(memo, subject, state, store)) is not None:
        return kept
    recalled_places = {kind: recalled_place(memo, one, target, of) for kind, (one, of) in known.items()}
    site, notes = _guarded(Site(places={**recalled_places, **places}), "site")
    environment.note("site", notes)
    kept = keeper.document(site)
    if not notes and keeper.failure is None:
        memorise_document(memo, subject, state, kept)
    return kept


def _guarded(document: _D, place: str) -> tuple[_D, dict[str, str]]:
    """Return a document without what a collector should have taken out, and what was taken out where."""
    clean, notes = scrub_document(document.data, place)
    return (document if clean is document.data else document.checked(clean)), notes
