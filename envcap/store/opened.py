# SPDX-License-Identifier: Apache-2.0
"""The store that a command or a call names, for reading: a directory, or a URI."""

from __future__ import annotations

from .local import LocalStore
from .place import default_store

__all__ = ("existing_store",)


def existing_store(named: str | None) -> LocalStore:
    """Return a store by its name.

    Parameters
    ----------
    named : `str` or `None`
        A directory or URI; `None` for the user's own (`default_store`).

    Raises
    ------
    EnvcapError
        If there is none, or it can't be read.
    """
    place = named or default_store()
    if "://" not in place or place.startswith("file://"):
        return LocalStore.existing(place.removeprefix("file://"))
    from .mirror import MirrorStore

    store = MirrorStore(place)
    store.meet()
    return store
