# SPDX-License-Identifier: Apache-2.0
"""A hybrid: one job with some of the changes that make it like another. It is replayed like any captured job."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from envcap.collectors.rubin_quantum import CONFIG_MEDIA_TYPE
from envcap.digest import canonical_json, digest_of
from envcap.ids import uuid7
from envcap.model.components import RubinConfig, Site
from envcap.model.descriptor import describe
from envcap.model.manifest import Manifest
from envcap.model.recipe import Recipe
from envcap.store.index import Attempt
from envcap.trust.verify import AUTHENTIC, Authenticity

from ..jobs.base import CapturedJob
from ..jobs.command import CapturedCommand
from ..jobs.quantum import CapturedQuantum
from .changes.base import Change
from .draft import Draft
from .trial_store import TrialStore

__all__ = ("hybrid",)


class _Hybrid(CapturedJob):
    """What hybrids have in common.

    They are as trustworthy as the two jobs that they are made of, and found in no store.
    """

    parents: Sequence[CapturedJob]
    more_libraries: Sequence[str]

    @cached_property
    def authenticity(self) -> Authenticity:
        """The worse of the two jobs'."""
        found = [one.authenticity for one in self.parents]
        return next((one for one in found if one.status != AUTHENTIC), found[0])

    @property
    def replay_of(self) -> str:
        """The first of the two jobs."""
        return self.parents[0].manifest.attempt

    @property
    def libraries(self) -> list[str]:
        """Library directories of both jobs' environments."""
        return [*super().libraries, *self.more_libraries]


class _HybridQuantum(_Hybrid, CapturedQuantum):
    """A quantum between two."""


class _HybridCommand(_Hybrid, CapturedCommand):
    """A command between two."""


def hybrid(a: CapturedJob, b: CapturedJob, changes: Sequence[Change], store: TrialStore) -> CapturedJob:
    """Return the first of two jobs with some changes.

    Parameters
    ----------
    a, b : `CapturedJob`
    changes : sequence of `Change`
        In the order in which they were found.
    store : `TrialStore`
        Where its documents go.
    """
    draft = Draft(a)
    for change in changes:
        change.apply(draft)
    for digest, data in draft.blobs.items():
        if not store.has(digest):
            store.put(data)
    if isinstance(a, CapturedQuantum):
        _keep_config(draft, a, store)
        made: _Hybrid = _HybridQuantum(a.index, _attempt(a, draft, store), a.secrets)
    else:
        made = _HybridCommand(a.index, _attempt(a, draft, store), a.secrets)
    made.store = store
    made.parents = (a, b)
    made.more_libraries = draft.libraries
    return made


def _keep_config(draft: Draft, job: CapturedQuantum, store: TrialStore) -> None:
    if draft.config is None or job.task.config is None or draft.config.text == job.frozen_config.text:
        return
    text = store.hold_bytes(CONFIG_MEDIA_TYPE, draft.config.text.encode("utf-8", "surrogateescape"))
    config = RubinConfig(config_class=draft.config.config_class, text=text, fields=draft.config.fields)
    draft.work["config"] = dict(store.hold(config).data)


def _attempt(job: CapturedJob, draft: Draft, store: TrialStore) -> Attempt:
    software: dict[str, Any] = {}
    for kind, component in draft.software.items():
        data = canonical_json(component)
        software[kind] = store.hold_bytes(str(component["mediaType"]), data)
    recipe = Recipe(software=software, work=draft.work)
    known = dict(job.manifest.data)
    places = Site(places=draft.places)
    known |= {
        "attempt": uuid7(),
        "recipe": describe(recipe).data,
        "job": draft.identity,
        "outcomes": draft.outcomes,
        "site": store.hold(places).data,
    }
    manifest = Manifest.checked(known)
    made = Attempt(manifest, recipe, job.attempt.result, digest_of(manifest.to_bytes()))
    made.store = store
    return made
