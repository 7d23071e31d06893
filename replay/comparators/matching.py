# SPDX-License-Identifier: Apache-2.0
"""How a comparator finds the counterpart of a row, where something other than its place says so."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from .paths import fits

__all__ = ("IN_PLACE", "Key", "Matching")


@dataclass(frozen=True)
class Key:
    """Columns whose values together identify a row."""

    table: str
    """Which tables; a pattern over what a comparator calls them: an HDU's name, the path of a dataset in an HDF5
    file; where a file is one table, it has no name, and ``*`` is it."""
    columns: tuple[str, ...]

    @property
    def label(self) -> str:
        """The columns' names as one text."""
        return ", ".join(self.columns)

    def concerns(self, table: str) -> bool:
        """Tell whether it is a key of a table of this name."""
        return fits(self.table, table)


@dataclass(frozen=True)
class Matching:
    """How the counterpart of a row is found: by the first key that applies, else by its place."""

    keys: tuple[Key, ...] = ()

    def key(self, table: str, *columns: Collection[str]) -> Key | None:
        """Return the key of a table, if it has one.

        Parameters
        ----------
        table : `str`
            Its name.
        *columns : collection of `str`
            Those of each side; all must have the key's.
        """
        fitting = (key for key in self.keys if key.concerns(table))
        return next((key for key in fitting if all(set(key.columns) <= set(names) for names in columns)), None)


IN_PLACE = Matching()
"""The counterpart of a row is the one at its place."""
