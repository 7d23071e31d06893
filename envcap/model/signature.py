# SPDX-License-Identifier: Apache-2.0
"""A signature: somebody vouches for an attempt's documents, after it was captured."""

from __future__ import annotations

from .document import Document, string

__all__ = ("Signature",)


class Signature(Document, media_type="application/vnd.envcap.signature.v1+json"):
    """An Ed25519 signature over the canonical form of this document without its member `signature`.

    `manifest` and `result` are digests; `key` is the public key and `signature` the signature, both in base64.
    """

    attempt: str = string()
    manifest: str = string()
    result: str | None = string(default=None)
    signed: str = string()
    key: str = string()
    signature: str = string()
