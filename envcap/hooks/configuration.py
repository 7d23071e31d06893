# SPDX-License-Identifier: Apache-2.0
"""Keeps a task's configuration. It is parsed once on a node: all processes of a run have the same few."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..collectors.base import noting
from ..digest import digest_of
from ..fingerprint import fingerprint
from ..memo import Memo
from ..model.descriptor import Descriptor
from ..model.manifest import Outcome
from ..redact import CLEAN
from ..revalidation import memorise_document, recalled_document
from ..store.base import ObjectStore
from ..store.keeper import Keeper

__all__ = ("KeptConfiguration", "kept_configuration")

KeptConfiguration = tuple[Descriptor, Outcome | None, Mapping[str, str]]
"""The `RubinConfig`; why it could not be kept, if so; what was taken out of it: kind of secret by place."""

_VERSION = "configuration 1"
"""Changes with what is made of the same text."""

_SLOT_DIGITS = 2


def kept_configuration(text: str, store: ObjectStore) -> KeptConfiguration:
    """Keep a configuration, or find that it has been kept. One with a secret is looked at each time."""
    digest = digest_of(text.encode("utf-8", "surrogateescape"))
    memo, subject = Memo(), f"configuration {digest[-_SLOT_DIGITS:]}"
    state = fingerprint(CLEAN.judged_by, (_VERSION, digest))
    known = recalled_document(memo, subject, state, store)
    if known is not None:
        return known, None, {}
    from ..collectors.rubin_quantum import keep_config

    keeper, kept = Keeper(store), list[str]()
    found, scrubbed = keep_config(text, noting(keeper.blob, kept))
    # Of a text from which something was taken out, not even a digest is noted.
    if digest in kept and not scrubbed and state.is_settled(time.time_ns()):
        memorise_document(memo, subject, state, found, kept)
    return found, keeper.failure, scrubbed
