# SPDX-License-Identifier: Apache-2.0
"""Keeps what collectors find. What can't be kept still has its digest, and is an outcome."""

from __future__ import annotations

from ..errors import StoreError
from ..model.descriptor import Descriptor, describe, describe_bytes
from ..model.document import Document
from ..model.manifest import Outcome
from .base import ObjectStore

__all__ = ("Keeper",)


class Keeper:
    """Puts documents and blobs into a store, and never raises.

    After the first that can't be kept, none is tried: what room is left is for the journal, which says so.

    Attributes
    ----------
    failure : `Outcome` or `None`
        Why something was not kept.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.failure: Outcome | None = None

    def document(self, document: Document) -> Descriptor:
        """Keep a document."""
        self._put(document.to_bytes())
        return describe(document)

    def blob(self, media_type: str, data: bytes) -> Descriptor:
        """Keep a blob."""
        self._put(data)
        return describe_bytes(media_type, data)

    def _put(self, data: bytes) -> None:
        if self.failure is not None:
            return
        try:
            self._store.put(data)
        except StoreError as err:
            self.failure = Outcome(status="failed", reason=f"captured, but not kept: {err}")
