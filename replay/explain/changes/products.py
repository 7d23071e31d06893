# SPDX-License-Identifier: Apache-2.0
"""The products that EUPS has set up: all of them together, since they are in each other's paths."""

from __future__ import annotations

from collections.abc import Iterator

from envcap.differences import document_changes
from envcap.model.components import Eups

from ...jobs.base import CapturedJob
from .base import Change, ChangeKind, WholeChange

__all__ = ("EupsChanges",)

_LAYER = "eups"
_SHOWN = 3


class EupsChanges(ChangeKind):
    """At most one change: what is set up."""

    layer = _LAYER

    def changes(self, a: CapturedJob, b: CapturedJob) -> Iterator[Change]:
        """Yield it, if the two differ."""
        before, after = _component(a), _component(b)
        if before is None or after is None or before == after:
            return
        changed = document_changes(before.data, after.data)[:_SHOWN]
        told = ["; ".join(f"{one.name} {getattr(one, side)}" for one in changed) for side in ("before", "after")]
        yield WholeChange(_LAYER, told[0], told[1], after.data, b.places.get(_LAYER, {}))


def _component(job: CapturedJob) -> Eups | None:
    outcome = job.manifest.outcomes.get(_LAYER)
    return job.component(_LAYER, Eups) if outcome is not None and outcome.status == "captured" else None
