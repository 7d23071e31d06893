# SPDX-License-Identifier: Apache-2.0
"""What notebooks show: sections and tables as HTML. Everything is escaped, since a manifest is anybody's.

Colours are those of the notebook, light or dark, but for badges, which are white on a colour of their own. There is
neither script nor style sheet, since notebooks take both out, and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from .printable import printable

__all__ = ("FEW", "Badge", "Code", "folded", "message", "page", "section", "table")

_GOOD = frozenset({"ok", "exact", "rebuilt", "identical", "equal"})
_BAD = frozenset({"failed", "lost", "impossible", "different"})
_GREEN, _AMBER, _RED = "#1a7f37", "#9a6700", "#cf222e"
FEW = 12
"""Longest section that is open at first, in rows."""
_LINE = "rgba(128,128,128,.3)"
_CELL = "text-align:left;vertical-align:top;font-weight:normal;background:none;border:0;max-width:none"
_VALUE = f"{_CELL};padding:.15em 1.4em .15em 0;white-space:pre-wrap;overflow-wrap:anywhere"
_NAME = f"{_CELL};padding:.15em 1.4em .15em 0;white-space:nowrap;opacity:.65"
_ROW = f"background:none;border:0;border-top:1px solid {_LINE}"
_TABLE = "border:0;border-collapse:collapse;margin:.2em 0 .4em 0;font-size:inherit;line-height:1.35"
_BADGE = "color:#fff;border-radius:.7em;padding:.05em .65em;white-space:nowrap;font-size:90%"
_MONOSPACE = "font-family:monospace;font-size:95%"
_BLOCK = f"margin:.2em 0 .4em 0;padding:.4em .7em;border:1px solid {_LINE};border-radius:.3em;white-space:pre-wrap"


class Badge(str):
    """A word that says how good something is, shown on a colour that does, too."""

    __slots__ = ()

    @property
    def colour(self) -> str:
        """Green, red, or amber for what is neither good nor bad."""
        return _GREEN if self in _GOOD else _RED if self in _BAD else _AMBER


class Code(str):
    """A piece of source code, shown as such."""

    __slots__ = ()


def page(title: str, *parts: str, badge: str | None = None) -> str:
    """Return a title with parts that are HTML already.

    Parameters
    ----------
    title : `str`
    *parts : `str`
    badge : `str`, optional
        One word that sums it up.
    """
    told = f" {_shown(Badge(badge))}" if badge else ""
    edge = Badge(badge).colour if badge else _LINE
    style = f"font-size:90%;line-height:1.45;border-left:3px solid {edge};padding:.1em 0 .1em .8em;margin:.2em 0"
    return (
        f'<div style="{style}"><div style="margin-bottom:.2em"><b>{_text(title)}</b>{told}</div>{"".join(parts)}</div>'
    )


def message(text: str) -> str:
    """Return one line of text."""
    return f"<div>{_text(text)}</div>"


def folded(title: str, body: str, *, opened: bool = False) -> str:
    """Return a title that folds what is HTML already."""
    summary = f'<summary style="cursor:pointer">{_text(title)}</summary>'
    return f'<details style="margin:.1em 0"{" open" if opened else ""}>{summary}{body}</details>'


def section(title: str, rows: Iterable[tuple[str, str]], *, opened: bool | None = None) -> str:
    """Return a title that folds its names and values; a value without a name is a text as it stands, such as code.

    Parameters
    ----------
    title : `str`
    rows : iterable of pairs of `str`
    opened : `bool`, optional
        By default, whether it is short.
    """
    listed = list(rows)
    texts = [f'<pre style="{_BLOCK}">{_text(value)}</pre>' for name, value in listed if not name]
    named = [row for row in listed if row[0]]
    body = "".join(texts) + (table((), named) if named else "")
    return folded(title, body, opened=len(listed) <= FEW if opened is None else opened)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts, of which the first in each row is a name."""
    head = "".join(f'<th style="{_NAME}">{_text(name)}</th>' for name in headers)
    body = "".join(f'<tr style="{_ROW}">{"".join(_cells(row))}</tr>' for row in rows)
    top = f'<thead style="border:0"><tr style="background:none">{head}</tr></thead>' if head else ""
    return f'<table style="{_TABLE}">{top}<tbody>{body}</tbody></table>'


def _cells(row: Sequence[str]) -> Iterator[str]:
    for number, value in enumerate(row):
        yield f'<td style="{_VALUE if number else _NAME}">{_shown(value)}</td>'


def _shown(value: str) -> str:
    if isinstance(value, Badge):
        return f'<span style="{_BADGE};background:{value.colour}">{_text(value)}</span>'
    return f'<span style="{_MONOSPACE}">{_text(value)}</span>' if isinstance(value, Code) else _text(value)


def _text(text: str) -> str:
    return escape(printable(text, "\n\t"))
