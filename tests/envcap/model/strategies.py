# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies that are derived from the classes of the documents: whatever a class declares, and more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from envcap.digest import MAX_INTEGER
from envcap.model.descriptor import Descriptor
from envcap.model.document import Document, Field

__all__ = ("INTEGERS", "JSON", "TEXTS", "documents", "parts")

TEXTS = st.text(max_size=12)
INTEGERS = st.integers(-MAX_INTEGER, MAX_INTEGER)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), INTEGERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
_DIGESTS = st.integers(0, 2**256 - 1).map(lambda number: f"sha256:{number:064x}")
_SCALARS = {"string": TEXTS, "integer": INTEGERS, "boolean": st.booleans()}


def documents(cls: type[Document], *, unknown: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for the JSON of any document of a class.

    Parameters
    ----------
    cls : `type`
    unknown : `bool`
        Whether it has members, at every level, that only a newer writer knows.
    """
    required: dict[str, st.SearchStrategy[Any]] = {"mediaType": st.just(cls.media_type)} if cls.media_type else {}
    optional = {}
    for name, field in cls.members.items():
        value = _DIGESTS if cls is Descriptor and name == "digest" else _values(field, unknown)
        (optional if field.optional else required)[name] = value
    known = st.fixed_dictionaries(required, optional=optional)
    if not unknown:
        return known
    names = TEXTS.filter(lambda name: name not in cls.members and name != "mediaType")
    return st.builds(lambda more, sure: {**more, **sure}, st.dictionaries(names, JSON, max_size=2), known)


def parts(classes: Iterable[type[Document]]) -> list[type[Document]]:
    """Return the classes that documents are made of, sorted by name."""
    found: set[type[Document]] = set()
    waiting: list[object] = [field.of for cls in classes for field in cls.members.values()]
    while waiting:
        of = waiting.pop()
        if isinstance(of, Field):
            waiting.append(of.of)
        elif isinstance(of, type) and of not in found:
            found.add(of)
            waiting += [field.of for field in of.members.values()]
    return sorted(found, key=lambda cls: cls.__name__)


def _values(field: Field, unknown: bool) -> st.SearchStrategy[Any]:
    if isinstance(field.of, type):
        return documents(field.of, unknown=unknown)
    items = JSON if field.of is None else _values(field.of, unknown)
    if field.kind == "array":
        return st.lists(items, max_size=2)
    if field.kind == "object":
        return st.dictionaries(TEXTS, items, max_size=2)
    return _SCALARS[field.kind]
