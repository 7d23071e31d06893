# SPDX-License-Identifier: Apache-2.0
"""A report as a browser reads it, held against what it may hold: nothing that runs, nothing that is fetched."""

from __future__ import annotations

import re
from html.parser import HTMLParser

__all__ = ("Page",)

_ELEMENTS = frozenset(
    ("html", "head", "meta", "title", "style", "body", "header", "footer", "section", "nav", "p", "h1", "h2", "ul",
     "li", "i", "b", "br", "div", "span", "dl", "dt", "dd", "a", "table", "thead", "tbody", "tr", "th", "td", "details",
     "summary", "pre", "figure", "figcaption", "img")
)  # fmt: skip
_OF_SVG = frozenset(("svg", "g", "path", "use", "defs", "text", "tspan", "clippath", "rect", "style"))
_VOID = frozenset(("meta", "img", "br"))
_HERE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]*")


class Page(HTMLParser):
    """A page that was read.

    Attributes
    ----------
    text : `str`
        What a person reads; of drawings too.
    title : `str`
    tables : `list`
        Each a list of rows, each a list of texts of cells.
    pictures : `list` of `str`
    folded : `list` of `str`
        The first lines of what is folded.
    bad : `list` of `str`
        What may not be there.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.title = ""
        self.tables: list[list[list[str]]] = []
        self.pictures: list[str] = []
        self.folded: list[str] = []
        self.bad: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.bad += [f"unclosed {name}" for name in self._open]
        found = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', html)
        self.policy = found[1] if found else ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        allowed = _OF_SVG if "svg" in (*self._open, tag) else _ELEMENTS
        if tag not in allowed:
            self.bad.append(f"<{tag}>")
        for name, value in attrs:
            self._check(tag, name, value or "")
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "summary":
            self.folded.append("")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open[-1:] != [tag]:
            self.bad.append(f"</{tag}> in {self._open[-3:]}")
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if "title" in self._open:
            self.title += data
        if "style" in self._open:
            self._check_style(data)
            return
        self.text += data
        if "summary" in self._open:
            self.folded[-1] += data
        if "td" in self._open or "th" in self._open:
            self.tables[-1][-1][-1] += data

    def handle_comment(self, data: str) -> None:
        self.bad.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        if decl != "DOCTYPE html":
            self.bad.append(f"<!{decl}>")

    def _check(self, tag: str, name: str, value: str) -> None:
        if name.startswith("on"):
            self.bad.append(f"{tag} {name}")
        if name == "style":
            self._check_style(value)
        elif name in ("href", "xlink:href") and not value.startswith("#"):
            self.bad.append(f"{tag} {name}={value}")
        elif name == "src":
            self.pictures.append(value)
            if not _HERE.fullmatch(value):
                self.bad.append(f"{tag} {name}={value}")
        elif name == "http-equiv" and value != "Content-Security-Policy":
            self.bad.append(f"{tag} {name}={value}")

    def _check_style(self, style: str) -> None:
        if re.search(r"url\((?!#)|@import|expression|\\", style, re.IGNORECASE):
            self.bad.append(f"style {style}")
