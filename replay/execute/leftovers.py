# SPDX-License-Identifier: Apache-2.0
"""What a session leaves behind if not all that was re-made is to be kept: many replays must not fill a disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress

from .isolated import IsolatedRepositories
from .remade import RemadeOutput

__all__ = ("Leftovers",)

_CODE = "code"


class Leftovers:
    """The files of a session that are to be kept.

    Parameters
    ----------
    repositories : `IsolatedRepositories`
    """

    def __init__(self, repositories: IsolatedRepositories) -> None:
        self._repositories = repositories
        self._kept: set[str] = set()

    def keep(self, remade: Iterable[RemadeOutput]) -> None:
        """Keep what a job made."""
        self._kept |= {one.path for one in remade if one.path is not None}

    def discard(self, scratch: str, remade: Iterable[RemadeOutput]) -> None:
        """Delete what a job made, which no other job reads, and what is in its own directory.

        The code of an environment stays: it is in the directory of the first job that ran there.
        """
        roots = tuple(f"{path}/" for path in self._repositories.paths)
        for one in remade:
            if one.path is not None and one.path.startswith(roots):
                with suppress(OSError):
                    os.unlink(one.path)
        for name in os.listdir(scratch):
            path = os.path.join(scratch, name)
            if os.path.isfile(path):
                os.unlink(path)
            elif name != _CODE:
                shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            os.rmdir(scratch)

    def prune(self) -> None:
        """Delete the rest of the repositories: copies of inputs, and databases that name what is gone."""
        for root in self._repositories.paths:
            for folder, _, names in os.walk(root, topdown=False):
                for path in (os.path.join(folder, name) for name in names):
                    if path not in self._kept:
                        with suppress(OSError):
                            os.unlink(path)
                with suppress(OSError):  # something in it is kept
                    os.rmdir(folder)
