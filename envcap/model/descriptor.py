# SPDX-License-Identifier: Apache-2.0
"""A descriptor: how one document points at another (OCI image specification, "Content Descriptors")."""

from __future__ import annotations

from ..digest import digest_of
from .document import Document, integer, string

__all__ = ("Descriptor", "describe", "describe_bytes")


class Descriptor(Document):
    """The media type, digest and size in bytes of a stored document or blob."""

    mediaType: str = string()  # noqa: N815  (the name is the specification's)
    digest: str = string()
    size: int = integer()


def describe_bytes(media_type: str, data: bytes) -> Descriptor:
    """Return the descriptor of some bytes."""
    return Descriptor(mediaType=media_type, digest=digest_of(data), size=len(data))


def describe(document: Document) -> Descriptor:
    """Return the descriptor of a document."""
    return describe_bytes(document.media_type, document.to_bytes())
