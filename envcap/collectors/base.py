# SPDX-License-Identifier: Apache-2.0
"""What a collector is given and what it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping

from ..errors import EnvcapError
from ..model.descriptor import Descriptor
from ..model.document import Document
from ..model.manifest import Outcome
from ..target import Target

__all__ = ("NO_PYTHON", "Absent", "Collected", "Collector", "Keep", "collect", "noting")

NO_PYTHON = "the command is no Python program"
"""Why there is nothing to find for a collector that looks at the command's interpreter."""

Keep = Callable[[str, bytes], Descriptor]
"""Keeps a blob, by media type and bytes, and returns its descriptor."""


class Absent(EnvcapError):  # noqa: N818  (it is an outcome, not an error)
    """Raised by a collector that looked and found nothing of its kind."""

    error_type = "absent"


class Collected:
    """What a collector found.

    Attributes
    ----------
    component : `Document`
        Identity: the same wherever and whenever the same state is found.
    place : mapping
        Where it stood on this site, as JSON. Never part of identity.
    instance : mapping
        What differs from one start to the next (a container's id): neither identity nor place.
    """

    __slots__ = ("component", "instance", "place")

    def __init__(
        self,
        component: Document,
        place: Mapping[str, object] | None = None,
        instance: Mapping[str, str] | None = None,
    ) -> None:
        self.component = component
        self.place = place or {}
        self.instance = instance or {}


class Collector(ABC):
    """Reads one kind of state.

    Attributes
    ----------
    kind : `str`
        The name of the kind: the file's name, and the key in a recipe.
    layer : `str`
        ``software`` (part of the recipe) or ``host`` (part of the manifest only).
    """

    kind: str
    layer = "software"

    @abstractmethod
    def collect(self, target: Target, keep: Keep) -> Collected:
        """Read the state that a target has.

        Raises
        ------
        Absent
            If there is nothing of this kind.
        CollectorError
            If it can't be told.
        """

    def looked_at(self, target: Target) -> Iterable[str] | None:
        """Return the files whose state decides what is found: while it is the same, nothing is read again.

        They, `facts` and the target's interpreter decide it alone. `None` if something else does, or if looking costs
        nothing.
        """
        return None

    def facts(self, target: Target) -> Iterable[str]:
        """Return the texts that decide besides those files and the target's interpreter."""
        return ()

    def slot(self, target: Target) -> int:
        """Return which of a few findings, remembered side by side for the target's interpreter, this one is."""
        return 0

    def steady(self, component: Document) -> Mapping[str, object]:
        """Return what of a component may not change while a job runs."""
        return component.data


def collect(collector: Collector, target: Target, keep: Keep) -> tuple[Collected | None, Outcome]:
    """Run a collector and return what it found with its outcome. It never raises: capture never kills a job."""
    try:
        return collector.collect(target, keep), Outcome(status="captured")
    except Absent as err:
        return None, Outcome(status="absent", reason=str(err))
    except EnvcapError as err:
        return None, Outcome(status="failed", reason=str(err))
    except Exception as err:  # noqa: BLE001  (whatever a collector does wrong is its outcome, and is recorded as such)
        return None, Outcome(status="failed", reason=f"{type(err).__name__}: {err}")


def noting(keep: Keep, digests: list[str]) -> Keep:
    """Return what keeps a blob and notes its digest."""

    def keep_and_note(media_type: str, data: bytes) -> Descriptor:
        kept = keep(media_type, data)
        digests.append(kept.digest)
        return kept

    return keep_and_note
