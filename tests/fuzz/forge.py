# SPDX-License-Identifier: Apache-2.0
"""Puts a quantum into a store with some of its documents replaced and every digest above them made right again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envcap.digest import digest_of
from envcap.store.journal import Journal
from envcap.store.local import LocalStore

__all__ = ("forge",)


def forge(root: Path, documents: Mapping[str, bytes], name: str, data: bytes) -> None:
    """Write a store that holds one quantum.

    Parameters
    ----------
    root : `Path`
    documents : mapping
        From `Corpus.quantum`.
    name : `str`
        Which of them is replaced.
    data : `bytes`
        What it is replaced with.
    """
    made = {**documents, name: data}
    while name != "result":
        parent, path = _parent(made, name)
        made[parent] = _pointed(made[parent], path, made[name])
        name = parent
    store = LocalStore(str(root))
    store.create()
    for kind, document in made.items():
        if kind not in ("recipe", "manifest", "result"):
            store.put(document)
    Journal(store.root).append(*((kind, made[kind]) for kind in ("recipe", "manifest", "result")))


def _parent(documents: Mapping[str, bytes], name: str) -> tuple[str, list[str]]:
    """Return what points at a document, and where in it the pointer stands."""
    if name in ("manifest", "recipe", "site"):
        return ("result" if name == "manifest" else "manifest"), [name]
    if name == "config text":
        return "config", ["text"]
    if name == "config":
        return "recipe", ["work", "config"]
    on_host = name in json.loads(documents["manifest"])["host"]
    return ("manifest", ["host", name]) if on_host else ("recipe", ["software", name])


def _pointed(parent: bytes, path: list[str], child: bytes) -> bytes:
    """Return a document whose pointer at another one is right."""
    document: dict[str, Any] = json.loads(parent)
    holder = document
    for member in path[:-1]:
        holder = holder[member]
    if isinstance(holder[path[-1]], str):
        holder[path[-1]] = digest_of(child)
    else:
        holder[path[-1]] = {**holder[path[-1]], "digest": digest_of(child), "size": len(child)}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
