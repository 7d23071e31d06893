# SPDX-License-Identifier: Apache-2.0
"""Selectors: the one way to name a thing on any command line or in any call (DESIGN section 2)."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..digest import digest_of_file
from ..errors import AmbiguousSelectorError, UnknownSelectorError, UsageError
from .batch import DATASET, DIGEST, JOB, PATH, QUANTUM, key_of, key_range
from .index import Attempt, Index, Listed
from .opened import existing_store

__all__ = ("MIN_PREFIX", "find", "resolve")

MIN_PREFIX = 6
"""Shortest prefix of an id or a digest that is looked up."""

_ID_DIGITS, _DIGEST_DIGITS, _KEY_DIGITS = 32, 64, 16

_ID_CHARACTERS = frozenset("0123456789abcdef-")


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
        found = [listed for finder in _BARE_FINDERS for listed in finder(index, selector)]
    if not replays and kind != "attempt":
        found = [listed for listed in found if index.count("attempt = ? AND replay_of IS NULL", (listed.id,))]
    if not found:
        told = f"nothing in {index.store} answers to {selector!r}{_hint(index, selector)}"
        raise UnknownSelectorError(f"{told}; 'envcap jobs' lists what is there")
    things = {(listed.kind, listed.job): listed for listed in found}
    if len(things) > 1:
        raise AmbiguousSelectorError(f"{selector!r} is ambiguous: {_told(list(things.values()))}")
    return index.load(_best(index, found))


def find(selector: str, *, store: str | None = None, replays: bool = False) -> Attempt:
    """Return the attempt that a selector names, in a store.

    Parameters
    ----------
    selector : `str`
        As for `resolve`: an id, a digest, the path of a file that a job wrote (it may have been renamed), or ``@last``.
    store : `str`, optional
        The store's directory or URI; by default ``ENVCAP_STORE``, else the user's own.
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
    return resolve(Index(existing_store(store)), selector, replays=replays)


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


def _best(index: Index, found: list[Listed]) -> str:
    """Return the attempt that ended well, the latest of several; else the latest."""
    ended_well = {listed.id for listed in found if index.count("attempt = ? AND status = 'ok'", (listed.id,))}
    return max(found, key=lambda listed: (listed.id in ended_well, listed.started, listed.attempt)).attempt


def _told(found: list[Listed]) -> str:
    shown = sorted(found, key=lambda listed: listed.attempt)[:8]
    told = [f"{one.kind} {one.name} (attempt:{one.attempt}, {one.started})" for one in shown]
    return "; ".join(told) + (f"; and {len(found) - 8} more" if len(found) > 8 else "")


def _last(index: Index, replays: bool) -> list[Listed]:
    condition = "inner_job = 0" + ("" if replays else " AND replay_of IS NULL")
    return index.listed(condition, order="started DESC, attempt DESC LIMIT 1")


def _attempt(index: Index, name: str) -> list[Listed]:
    return index.listed("attempt >= ? AND attempt <= ?", key_range(b"", name)) if _is_id(name) else []


def _quantum(index: Index, name: str) -> list[Listed]:
    return index.keyed(*key_range(QUANTUM, name)) if _is_id(name) else []


def _dataset(index: Index, name: str) -> list[Listed]:
    return index.keyed(*key_range(DATASET, name)) if _is_id(name) else []


def _job(index: Index, name: str) -> list[Listed]:
    return [listed for listed in index.keyed(key_of(JOB, name)) if listed.job == name]


def _digest(index: Index, name: str) -> list[Listed]:
    value = name.removeprefix("sha256:").lower()
    if not _is_prefix(value, "") or len(value) > _DIGEST_DIGITS:
        return []
    found = index.keyed(*key_range(DIGEST, value))
    # The index has the first digits alone.
    return found if len(value) <= _KEY_DIGITS else [one for one in found if _names(index, one, f"sha256:{value}")]


def _names(index: Index, listed: Listed, digest: str) -> bool:
    """Whether an attempt is known by a digest: its documents', or of a file that it wrote."""
    attempt = index.load(listed.attempt)
    outputs = attempt.result.outputs if attempt.result is not None else ()
    known = [attempt.digest, attempt.manifest.recipe.digest, attempt.result_digest]
    known += [output.file.digest for output in outputs]
    return any(one is not None and one.startswith(digest) for one in known)


def _is_id(name: str) -> bool:
    return len(name.replace("-", "")) <= _ID_DIGITS and _is_prefix(name, "-")


def _is_prefix(name: str, others: str) -> bool:
    digits = len(name) - sum(map(name.count, others))
    return digits >= MIN_PREFIX and set(name.lower()) <= {*"0123456789abcdef", *others}


def _file(index: Index, name: str) -> list[Listed]:
    """Find who wrote a file: by what is in it, since it may have been renamed, else by where it stood."""
    if os.path.isdir(name):
        raise UsageError(f"{name} is a directory; name a file that a job wrote")
    by_path = index.keyed(key_of(PATH, os.path.abspath(name)))
    if not os.path.isfile(name):
        return by_path
    try:
        digest, _ = digest_of_file(name)
    except OSError as err:
        raise UsageError(f"{name}: {err.strerror or err}") from err
    by_content = _digest(index, digest)
    there = {listed.attempt for listed in by_path}
    return [listed for listed in by_content if listed.attempt in there] or by_content or by_path


def _bare_file(index: Index, name: str) -> list[Listed]:
    return _file(index, name) if os.path.isfile(name) else []


_FINDERS: dict[str, Callable[[Index, str], list[Listed]]] = {
    "attempt": _attempt,
    "quantum": _quantum,
    "dataset": _dataset,
    "job": _job,
    "path": _file,
    "sha256": _digest,
}
_BARE_FINDERS = (_attempt, _quantum, _dataset, _job, _bare_file, _digest)
