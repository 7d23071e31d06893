# SPDX-License-Identifier: Apache-2.0
"""What `envcap hook` asks of each system."""

from __future__ import annotations

import os
import shlex
from abc import ABC, abstractmethod

from ...errors import UsageError

__all__ = ("PrintedHook", "absolute", "words")


class PrintedHook(ABC):
    """Tells the users of one system how to have their jobs captured.

    Attributes
    ----------
    system : `str`
        The name of the system, as the command line spells it.
    """

    system: str

    @abstractmethod
    def text(self, store: str | None) -> str:
        """Return what to paste, with comments that say where.

        Parameters
        ----------
        store : `str` or `None`
            The store that jobs write to; `None` leaves it to their own environment.

        Raises
        ------
        UsageError
            If that system can't be given such a store.
        """

    def apply(self, path: str, store: str | None) -> list[str]:
        """Add it to a user's file and return what was done, a line each.

        Raises
        ------
        UsageError
            If that system has no such file.
        HookError
            If it can't be added safely; then nothing has been written.
        """
        raise UsageError(f"--apply {path}: there is no file of {self.system}'s to add it to; paste what is printed")


def absolute(store: str) -> str:
    """Return a store as a job can find it that runs in another directory."""
    return store if "://" in store else os.path.abspath(os.path.expanduser(store))


def words(*before: str, store: str | None) -> str:
    """Return a command of envcap's with its store, as a shell takes it."""
    return shlex.join([*before, *(("--store", absolute(store)) if store else ())])
