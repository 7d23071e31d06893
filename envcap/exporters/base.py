# SPDX-License-Identifier: Apache-2.0
"""What an exporter is given and what it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from ..store.base import ObjectStore
from ..store.index import Attempt

__all__ = ("Exported", "Exporter")


class Exported:
    """The text of a file, and what could not be put into it, each with the reason."""

    __slots__ = ("left_out", "text")

    def __init__(self, text: str, left_out: Mapping[str, str] | None = None) -> None:
        self.text = text
        self.left_out = left_out or {}


class Exporter(ABC):
    """Writes what an attempt ran in a format of others.

    Attributes
    ----------
    format : `str`
        The name of the format, as ``--format`` spells it.
    suffix : `str`
        What the name of such a file ends with.
    """

    format: str
    suffix: str

    @abstractmethod
    def export(self, attempt: Attempt, store: ObjectStore) -> Exported:
        """Return a file in that format.

        Parameters
        ----------
        attempt : `Attempt`
        store : `ObjectStore`
            Where its components are.

        Raises
        ------
        NotCapturedError
            If the attempt has nothing that the format could say.
        FormatError
            If a value can't be written in that format.
        MissingLibraryError
            If what writes the format isn't installed.
        """
