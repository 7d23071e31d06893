# SPDX-License-Identifier: Apache-2.0
"""What a notebook is given to show, held against what it may hold: structure and styles, nothing that runs or loads."""

from __future__ import annotations

import re
from html.parser import HTMLParser

__all__ = ("Shown", "is_harmless", "shown")

_ELEMENTS = {
    "b", "br", "details", "div", "pre", "span", "summary", "table", "tbody", "td", "th", "thead", "tr",
}  # fmt: skip
_ATTRIBUTES = {"open", "style"}


class Shown(HTMLParser):
    """A piece of HTML that was read.

    Attributes
    ----------
    text : `str`
        What a person reads.
    elements, attributes : `set` of `str`
    styles : `list` of `str`
    badges : `list` of `str`
        The words on badges, in order.
    summaries : `dict` [ `str`, `bool` ]
        Titles of what is folded, and whether it is open.
    unclosed : `list` of `str`
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.styles: list[str] = []
        self.badges: list[str] = []
        self.summaries: dict[str, bool] = {}
        self.unclosed: list[str] = []
        self._word: str | None = None
        self._open = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.unclosed.append(tag)
        given = dict(attrs)
        self.attributes.update(given)
        style = given.get("style") or ""
        self.styles.append(style)
        if "color:#fff" in style or tag == "summary":
            self._word = ""
        if tag == "details":
            self._open = "open" in given

    def handle_endtag(self, tag: str) -> None:
        if self.unclosed[-1:] == [tag]:
            self.unclosed.pop()
        if tag == "summary" and self._word is not None:
            self.summaries[self._word] = self._open
        elif tag == "span" and self._word is not None:
            self.badges.append(self._word)
        self._word = None if tag in ("summary", "span") else self._word

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._word is not None:
            self._word += data

    def handle_decl(self, decl: str) -> None:
        self.elements.add(f"!{decl}")

    def handle_comment(self, data: str) -> None:
        self.elements.add("!--")


def is_harmless(html: str) -> bool:
    """Whether nothing of it runs, and nothing of it is fetched."""
    found = Shown(html)
    fetched = [style for style in found.styles if re.search(r"url|import|expression|\\|/\*", style, re.IGNORECASE)]
    return found.elements <= _ELEMENTS and found.attributes <= _ATTRIBUTES and not fetched


def shown(thing: object) -> Shown:
    """Return what a notebook shows of something, after a look at whether it is harmless and whole."""
    html = thing._repr_html_()  # type: ignore[attr-defined]
    assert is_harmless(html), html
    found = Shown(html)
    assert not found.unclosed
    return found
