# SPDX-License-Identifier: Apache-2.0
"""What never reaches the store: credentials, by what they look like (`envcap.secret_shapes`) and by what names them.

Where something was taken out, a marker stands that says what kind of thing it was; `scrub_document` guards the door of
the store, whatever a collector has overlooked, and says where.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from . import secret_names, secret_search, secret_shapes
from .clean_texts import CleanTexts
from .secret_names import SECRET_NAME, is_secret_file, is_secret_name
from .secret_search import SEPARATOR, can_be_secret, search_and_replace
from .secret_search import marker as scrubbed

__all__ = (
    "CLEAN",
    "SECRET_NAME",
    "has_scrubbed",
    "is_secret_file",
    "is_secret_name",
    "scrub",
    "scrub_argv",
    "scrub_document",
    "scrubbed",
    "scrubbed_kinds",
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SHORT_TEXT = 256
_AS_NAME = "\x1f"
CLEAN = CleanTexts(str(module.__file__) for module in (secret_names, secret_search, secret_shapes))
"""What was looked at before."""

_ID = re.compile(r"(?:sha256:)?[0-9a-f-]*$|[0-9TZ:.+-]*$")
_MARKER = r"<scrubbed:([a-z0-9-]+)>"

# One variable, one path, one name is seen again and again; a patch or a configuration is not, and would fill memory.
_remembered = lru_cache(maxsize=1024)(search_and_replace)


def has_scrubbed(text: str) -> bool:
    """Whether something was taken out of a text."""
    return "<scrubbed:" in text and re.search(_MARKER, text) is not None


def scrubbed_kinds(text: str) -> list[str]:
    """Return the kinds of what was taken out of a text, sorted."""
    return sorted(set(re.findall(_MARKER, text))) if "<scrubbed:" in text else []


def scrub(text: str, *, code: bool = False) -> str:
    """Return a text with everything that looks like a credential replaced by a marker.

    Parameters
    ----------
    text : `str`
    code : `bool`
        Whether it is source code, where a name that tells is often given a harmless value (``token = next(tokens)``).
    """
    short = len(text) <= _SHORT_TEXT
    mark = text if short and not code else CLEAN.mark(text, code)
    if mark in CLEAN:
        return text
    found = _remembered(text, code) if short else search_and_replace(text, code)
    if found == text and "<scrubbed:" not in text:
        CLEAN.add((mark,))
    return found


def scrub_argv(argv: Sequence[str]) -> list[str]:
    """Return a command line without credentials: also the values of options and names that tell (``--password X``)."""
    clean: list[str] = []
    hide_next = False
    for word in argv:
        if hide_next and not word.startswith("--"):
            clean.append(scrubbed(SECRET_NAME))
            hide_next = False
            continue
        name, equals, _ = word.partition("=")
        # A shell command may begin with an assignment, and what follows it stays.
        one_word = not set(" \t\n") & set(name if word.startswith("-") else word)
        telling = is_secret_name(name) and (word.startswith("-") or bool(equals)) and one_word
        hide_next = telling and not equals
        clean.append(f"{name}={scrubbed(SECRET_NAME)}" if telling and equals else scrub(word))
    return _scrub_together(clean)


def _scrub_together(words: list[str]) -> list[str]:
    """Scrub what only the words before a word tell (``curl -u user:password``)."""
    # A separator that patterns take for white space and no command line holds.
    clean = scrub("\x1f".join(words)).split("\x1f")
    return clean if len(clean) == len(words) else words


def scrub_document(data: Mapping[str, Any], place: str = "") -> tuple[Mapping[str, Any], dict[str, str]]:
    """Return a document without credentials, and what was taken out of it: kind by place.

    Parameters
    ----------
    data : mapping
        JSON.
    place : `str`
        What the places begin with.

    Returns
    -------
    data : mapping
        The same object if there was nothing to take out.
    notes : `dict` [ `str`, `str` ]
        E.g. ``{"process_env.variables.OMP_X": "github-token"}``. What a collector has taken out already is among them.
    """
    names, texts = _unknown_texts(data)
    unknown = names | texts
    if not unknown:
        return data, {}
    together = SEPARATOR.join(unknown)
    # A text that is harmless as such may tell, as a name, that another is not.
    telling = any(is_secret_name(name) for name in names)
    if search_and_replace(together, False) != together or "<scrubbed:" in together or telling:
        notes: dict[str, str] = {}
        return _scrub_value(data, place, notes), notes
    # Nearly all of what a document says was in an earlier one too: it is looked at once.
    CLEAN.add_document((*texts, *(f"{_AS_NAME}{name}" for name in names)))
    return data, {}


def _unknown_texts(data: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """Return a document's names, and its texts, that weren't found clean before and aren't plainly ids or numbers."""
    names: set[str] = set()
    texts: set[str] = set()
    waiting: list[Any] = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            texts.add(value)
        elif isinstance(value, Mapping):
            names.update(value)
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
    unknown = {name for name in names if f"{_AS_NAME}{name}" not in CLEAN}
    return unknown, {text for text in texts if not _ID.match(text) and text not in CLEAN}


def _scrub_value(value: Any, place: str, notes: dict[str, str]) -> Any:
    if isinstance(value, str):
        clean = scrub(value)
        if kinds := scrubbed_kinds(clean):
            notes[place] = ", ".join(kinds)
        return clean
    if isinstance(value, Mapping):
        made = {}
        for name, item in value.items():
            kept = scrub(name)
            there = f"{place}.{kept}" if place else kept
            if isinstance(item, str) and is_secret_name(name) and can_be_secret(item, code=False, quoted=True):
                item = scrubbed(SECRET_NAME)
            made[kept] = _scrub_value(item, there, notes)
        same = all(a is b and m == n for (m, a), (n, b) in zip(made.items(), value.items(), strict=True))
        return value if same else made
    if isinstance(value, list | tuple):
        items = [_scrub_value(item, f"{place}[{number}]", notes) for number, item in enumerate(value)]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    return value
