# SPDX-License-Identifier: Apache-2.0
"""Finds what looks like a credential in a text, and puts a marker in its place.

The shapes are in `envcap.secret_shapes`. Most texts have no clue of any; of the others, only the lines with a clue are
looked at closely.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from .secret_names import is_secret_name
from .secret_shapes import SHAPES

__all__ = ("SEPARATOR", "can_be_secret", "marker", "search_and_replace")

SEPARATOR = "\n\0\n"
"""Stands between texts that are searched together and have nothing to do with each other."""

# Patterns as texts: most jobs have no use for them, and pay for compiling none.
_PLACEHOLDER = (
    r"[<*`]|\$[{(]|\$\w+$|\{\{|%\(|%s$|\.\.\.|\d{1,3}$"
    r"|(?i:none|null|nil|true|false|yes|no|on|off|required|optional|string|str)$"
)
_PATH = r"[~.]{0,2}(?:/[\w.@-]{1,40}){2,}/?$"
_RANDOM = r"(?=(?:\D*\d){3})(?=[^a-zA-Z]*[a-zA-Z])[A-Za-z0-9+/=_.~-]{20,}$"
_MIXED = r"(?=(?:\D*\d){2})(?=.*[a-z])(?=.*[A-Z]).{10,}$|(?=(?:\D*\d){4}).{12,}$"
_BOTH_CASES = r"(?=.*[a-z])(?=.*[A-Z])\S{10,}$"
_NAME = r"[A-Za-z_]\w*(?:[.:-]+[A-Za-z_]\w*)*$"
_DRAWN_IN_CODE = r"(?s)(?=.*\d)(?=.*[A-Za-z]).{8,}$|\S{20,}$|(?=.*[!@#$%^&*+~?])\S{6,}$"
_ESCAPE = r"\\[ntr\\\"']"
_SPREAD = frozenset({"private-key", "netrc-password", "kubernetes-secret"})
"""Kinds that reach over many lines."""
_MIN_DRAWN = 10
_WEAK = frozenset({"command-line", "http-header", "netrc-password", "url-credentials", "url-parameter"})
"""Kinds that documentation gives examples of."""


def marker(kind: str) -> str:
    """Return what stands where a secret of some kind was taken out."""
    return f"<scrubbed:{kind}>"


def search_and_replace(text: str, code: bool) -> str:
    """Return a text with everything that looks like a credential replaced by a marker.

    Parameters
    ----------
    text : `str`
    code : `bool`
        Whether it is source code.
    """
    # Patterns see through one level of escapes ("\\n" in a JSON or Python text) by a view of the same length.
    view = re.sub(_ESCAPE, _unescaped, text) if "\\" in text else text
    lowered = _lower(view)
    for number, shape in enumerate(SHAPES):
        for clue in shape.clues:
            if clue in lowered:
                break
        else:
            continue
        if code and shape.kind == "config-line":
            continue
        windows = _windows(lowered, shape.clues, whole=shape.kind in _SPREAD)
        spans = [span for window in windows if shape.can_match(lowered[slice(*window)])
                 for found in _pattern(number).finditer(view, *window)
                 if (span := _secret_span(found, shape.kind, code))]  # fmt: skip
        if spans:
            text, view = (_replaced(one, spans, marker(shape.kind)) for one in (text, view))
            lowered = _lower(view)
    return text


def _unescaped(found: re.Match[str]) -> str:
    return " " + {"n": "\n", "t": "\t", "r": "\r", "\\": " "}.get(found[0][1], found[0][1])


def _lower(text: str) -> str:
    """Return a text in lower case, and of the same length, which some letters beyond ASCII don't keep."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(c.lower() if c.isascii() else c for c in text)


def _windows(lowered: str, clues: Sequence[str], whole: bool) -> list[tuple[int, int]]:
    """Return the parts of a text to look at closely: each line with a clue, and the one after it, for values below."""
    found = sorted({at for clue in clues for at in _places(lowered, clue)})
    if whole or not found:
        return [(0, len(lowered))] if found else []
    windows: list[tuple[int, int]] = []
    for at in found:
        if windows and at < windows[-1][1]:
            start, at = windows.pop()[0], max(at, 0)
        else:
            start = lowered.rfind("\n", 0, at) + 1
        end = lowered.find("\n", at)
        if end >= 0 and not lowered.startswith(SEPARATOR, end):
            end = lowered.find("\n", end + 1)
        windows.append((start, end if end >= 0 else len(lowered)))
    return windows


def _places(lowered: str, clue: str) -> Iterator[int]:
    """Yield where a clue stands, once a line."""
    at = lowered.find(clue)
    while at >= 0:
        yield at
        end = lowered.find("\n", at)
        at = lowered.find(clue, end) if end >= 0 else -1


def _secret_span(found: re.Match[str], kind: str, code: bool) -> tuple[int, int] | None:
    """Return where the secret of a match stands; `None` if what stands there can't be one."""
    groups = found.re.groupindex
    group = next((name for name in "svr" if name in groups), 0)
    value = found[group]
    if not value.strip() or (group == "r" and not re.match(_RANDOM, value)):
        return None
    # In code, what stands where a credential would is as often an example.
    weak = group == "v" or (code and group == "s" and kind in _WEAK)
    if weak and not can_be_secret(value, code, quoted=group == "s" or "q" in groups):
        return None
    start = found.start(group) + len(value) - len(value.lstrip())
    return start, start + len(value.strip())


def _replaced(text: str, spans: Sequence[tuple[int, int]], instead: str) -> str:
    pieces, done = [], 0
    for start, end in spans:
        pieces += [text[done:start], instead]
        done = end
    return "".join((*pieces, text[done:]))


@cache
def _pattern(number: int) -> re.Pattern[str]:
    return re.compile(SHAPES[number].pattern)


def can_be_secret(value: str, code: bool, quoted: bool) -> bool:
    """Whether the value that a telling name is given can be a secret: no placeholder, no path, no other name."""
    value = value.strip()
    if len(value) < 3 or re.match(_PLACEHOLDER, value) or re.match(_PATH, value):
        return False
    if not code:
        return not (re.match(_NAME, value) and is_secret_name(value))  # token = self.token
    if _is_drawn(value) or (quoted and re.match(_BOTH_CASES, value)):
        return True
    if not re.match(_DRAWN_IN_CODE, value):
        return False
    return quoted or "-" in value or not re.match(_NAME, value) or re.match(_MIXED, value) is not None


def _is_drawn(value: str) -> bool:
    """Whether a text changes between small and capital letters as often as letters drawn at random do."""
    letters = [c.isupper() for c in value if c.isalpha()]
    changes = sum(a != b for a, b in pairwise(letters))
    return len(letters) >= _MIN_DRAWN and " " not in value and changes > len(letters) / 3
