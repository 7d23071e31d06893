# SPDX-License-Identifier: Apache-2.0
"""What a change is: the least piece of a difference that can be tried by itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from ...jobs.base import CapturedJob
from ..draft import Draft

__all__ = ("NOTHING", "Change", "ChangeKind", "WholeChange")

NOTHING = "—"
"""The value of what one of the two hasn't got, as `envcap diff` shows it."""


class Change(ABC):
    """One difference between two jobs, which can be applied to the first.

    Changes may be applied in any combination, in the order in which they were found.

    Parameters
    ----------
    layer, name, before, after : `str`
        As of a suspect.
    """

    def __init__(self, layer: str, name: str, before: str, after: str) -> None:
        self.layer = layer
        self.name = name
        self.before = before
        self.after = after

    @abstractmethod
    def apply(self, draft: Draft) -> None:
        """Change a draft of the first job."""

    @property
    def title(self) -> str:
        """Its layer and name in one line."""
        return f"{self.layer}: {self.name}" if self.name else self.layer

    def __repr__(self) -> str:
        return f"<{self.title}: {self.before} → {self.after}>"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"layer": self.layer, "name": self.name, "before": self.before, "after": self.after}


class WholeChange(Change):
    """A component that is changed as a whole, with the place where it stands.

    Parameters
    ----------
    layer : `str`
        The kind of the component.
    before, after : `str`
    component : mapping
        As the second job has it.
    place : `object`
        Where it stood for the second job.
    """

    def __init__(self, layer: str, before: str, after: str, component: Mapping[str, Any], place: object) -> None:
        super().__init__(layer, "", before, after)
        self._component = dict(component)
        self._place = place

    def apply(self, draft: Draft) -> None:
        """Put the component in the place of the first job's."""
        draft.software[self.layer] = self._component
        draft.places[self.layer] = self._place


class ChangeKind(ABC):
    """Finds the changes of one layer.

    Attributes
    ----------
    layer : `str`
        As `envcap diff` names it.
    """

    layer: ClassVar[str]

    @abstractmethod
    def changes(self, a: CapturedJob, b: CapturedJob) -> Iterator[Change]:
        """Yield what makes the first like the second."""
