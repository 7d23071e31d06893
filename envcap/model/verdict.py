# SPDX-License-Identifier: Apache-2.0
"""The verdict: what a replay came to. `replay` writes it; what stands here is what a store must know of it."""

from __future__ import annotations

from .document import Document, string

__all__ = ("Verdict",)


class Verdict(Document, media_type="application/vnd.envcap.verdict.v1+json"):
    """A replay's verdict on the attempt that it replayed. The rest of the document is `replay`'s own."""

    replay: str = string()
    replay_of: str = string()
    verdict: str = string()
