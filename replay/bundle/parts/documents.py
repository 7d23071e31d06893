# SPDX-License-Identifier: Apache-2.0
"""The job's documents: its records with their seals, signatures, and every object that they name."""

from __future__ import annotations

from collections.abc import Sequence

from envcap.digest import digest_of
from envcap.errors import FormatError
from envcap.model.document import Document
from envcap.model.manifest import Manifest
from envcap.model.recipe import Recipe
from envcap.model.result import Result
from envcap.model.signature import Signature
from envcap.store.batch import DIGEST, key_of
from envcap.store.index import Index
from envcap.store.journal import Journal
from envcap.trust.verify import objects_of

from ...errors import ReplayRefusedError
from .base import Entry, Packing, Part, Unpacking

__all__ = ("DocumentsPart",)

_KINDS: dict[str, type[Document]] = {"manifest": Manifest, "recipe": Recipe, "result": Result, "signature": Signature}
_UNSEALED = "-"


class DocumentsPart(Part):
    """Records as ``KIND SEAL``, objects by digest."""

    kinds = ("record", "object")

    def pack(self, packing: Packing) -> None:
        """Put all documents in. One that is missing makes the bundle worthless, and is an error."""
        attempt = packing.job.attempt
        records = [("recipe", attempt.recipe.to_bytes(), None), ("manifest", attempt.manifest.to_bytes(), attempt.seal)]
        if attempt.result is not None:
            records.append(("result", attempt.result.to_bytes(), attempt.result_seal))
        for signature in packing.job.index.signatures(attempt.manifest.attempt):
            records.append(("signature", signature.to_bytes(), None))
        for kind, data, seal in records:
            packing.add("record", f"{kind} {seal or _UNSEALED}", data)
        for digest, data in objects_of(packing.job.store, attempt):
            packing.add("object", digest, data)

    def unpack(self, entries: Sequence[Entry], unpacking: Unpacking) -> None:
        """Put objects into the store, and the records into a journal, with the seals that they bear."""
        records = []
        for entry in unpacking.present(entries):
            data = unpacking.reader.blob(entry.digest)
            if entry.kind == "object":
                unpacking.store.put(data)
                continue
            kind, _, seal = entry.name.partition(" ")
            if kind not in _KINDS or not (seal.replace(":", "").isalnum() or seal == _UNSEALED) or len(seal) > 80:
                raise ReplayRefusedError(f"the bundle's record {entry.name[:80]!r} is of no known kind")
            try:
                _KINDS[kind].from_bytes(data)
            except FormatError as err:
                raise ReplayRefusedError(f"the bundle's {kind} is none: {err}") from err
            records.append((kind, data, None if seal == _UNSEALED else seal))
        index = Index(unpacking.store)
        if not any(kind == "manifest" and index.keyed(key_of(DIGEST, digest_of(data))) for kind, data, _ in records):
            journal = Journal(unpacking.store.root)
            journal.adopt(*records)
            journal.close()
