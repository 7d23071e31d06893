# SPDX-License-Identifier: Apache-2.0
"""Hostile bundles: bytes that are changed, and tables of contents that are sealed and say something else."""

from __future__ import annotations

import io
import json
from pathlib import Path

from envcap.digest import canonical_json, digest_of
from replay.bundle.layout import BundleReader, BundleWriter
from replay.bundle.parts.base import Entry
from tests.fuzz.campaign import Campaign, feed
from tests.fuzz.corpus import Corpus
from tests.fuzz.guard import Guard
from tests.fuzz.mutate import Mutator

__all__ = ("Bundles",)


class Bundles(Campaign):
    """`BundleReader`, with all that it hands out."""

    name = "bundles"
    cases = 800

    def __init__(self, corpus: Corpus, guard: Guard, scratch: Path) -> None:
        super().__init__(corpus, guard, scratch)
        self.documents = corpus.quantum()
        self.contents = self._contents()
        self.pool = [_packed(self.contents, list(self.documents.values())), canonical_json(self.contents)]

    def _contents(self) -> dict[str, object]:
        entries = [
            {"kind": "object", "name": name, "digest": digest_of(data), "size": len(data)}
            for name, data in self.documents.items()
        ]
        return {"attempt": "0" * 36, "name": "zoo", "replay": "0", "entries": entries, "left_out": []}

    def good(self) -> Path:
        """Return a bundle as it is written."""
        return self._written(self.pool[0])

    def make(self, mutator: Mutator) -> Path:
        """Return one that was changed afterwards, or that was made of something else."""
        if mutator.chance(0.6):
            return self._written(mutator.data(self.pool[0]))
        try:
            contents = json.loads(mutator.document(canonical_json(self.contents)))
            return self._written(_packed(contents, list(self.documents.values())))
        except (ValueError, TypeError, AttributeError, RecursionError):
            return self._written(mutator.data(self.pool[0]))  # what can't be written needn't be read

    def _written(self, data: bytes) -> Path:
        path = self.scratch / "bundle"
        path.write_bytes(data)
        return path

    def read(self, given: Path) -> None:
        """Read the table of contents, and every blob that it names."""
        reader = feed(BundleReader, given)
        if reader is None:
            return
        entries = reader.contents.get("entries")
        for found in entries if isinstance(entries, list) else ():
            entry = feed(Entry.of_json, found)
            if entry is None:
                continue
            data = feed(reader.blob, entry.digest)
            assert data is None or digest_of(data) == entry.digest
        reader.close()


def _packed(contents: dict[str, object], blobs: list[bytes]) -> bytes:
    out = io.BytesIO()
    writer = BundleWriter(out)
    for blob in blobs:
        writer.add(blob)
    writer.finish(contents, "0" * 16 + ":" + "0" * 32)
    return out.getvalue()
