# SPDX-License-Identifier: Apache-2.0
"""Where the index of a store is: in PostgreSQL, in the store, in this user's cache directory, or in memory."""

from __future__ import annotations

import os
import sqlite3

from ..digest import sha256_hex
from ..memo import cache_dir
from .database import Database
from .local import LocalStore
from .sqlite import NoRoomError, SqliteDatabase

__all__ = ("INDEX", "in_memory", "opened_database")

INDEX = "ENVCAP_INDEX"
"""Variable that names a site's database. It stands in no store: a store may be anybody's, and would choose the server
that its reader's password is given to."""


def opened_database(store: LocalStore) -> Database:
    """Open the index of a store.

    Raises
    ------
    DatabaseBrokenError
        If it is none, or doesn't answer.
    EnvcapError
        If `INDEX` names what is no database.
    """
    if url := os.environ.get(INDEX):
        from .postgresql import PostgresqlDatabase

        return PostgresqlDatabase(url, f"{store.identity} {store.place}")
    try:
        if _is_writable(store.root):
            return SqliteDatabase(os.path.join(store.root, "index.sqlite"))
        return SqliteDatabase(_private(store))
    except (NoRoomError, OSError):
        # A full disk or a file system without locks: nothing is lost by indexing in memory.
        return in_memory()


def in_memory() -> Database:
    """Return an empty index in memory."""
    return SqliteDatabase(None)


def _is_writable(root: str) -> bool:
    own = os.path.join(root, "index.sqlite")
    # What is no file there is refused when it is opened.
    is_others = os.path.isfile(own) and not os.path.islink(own) and not os.access(own, os.W_OK)
    may = os.access(root, os.W_OK) and not is_others
    return may and not os.statvfs(root).f_flag & os.ST_RDONLY


def _private(store: LocalStore) -> str:
    """Return the path of this user's own index of a store; it begins as a copy of the store's."""
    folder = os.path.join(cache_dir(), "index")
    path = os.path.join(folder, sha256_hex(store.root.encode("utf-8", "surrogateescape"))[:32] + ".sqlite")
    if not os.path.lexists(path):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        _copy(os.path.join(store.root, "index.sqlite"), path)
    return path


def _copy(source: str, target: str) -> None:
    if not os.path.isfile(source) or os.path.islink(source):
        return
    scratch = f"{target}.{os.getpid()}.tmp"
    try:
        with_source = sqlite3.connect(f"file:{_quoted(source)}?mode=ro&immutable=1", uri=True)
        copy = sqlite3.connect(scratch)
        with_source.backup(copy)
        copy.close()
        with_source.close()
        os.rename(scratch, target)
    except (sqlite3.Error, UnicodeDecodeError):
        # Then it is made from the journals and packs.
        if os.path.lexists(scratch):
            os.unlink(scratch)


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path)
