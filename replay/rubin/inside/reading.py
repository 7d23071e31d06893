# SPDX-License-Identifier: Apache-2.0
"""Datasets of any storage class, read by the repository's own formatter, and put down as arrays by name."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from .frozen import Refused
from .opened import isolated_butler, source_butler
from .prepared import Prepared
from .taken_apart import OpaqueError, take_apart

__all__ = ("put_down",)


def put_down(request: Mapping[str, Any], prepared: Prepared | None, provenance: Mapping[str, Any]) -> None:
    """Read an output and its original, and write what is in them into two archives of NumPy.

    Parameters
    ----------
    request : mapping
    prepared : `Prepared` or `None`
        The quantum that made the output.
    provenance : mapping
        What its child left of what it made.

    Raises
    ------
    Refused
        If one of them can't be read, or taken apart.
    """
    asked, source = request["read"], source_butler(request)
    _put_down(source, source.get_dataset(uuid.UUID(asked["original"])), asked["original_archive"])
    dataset = uuid.UUID(asked["remade"])
    if request["new_run"] or request["kept"]:
        butler = source if request["new_run"] else isolated_butler(request)
        ref = butler.get_dataset(dataset)
    else:
        butler, ref = _just_made(prepared, provenance, dataset)
    _put_down(butler, ref, asked["remade_archive"])


def _just_made(prepared: Prepared | None, provenance: Mapping[str, Any], dataset: uuid.UUID) -> tuple[Any, Any]:
    """Return a dataset that no registry knows, and the butler that its quantum wrote it with."""
    from lsst.daf.butler import QuantumProvenanceData
    from lsst.daf.butler.datastore.record_data import DatastoreRecordData

    outputs = () if prepared is None else prepared.outputs
    ref = next((ref for ref in outputs if ref.id == dataset), None)
    if prepared is None or ref is None:
        return None, None
    records = QuantumProvenanceData.direct(**provenance).datastore_records
    prepared.butler._datastore.import_records({name: DatastoreRecordData.from_simple(r) for name, r in records.items()})
    return prepared.butler, ref


def _put_down(butler: Any, ref: Any, archive: str) -> None:
    import numpy as np

    if ref is None:
        raise Refused("one of the two datasets is gone")
    try:
        parts = take_apart(butler.get(ref))
    except OpaqueError as err:
        raise Refused(str(err)) from err
    np.savez(archive, **parts)
