# SPDX-License-Identifier: Apache-2.0
"""Fingerprints: whether what a collector looks at has changed, for the price of a ``stat`` of each record.

A file's ``ctime`` can't be set, so a change that forges size and ``mtime`` is noticed too. What was changed within the
resolution of a file system's clock is not told apart: a fingerprint that young proves nothing (as in git's index).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from stat import S_ISLNK

from .digest import sha256_hex

__all__ = ("Fingerprint", "fingerprint", "state_of")

_RACY_NS = 2_000_000_000
"""Coarsest resolution of the clocks of file systems in use, NFS among them."""


class Fingerprint:
    """State of some files.

    Attributes
    ----------
    digest : `str`
        Equal if nothing changed.
    newest : `int`
        Latest change of any of them, in nanoseconds since the epoch.
    """

    __slots__ = ("digest", "newest")

    def __init__(self, digest: str, newest: int) -> None:
        self.digest = digest
        self.newest = newest

    def is_settled(self, now: int) -> bool:
        """Whether a change after `now` (nanoseconds since the epoch) would give another fingerprint."""
        return self.newest < now - _RACY_NS


def state_of(path: str) -> tuple[str, int]:
    """Return the state of a file, which need not exist, as text, and its latest change as in `Fingerprint.newest`."""
    link, newest = "", 0
    try:
        state = os.lstat(path)
        if S_ISLNK(state.st_mode):
            newest = state.st_ctime_ns
            link = f"{state.st_ino} {newest}\n"
            state = os.stat(path)
    except OSError as err:
        return f"{link}{path}\0{err.errno}", newest
    changed = state.st_ctime_ns
    return f"{link}{path}\0{state.st_ino} {state.st_size} {changed}", max(newest, changed)


def fingerprint(
    paths: Iterable[str], facts: Iterable[str] = (), look: Callable[[str], tuple[str, int]] = state_of
) -> Fingerprint:
    """Return the fingerprint of some files, which need not exist, and of texts that matter beside them.

    Parameters
    ----------
    paths, facts : iterable of `str`
    look : callable, optional
        What gives the state of each file; another one may remember what `state_of` has given.
    """
    newest = 0
    lines = list(facts)
    for line, changed in map(look, paths):
        lines.append(line)
        if changed > newest:
            newest = changed
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    return Fingerprint(sha256_hex(text), newest)
