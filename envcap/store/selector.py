# SPDX-License-Identifier: Apache-2.0
"""Selectors: the one way to name a thing on any command line or in any call (DESIGN section 2)."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..digest import digest_of_file
from ..errors import AmbiguousSelectorError, UnknownSelectorError, UsageError
from .base import default_store
from .index import Attempt, Index
from .local import LocalStore

__all__ = ("MIN_PREFIX", "find", "resolve")

MIN_PREFIX = 6
"""Shortest prefix of an id or a digest that is looked up."""

_ID_CHARACTERS = frozenset("0123456789abcdef-")
_Candidates = list[tuple[str, ...]]
_COLUMNS = "SELECT DISTINCT m.attempt, m.kind, m.name, COALESCE(m.quantum, m.job_id), m.started FROM manifests m "


def resolve(index: Index, selector: str, *, replays: bool = False) -> Attempt:
    """Return the attempt that a selector names.

    A job or quantum that was tried again resolves to its latest successful attempt, else to its latest.

    Parameters
    ----------
    index : `Index`
    selector : `str`
        ``job:``, ``attempt:``, ``quantum:``, ``dataset:``, ``path:`` or ``sha256:`` and a name (unique prefixes of ids
        and digests do), the bare name where that is unambiguous, or ``@last``.
    replays : `bool`
        Whether replays of a job count as attempts of it.

    Raises
    ------
    AmbiguousSelectorError
        Listing what answers to it.
    UnknownSelectorError
        If nothing does.
    UsageError
        If it is no selector.
    """
    kind, separator, name = selector.partition(":")
    if selector == "@last":
        found = _last(index, replays)
    elif separator and kind in _FINDERS:
        found = _FINDERS[kind](index, name)
    else:
        found = [row for finder in _BARE_FINDERS for row in finder(index, selector)]
    if not replays:
        kept = "SELECT attempt FROM manifests WHERE replay_of IS NULL AND attempt = ?"
        found = [row for row in found if kind == "attempt" or index.query(kept, (row[0],))]
    if not found:
        told = f"nothing in {index.store} answers to {selector!r}{_hint(index, selector)}"
        raise UnknownSelectorError(f"{told}; 'envcap jobs' lists what is there")
    things = {(row[1], row[3]): row for row in found}
    if len(things) > 1:
        raise AmbiguousSelectorError(f"{selector!r} is ambiguous: {_listed(list(things.values()))}")
    return index.load(_best(index, [row[0] for row in found]))


def find(selector: str, *, store: str | None = None, replays: bool = False) -> Attempt:
    """Return the attempt that a selector names, in a store.

    Parameters
    ----------
    selector : `str`
        As for `resolve`: an id, a digest, the path of a file that a job wrote (it may have been renamed), or ``@last``.
    store : `str`, optional
        The store's directory; by default ``ENVCAP_STORE``, else the user's own.
    replays : `bool`
        Whether replays of a job count as attempts of it.

    Raises
    ------
    EnvcapError
        As `resolve`; `StoreError` if there is no store.

    Examples
    --------
    >>> import envcap
    >>> envcap.find("job:nobody")
    Traceback (most recent call last):
    ...
    envcap.errors.UnknownSelectorError: nothing in store ... answers to 'job:nobody'; ...
    """
    return resolve(Index(LocalStore.existing(store or default_store())), selector, replays=replays)


def _hint(index: Index, selector: str) -> str:
    """Return what may be wrong with a selector that nothing answers to."""
    kind, _, name = selector.partition(":") if ":" in selector else ("", "", selector)
    if not name:
        return " (it names nothing)"
    if name.startswith("@"):
        return " (with '@' there is only @last)"
    if kind.isalpha() and kind not in _FINDERS:
        return f" (the kinds are {', '.join(f'{known}:' for known in _FINDERS)})"
    if len(name) < MIN_PREFIX and kind not in ("job", "path") and set(name.lower()) <= _ID_CHARACTERS:
        return f" (a prefix needs {MIN_PREFIX} characters)"
    return f" (not looked into: {index.unreadable[0]})" if index.unreadable else ""


def _best(index: Index, attempts: list[str]) -> str:
    marks = ",".join("?" * len(attempts))
    return index.query(
        f"SELECT m.attempt FROM manifests m LEFT JOIN results r USING (attempt) WHERE m.attempt IN ({marks}) "  # noqa: S608
        "ORDER BY r.status IS 'ok' DESC, m.started DESC, m.attempt DESC LIMIT 1",
        attempts,
    )[0][0]


def _listed(rows: _Candidates) -> str:
    shown = [f"{kind} {name} (attempt:{attempt}, {started})" for attempt, kind, name, _, started in sorted(rows)[:8]]
    return "; ".join(shown) + (f"; and {len(rows) - 8} more" if len(rows) > 8 else "")


def _last(index: Index, replays: bool) -> _Candidates:
    condition = "m.parent IS NULL" + ("" if replays else " AND m.replay_of IS NULL")
    return index.query(f"{_COLUMNS} WHERE {condition} ORDER BY m.started DESC, m.attempt DESC LIMIT 1")


def _prefix(column: str) -> Callable[[Index, str], _Candidates]:
    def find(index: Index, name: str) -> _Candidates:
        if len(name) < MIN_PREFIX:
            return []
        return index.query(f"{_COLUMNS} WHERE {column} >= ? AND {column} < ?", (name.lower(), name.lower() + "~"))

    return find


def _job(index: Index, name: str) -> _Candidates:
    return index.query(f"{_COLUMNS} WHERE m.job_id = ? AND m.quantum IS NULL", (name,))


def _dataset(index: Index, name: str) -> _Candidates:
    if len(name) < MIN_PREFIX:
        return []
    return index.query(
        f"{_COLUMNS} JOIN datasets d USING (attempt) WHERE d.dataset >= ? AND d.dataset < ?",
        (name.lower(), name.lower() + "~"),
    )


def _digest(index: Index, name: str) -> _Candidates:
    value = name.removeprefix("sha256:").lower()
    if len(value) < MIN_PREFIX or not set(value) <= set("0123456789abcdef"):
        return []
    low, high = f"sha256:{value}", f"sha256:{value}~"
    found = index.query(
        f"{_COLUMNS} WHERE m.recipe >= ? AND m.recipe < ? OR m.digest >= ? AND m.digest < ?",
        (low, high, low, high),
    )
    joined = f"{_COLUMNS} JOIN files f USING (attempt) WHERE f.digest >= ? AND f.digest < ?"
    return found + index.query(joined, (low, high))


def _file(index: Index, name: str) -> _Candidates:
    """Find who wrote a file: by what is in it, since it may have been renamed, else by where it stood."""
    if os.path.isdir(name):
        raise UsageError(f"{name} is a directory; name a file that a job wrote")
    by_path = index.query(f"{_COLUMNS} JOIN files f USING (attempt) WHERE f.path = ?", (os.path.abspath(name),))
    if not os.path.isfile(name):
        return by_path
    try:
        digest, _ = digest_of_file(name)
    except OSError as err:
        raise UsageError(f"{name}: {err.strerror or err}") from err
    by_content = index.query(f"{_COLUMNS} JOIN files f USING (attempt) WHERE f.digest = ?", (digest,))
    return [row for row in by_content if row in by_path] or by_content or by_path


def _bare_file(index: Index, name: str) -> _Candidates:
    return _file(index, name) if os.path.isfile(name) else []


_FINDERS: dict[str, Callable[[Index, str], _Candidates]] = {
    "attempt": _prefix("m.attempt"),
    "quantum": _prefix("m.quantum"),
    "dataset": _dataset,
    "job": _job,
    "path": _file,
    "sha256": _digest,
}
_BARE_FINDERS = (_FINDERS["attempt"], _FINDERS["quantum"], _dataset, _job, _bare_file, _digest)
