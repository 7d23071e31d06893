# SPDX-License-Identifier: Apache-2.0
"""The store of trials: what they write stays in it, and what they need comes from the stores of the two attempts."""

from __future__ import annotations

from envcap.errors import EnvcapError
from envcap.model.descriptor import Descriptor, describe_bytes
from envcap.model.document import Document
from envcap.store.base import ObjectStore
from envcap.store.local import LocalStore

__all__ = ("TrialStore",)


class TrialStore(LocalStore):
    """A store of its own, so that no trial is ever taken for a job.

    Parameters
    ----------
    root : `str`
    behind : sequence of `ObjectStore`
        Where to look for what it hasn't got.
    """

    def __init__(self, root: str, *behind: ObjectStore) -> None:
        super().__init__(root)
        self._behind = behind

    def hold(self, document: Document) -> Descriptor:
        """Keep a document."""
        return self.hold_bytes(document.media_type, document.to_bytes())

    def hold_bytes(self, media_type: str, data: bytes) -> Descriptor:
        """Keep some bytes."""
        descriptor = describe_bytes(media_type, data)
        self.put(data)
        return descriptor

    def _has(self, digest: str) -> bool:
        return super()._has(digest) or any(store.has(digest) for store in self._behind)

    def _get(self, digest: str) -> bytes:
        try:
            return super()._get(digest)
        except FileNotFoundError:
            for store in self._behind:
                try:
                    return store.get(digest)
                except EnvcapError:
                    continue  # the next may have it, and whoever asked is told if none has
            raise
