# SPDX-License-Identifier: Apache-2.0
"""What notebooks show: sections and tables as HTML. Everything is escaped, since a manifest is anybody's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ("message", "page", "section", "table")

_STYLE = "text-align:left;vertical-align:top;padding:0 1.2em 0 0;font-weight:normal;border:0;background:none"


def page(title: str, *parts: str) -> str:
    """Return a title with parts that are HTML already."""
    return f'<div style="font-size:90%"><div><b>{escape(title)}</b></div>{"".join(parts)}</div>'


def message(text: str) -> str:
    """Return one line of text."""
    return f"<div>{escape(text)}</div>"


def section(title: str, rows: Iterable[tuple[str, str]], *, opened: bool = True) -> str:
    """Return a title that folds its names and values."""
    body = table((), rows)
    return f"<details{' open' if opened else ''}><summary>{escape(title)}</summary>{body}</details>"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts."""
    head = "".join(f'<th style="{_STYLE};opacity:.6">{escape(name)}</th>' for name in headers)
    cells = ("".join(f'<td style="{_STYLE}">{_lines(value)}</td>' for value in row) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")
