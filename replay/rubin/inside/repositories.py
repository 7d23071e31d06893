# SPDX-License-Identifier: Apache-2.0
"""Where a quantum reads and writes: a small repository of its own, or a new RUN of the user's."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .frozen import Refused
from .opened import is_told, isolated_butler

__all__ = ("inputs_in_place", "isolated_repository", "make_isolated", "new_run", "uris_of")


def new_run(source: Any, request: Mapping[str, Any]) -> tuple[Any, dict[str, list[Any]]]:
    """Return a butler that writes to a new RUN of the user's repository, and the inputs."""
    from lsst.daf.butler import Butler

    run = request["run"]
    if not request["continue_run"] and run in source.collections.query("*", flatten_chains=False):
        raise Refused(f"the collection {run} exists; name a new RUN")
    inputs, _ = _pinned_inputs(source, None, request)
    return Butler.from_config(request["repository"], writeable=True, run=run), inputs


def isolated_repository(
    source: Any, request: Mapping[str, Any], data_ids: Iterable[Any]
) -> tuple[Any, dict[str, list[Any]]]:
    """Return a butler of the isolated repository, made if it isn't there, and the inputs, which are copied into it."""
    make_isolated(source, request["isolated"])
    made = isolated_butler(request)
    inputs, transfer = _pinned_inputs(source, made, request)
    named = [*data_ids, *(ref.dataId for ref in transfer)]
    records = [one for one in _records(named) if not is_told(request, (one[0].name, one[1].dataId))]
    with made.transaction():  # a commit for each record takes longer than the records
        for element, record in records:
            made.registry.insertDimensionData(element, record, skip_existing=True)
    made.collections.register(request["run"])
    if transfer:
        made.transfer_from(source, transfer, transfer="copy", register_dataset_types=True)
    return made, inputs


def make_isolated(source: Any, folder: str) -> None:
    """Make the isolated repository if it isn't there."""
    from lsst.daf.butler import Butler, Config

    if not Butler.has_repo_config(folder):
        # The repository's own storage classes and formatters decide how datasets are written.
        kept = Config()
        original = source._config
        for key in ("storageClasses", ("datastore", "formatters"), ("datastore", "composites")):
            if key in original:
                kept[key] = original[key]
        Butler.makeRepo(folder, config=kept, dimensionConfig=source.dimensions.dimensionConfig)


def inputs_in_place(source: Any, request: Mapping[str, Any]) -> tuple[dict[str, list[Any]], dict[uuid.UUID, Any]]:
    """Return the inputs, and where they are in the user's repository, as a datastore elsewhere keeps it."""
    inputs, present = _pinned_inputs(source, None, request)
    records: dict[uuid.UUID, Any] = {}
    for datastore in getattr(source._datastore, "datastores", (source._datastore,)):  # a chain, or one
        for data in datastore.export_records(present).values():
            for dataset, tables in data.records.items():
                records[dataset] = {
                    table: [info.update(path=str(info.file_location(datastore.locationFactory).uri)) for info in found]
                    for table, found in tables.items()
                }
    return inputs, records


def _records(data_ids: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the records of some data IDs in the order in which they may be inserted."""
    for data_id in data_ids:
        for element in data_id.universe.sorted(data_id.dimensions.elements):
            record = data_id.records[element.name]
            if record is not None and element.has_own_table:
                yield element, record


def _pinned_inputs(source: Any, isolated: Any, request: Mapping[str, Any]) -> tuple[dict[str, list[Any]], list[Any]]:
    """Return the inputs by dataset type, in order, and those of them that the isolated repository lacks.

    Each was checked against its captured digest.
    """
    found: dict[str, list[Any]] = {}
    missing, tampered, transfer = [], [], []
    asked = [*request["inputs"], *request["init_inputs"]]
    there = _present(isolated, asked) if isolated is not None else {}
    absent = [uuid.UUID(one["id"]) for one in asked if uuid.UUID(one["id"]) not in there]
    known = {dataset: source.get_dataset(dataset, dimension_records=True) for dataset in absent}
    uris = uris_of(source, filter(None, known.values()))
    for dataset in asked:
        refs = found.setdefault(dataset["dataset_type"], [])
        if (made := there.get(uuid.UUID(dataset["id"]))) is not None:
            refs.append(made)
            continue
        ref = known[uuid.UUID(dataset["id"])]
        if not dataset["available"]:
            # What wasn't there when the job ran is handed over as it was then, predicted only, even if it is there now.
            if ref is not None and not request["new_run"]:
                refs.append(ref)
            continue
        if ref is None or ref not in uris or not uris[ref].exists():
            missing.append(dataset)
            continue
        if dataset["digest"] and _digest(uris[ref]) != dataset["digest"]:
            tampered.append({**dataset, "uri": str(uris[ref])})
        refs.append(ref)
        transfer.append(ref)
    if tampered:
        named = "; ".join(f"{d['dataset_type']} {d['id']} ({d['uri']})" for d in tampered)
        raise Refused(f"the file of an input is not what the job read: {named}", tampered=tampered)
    if missing:
        named = "; ".join(f"{d['dataset_type']} {d['id']}" for d in missing)
        raise Refused(f"an input is gone: {named}", missing=missing)
    return found, transfer


def _present(butler: Any, datasets: Iterable[Mapping[str, Any]]) -> dict[uuid.UUID, Any]:
    """Return the datasets that a repository has."""
    refs = [butler.get_dataset(uuid.UUID(one["id"])) for one in datasets]
    stored = butler.stored_many([ref for ref in refs if ref is not None])
    return {ref.id: ref for ref, found in stored.items() if found}


def uris_of(butler: Any, refs: Iterable[Any]) -> dict[Any, Any]:
    """Return where the datasets are that a repository has stored."""
    stored = [ref for ref, found in butler.stored_many(refs).items() if found]
    uris = {ref: found.primaryURI for ref, found in butler.get_many_uris(stored).items()}
    apart = [ref for ref, uri in uris.items() if uri is None]
    if apart:
        raise Refused(f"{apart[0]} is in several files, one for each component: it has no one digest")
    return uris


def _digest(uri: Any) -> str:
    with uri.as_local() as local, open(local.ospath, "rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
