# SPDX-License-Identifier: Apache-2.0
"""What several sources ask of the repository."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from envcap.model.manifest import DatasetGroup

from .base import Asked, reading

__all__ = ("config_text", "find_one", "groups", "made", "packages", "put_by", "text_values")


def text_values(data_id: Any) -> dict[str, str]:
    """Return the required dimensions of a data ID, as text."""
    return {name: str(value) for name, value in data_id.required.items()}


def groups(refs: Iterable[Any]) -> list[DatasetGroup]:
    """Return datasets as groups, in order; a run of one dataset type and one RUN is one group.

    A dataset that a task has through two connections is there once: a quantum holds datasets by type.
    """
    found: list[tuple[tuple[str, str, str, tuple[str, ...]], list[list[str]]]] = []
    seen = set()
    for ref in refs:
        if ref.id in seen:
            continue
        seen.add(ref.id)
        values = text_values(ref.dataId)
        name, _ = ref.datasetType.nameAndComponent()
        key = (name, ref.run, ref.datasetType.storageClass_name, tuple(values))
        if not found or found[-1][0] != key:
            found.append((key, []))
        found[-1][1].append([str(ref.id), *values.values()])
    return [
        DatasetGroup(dataset_type=name, run=run, storage_class=storage_class, dimensions=dimensions, rows=rows)
        for (name, run, storage_class, dimensions), rows in found
    ]


def made(asked: Asked, refs: Iterable[Any], certain: Collection[UUID]) -> dict[str, str | None]:
    """Return the outputs that were made, with the URIs of their files, `None` where that is gone.

    Parameters
    ----------
    asked : `Asked`
    refs : iterable of `lsst.daf.butler.DatasetRef`
        The predicted outputs.
    certain : collection of `uuid.UUID`
        Those that were certainly made, even if the repository doesn't know them any more.
    """
    found: dict[str, str | None] = {}
    for ref in refs:
        known = asked.butler.get_dataset(ref.id)
        if known is not None and asked.butler.stored(known):
            uri = asked.butler.getURI(known)
            found[str(ref.id)] = (f"file://{uri.ospath}" if uri.isLocal else str(uri)) if uri.exists() else None
        elif known is not None or ref.id in certain:
            found[str(ref.id)] = None
    return found


def find_one(butler: Any, dataset_type: str, run: str) -> Any:
    """Return the dataset of a type without dimensions in a RUN; `None` if there is none."""
    from lsst.daf.butler import MissingCollectionError, MissingDatasetTypeError

    try:
        return butler.find_dataset(dataset_type, collections=[run])
    except (MissingCollectionError, MissingDatasetTypeError):
        return None


def config_text(butler: Any, label: str, run: str) -> str | None:
    """Return a task's configuration from its RUN; `None` if it has no file: `butler ingest-graph` deletes it."""
    ref = find_one(butler, f"{label}_config", run)
    if ref is None or not butler.stored(ref):
        return None
    uri = butler.getURI(ref)
    if uri.getExtension() != ".py" or not uri.exists():
        return None
    with reading(f"{label}_config in RUN {run}"):
        return bytes(uri.read()).decode("utf-8", "surrogateescape")


def packages(butler: Any, run: str) -> Mapping[str, str] | None:
    """Return the versions that a RUN's ``packages`` dataset names; `None` if it has none."""
    ref = find_one(butler, "packages", run)
    if ref is None or not butler.stored(ref):
        return None
    uri = butler.getURI(ref)
    # Repositories of old have it as a pickle, and reading one executes what is in it.
    if uri.getExtension() not in (".yaml", ".json") or not uri.exists():
        return None
    with reading(f"packages in RUN {run}"):
        return {str(name): str(version) for name, version in butler.get(ref).items()}


def put_by(butler: Any, metadata: UUID) -> frozenset[UUID] | None:
    """Return what a quantum put, from its metadata; `None` if there is no metadata.

    The executor writes ``quantum.outputs`` last, and only for a quantum that ended well; one that had nothing to do has
    metadata without that key.
    """
    ref = butler.get_dataset(metadata)
    if ref is None or not butler.stored(ref) or not butler.getURI(ref).exists():
        return None
    with reading(f"{ref.datasetType.name} in RUN {ref.run}"):
        found = butler.get(ref)
        return frozenset(map(UUID, found.getArray("quantum.outputs") if "quantum.outputs" in found else ()))
