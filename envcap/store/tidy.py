# SPDX-License-Identifier: Apache-2.0
"""What whoever deletes in a store does before and after: nothing else may go, and no empty directories stay."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress

from ..errors import StoreError
from .local import PACKS

__all__ = ("refuse_links", "remove_empty_days")

_RECENT_S = 2 * 86400.0
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def refuse_links(root: str) -> None:
    """Refuse a store in which a directory is a link: what is deleted there might be another store's.

    Raises
    ------
    StoreError
        If one is, or it can't be looked at.
    """
    try:
        for path in _directories(root):
            if os.path.islink(path):
                raise StoreError(f"{path}: a link; only a store as a whole may be one. Put the directory in its place")
    except OSError as err:
        raise StoreError(f"store {root}: {err.strerror or err}") from err


def _directories(root: str) -> Iterator[str]:
    """Yield the paths of what are directories in a store, each before those in it."""
    yield os.path.join(root, PACKS)
    for name, depth in (("objects", 1), ("journal", 2)):
        level = [os.path.join(root, name)]
        yield from level
        for _ in range(depth):
            level = [entry.path for path in level if os.path.isdir(path) for entry in os.scandir(path)]
            yield from level


def remove_empty_days(root: str) -> None:
    """Remove the directories of days whose journals are all packed: each would cost every lookup a look."""
    top = os.path.join(root, "journal")
    recent = time.strftime("%Y-%m-%d", time.gmtime(time.time() - _RECENT_S))
    for day in os.listdir(top) if os.path.isdir(top) else ():
        if _DAY.fullmatch(day) and day < recent:
            folder = os.path.join(top, day)
            # One that is not empty stays, and so does one that is no directory.
            for shard in os.listdir(folder) if os.path.isdir(folder) else ():
                with suppress(OSError):
                    os.rmdir(os.path.join(folder, shard))
            with suppress(OSError):
                os.rmdir(folder)
