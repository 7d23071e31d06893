# SPDX-License-Identifier: Apache-2.0
"""Notes and pins: records about attempts, which are only ever added."""

from __future__ import annotations

import getpass

from ..errors import EnvcapError, UsageError
from ..ids import timestamp
from ..model.note import Note
from ..redact import scrub
from ..trust.key import Key, KeyFileError, key_path
from .attempt import Attempt
from .index import Index
from .journal import Journal

__all__ = ("NOTE", "PIN", "UNPIN", "add_note", "is_pinned")

NOTE, PIN, UNPIN = "note", "pin", "unpin"


def add_note(index: Index, attempt: Attempt, action: str, why: str) -> None:
    """Add a note to a store.

    Raises
    ------
    EnvcapError
        If it can't be written, or this user has no name.
    UsageError
        If it says nothing.
    """
    if not why.strip():
        raise UsageError("a note says something; this text is empty")
    try:
        who = getpass.getuser()
    except (OSError, KeyError) as err:
        raise EnvcapError(f"this user has no name: {err}; LOGNAME gives one") from err
    manifest = attempt.manifest
    note = Note(
        attempt=manifest.attempt, manifest=attempt.digest, action=action, who=who, written=timestamp(), why=scrub(why)
    )
    root = index.store.root
    try:
        key = Key.own(key_path(), root)
    except KeyFileError as err:
        raise EnvcapError(str(err)) from err
    journal = Journal(root, key)
    journal.append(("note", note.to_bytes()))
    journal.close()
    index.refresh()


def is_pinned(index: Index, attempt: str) -> bool:
    """Whether the last word on an attempt is a pin."""
    actions = [note.action for note in index.notes(attempt) if note.action in (PIN, UNPIN)]
    return actions[-1:] == [PIN]
