# SPDX-License-Identifier: Apache-2.0
"""Texts that may be shown: a manifest is anybody's, and what it names may hold control characters."""

from __future__ import annotations

__all__ = ("printable",)


def printable(text: str, keep: str = "\n") -> str:
    """Return a text with each character that has no glyph escaped, so that none can steer what shows it.

    Parameters
    ----------
    text : `str`
    keep : `str`
        Characters that stay nevertheless.
    """
    if text.isprintable():
        return text
    return "".join(c if c in keep or c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
