# SPDX-License-Identifier: Apache-2.0
"""The installed distributions that pip and its like brought."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from envcap.model.components import Distribution

from ...jobs.base import CapturedJob
from ..draft import Draft
from .base import NOTHING, Change, ChangeKind

__all__ = ("DistributionChanges",)

_LAYER = "python_dists"


class DistributionChanges(ChangeKind):
    """One change for each distribution. An editable one is code, and conda's come with its packages."""

    layer = _LAYER

    def changes(self, a: CapturedJob, b: CapturedJob) -> Iterator[Change]:
        """Yield the distributions that differ."""
        if not (a.has_python and b.has_python):
            return
        before, after = _by_name(a), _by_name(b)
        origins = b.place(_LAYER, "origins")
        for name in sorted({*before, *after}):
            pair = before.get(name), after.get(name)
            if pair[0] != pair[1]:
                origin = origins.get(name) if isinstance(origins, dict) else None
                yield _DistributionChange(name, *pair, origin, b.libraries)


def _by_name(job: CapturedJob) -> dict[str, Distribution]:
    return {one.name: one for one in job.dists.distributions if not one.editable and one.manager != "conda"}


class _DistributionChange(Change):
    def __init__(
        self, name: str, before: Distribution | None, after: Distribution | None, origin: object, libraries: list[str]
    ) -> None:
        shown = [one.version if one else NOTHING for one in (before, after)]
        if shown[0] == shown[1]:
            # The same version, but another build of it.
            shown = [f"{one.version} ({str(one.record)[7:19]})" for one in (before, after) if one]
        super().__init__(_LAYER, name, *shown)
        self._distribution = after.data if after else None
        self._origin = origin
        self._libraries = libraries

    def apply(self, draft: Draft) -> None:
        component = draft.software[_LAYER]
        others = [one for one in component["distributions"] if one["name"] != self.name]
        if self._distribution is not None:
            others.append(dict(self._distribution))
            draft.libraries += [one for one in self._libraries if one not in draft.libraries]
        component["distributions"] = sorted(others, key=lambda one: str(one["name"]))
        origins: dict[str, Any] = draft.places.setdefault(_LAYER, {}).setdefault("origins", {})
        origins.pop(self.name, None)
        if self._origin is not None:
            origins[self.name] = self._origin
