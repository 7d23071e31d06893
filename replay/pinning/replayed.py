# SPDX-License-Identifier: Apache-2.0
"""The numerics of one replay: pinned before its payload runs if that is asked for, and read back after it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from envcap.hooks.loaded import NUMERICS
from envcap.model.descriptor import Descriptor
from envcap.model.manifest import Outcome
from envcap.store.keeper import Keeper

from ..build.base import Built
from ..fidelity import Layer
from ..jobs.base import CapturedJob
from ..readback.layer import effective_layer
from ..readback.reading import ReadBack, read_back
from .layer import asked_layer, pinned_layer
from .pinning import Pinned, pin_numerics

__all__ = ("Recorded", "ReplayedNumerics")


@dataclass(frozen=True)
class Recorded:
    """What a result says of the numerics in effect, as of any job.

    Attributes
    ----------
    observed : `dict` [ `str`, `Descriptor` ]
    outcomes : `dict` [ `str`, `Outcome` ]
    degraded : `dict` [ `str`, `str` ]
    """

    observed: dict[str, Descriptor]
    outcomes: dict[str, Outcome]
    degraded: dict[str, str]


class ReplayedNumerics:
    """The numerics of one replay.

    Parameters
    ----------
    job : `CapturedJob`
    built : `Built`
        What it is to run in.
    scratch : `str`
        The directory of the replayed job.
    pin : `bool`
        Whether to pin them.

    Attributes
    ----------
    built : `Built`
        The same, with the pins.
    """

    def __init__(self, job: CapturedJob, built: Built, scratch: str, *, pin: bool) -> None:
        self._job = job
        self._scratch = scratch
        self._pinned: Pinned | None = None
        self.built = built
        if pin:
            self.built, self._pinned = pin_numerics(job, built, scratch)

    @property
    def before(self) -> Layer:
        """The layer before the payload runs."""
        return pinned_layer(self._job, self._pinned)

    @property
    def after(self) -> Layer:
        """The layer once it has run."""
        reasons = self._pinned.reasons if self._pinned else ()
        return effective_layer(self._job, asked_layer(self._job, self._pinned), self._found, reasons)

    @property
    def recorded(self) -> Recorded:
        """What the replay's own result says; the component is in the store then."""
        keeper = Keeper(self._job.store)
        effective, outcome = self._found.effective, self._found.outcome
        observed = {NUMERICS: keeper.document(effective)} if effective is not None else {}
        outcome = keeper.failure or outcome
        degraded = {NUMERICS: outcome.reason or ""} if outcome.status == "failed" else {}
        return Recorded(observed, {NUMERICS: outcome}, degraded)

    @cached_property
    def _found(self) -> ReadBack:
        return read_back(self._scratch)
