# SPDX-License-Identifier: Apache-2.0
"""A note: what somebody has to say of an attempt, after it was captured. It changes no digest, and is never changed."""

from __future__ import annotations

from .document import Document, string

__all__ = ("Note",)


class Note(Document, media_type="application/vnd.envcap.note.v1+json"):
    """Who said what of an attempt, and when.

    `action` is ``note``; or ``pin``, after which ``envcap gc`` keeps the attempt, until an ``unpin``. `manifest` is the
    digest of the attempt's manifest.
    """

    attempt: str = string()
    manifest: str = string()
    action: str = string()
    who: str = string()
    written: str = string()
    why: str = string()
