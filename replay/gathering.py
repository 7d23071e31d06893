# SPDX-License-Identifier: Apache-2.0
"""What brings packages together: kept ones, and those that can still be fetched."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from .errors import BuildError
from .kept import KeptFiles

__all__ = ("OFFLINE", "Gatherer")

OFFLINE = "its package is not here, and nothing is fetched (--offline)"

_T = TypeVar("_T")


class Gatherer(ABC, Generic[_T]):
    """Gathers packages of one kind.

    Parameters
    ----------
    kept : `KeptFiles`
    offline : `bool`
        Fetch nothing.
    """

    def __init__(self, kept: KeptFiles, *, offline: bool) -> None:
        self.kept = kept
        self.offline = offline

    @abstractmethod
    def find(self, one: _T) -> str | None:
        """Return the digest of a package that is kept."""

    @abstractmethod
    def fetch(self, one: _T) -> None:
        """Fetch a package, prove it and keep it.

        Raises
        ------
        BuildError
            If it can't be had.
        """

    def lacking(self, packages: Iterable[_T]) -> list[_T]:
        """Return the packages that aren't kept."""
        return [one for one in packages if self.find(one) is None]

    def gather(self, packages: Sequence[_T]) -> tuple[dict[_T, str], dict[_T, str]]:
        """Return the digests of packages, and why it can't be had of each that isn't among them."""
        reasons = {}
        for one in self.lacking(packages):
            try:
                if self.offline:
                    raise BuildError(OFFLINE)
                self.fetch(one)
            except BuildError as err:
                reasons[one] = str(err)
        return {one: digest for one in packages if (digest := self.find(one)) is not None}, reasons
