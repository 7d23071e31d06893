# SPDX-License-Identifier: Apache-2.0
"""Patterns over where differences are: how policies and people name parts of a tree."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

__all__ = ("SEPARATOR", "covers", "fits")

SEPARATOR = " / "


def fits(pattern: str, text: str) -> bool:
    """Tell whether a pattern matches a whole text.

    Parameters
    ----------
    pattern : `str`
        ``*`` stands for any text and ``?`` for any character; all else is itself, brackets too, since the places in
        a document have some: ``$.rows[3]``.
    text : `str`
    """
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def covers(pattern: str, path: Sequence[str]) -> bool:
    """Tell whether a pattern names where something is, or what it is in.

    Parameters
    ----------
    pattern : `str`
        As for `fits`.
    path : sequence of `str`
        The levels of a tree, outermost first. The pattern has to match one of them, or several that follow each
        other, joined with ``" / "``: ``column flux`` is that column in any HDU, ``HDU CAT / *`` all that is in one.
    """
    ends = range(1, len(path) + 1)
    return any(fits(pattern, SEPARATOR.join(path[start:end])) for end in ends for start in range(end))
