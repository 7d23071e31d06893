# SPDX-License-Identifier: Apache-2.0
"""From what a user calls a dataset to its UUID: a UUID, a type with a data ID, or a file, which may be renamed."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from envcap.errors import AmbiguousSelectorError, EnvcapError, UnknownSelectorError, UsageError
from envcap.ids import is_uuid

__all__ = ("find_dataset", "uuid_in_file")

_YAML_ID = re.compile(r"\bLSST\.BUTLER\.ID: *['\"]?([0-9a-fA-F-]{36})\b")


def find_dataset(repository: str, dataset: str, data_id: Mapping[str, str], collections: Sequence[str]) -> str:
    """Return the UUID of a dataset.

    Parameters
    ----------
    repository : `str`
        Path or URI of a Butler repository.
    dataset : `str`
        A UUID; a dataset type, with `data_id` and `collections`; or the path of a FITS or Parquet file.
    data_id : mapping
        Dimension values by name.
    collections : sequence of `str`
        To search, in order.

    Raises
    ------
    UnknownSelectorError
        If there is none.
    UsageError
        If the repository or the data ID can't be right.
    """
    if is_uuid(dataset):
        return dataset.lower()
    if os.path.isfile(dataset):
        return uuid_in_file(dataset)
    if os.sep in dataset:
        raise UsageError(f"{dataset}: no such file")
    return _find_by_data_id(_open(repository), dataset, data_id, collections)


def uuid_in_file(path: str) -> str:
    """Return the UUID that the middleware wrote into a file; its name proves nothing.

    Raises
    ------
    UsageError
        If the file is neither FITS nor Parquet, can't be read, or carries no UUID.
    """
    try:
        with open(path, "rb") as stream:
            head = stream.read(6)
        if head == b"SIMPLE":
            found = _in_fits(path)
        elif head[:4] == b"PAR1":
            found = _in_parquet(path)
        else:
            raise UsageError(f"{path}: neither FITS nor Parquet; name the dataset by its UUID or its type and data ID")
    except (OSError, ValueError) as err:
        raise UsageError(f"{path}: {err}") from err
    if found is None or not is_uuid(found):
        raise UsageError(f"{path}: it carries no Butler UUID; name the dataset by its UUID or its type and data ID")
    return found.lower()


def _in_fits(path: str) -> str | None:
    from astropy.io import fits

    value = fits.getheader(path, 0).get("LSST BUTLER ID")
    return value if isinstance(value, str) else None


def _in_parquet(path: str) -> str | None:
    """Look in the schema's own metadata and in the table metadata that astropy keeps there as YAML."""
    from pyarrow import parquet

    metadata = parquet.read_schema(path).metadata or {}
    if value := metadata.get(b"LSST.BUTLER.ID"):
        return str(value.decode("ascii", "replace")).strip('"')
    found = _YAML_ID.search(metadata.get(b"table_meta_yaml", b"").decode("utf-8", "replace"))
    return found[1] if found else None


def _open(repository: str) -> Any:
    try:
        from lsst.daf.butler import Butler
    except ImportError:
        raise UsageError("naming a dataset by its type needs Rubin's middleware: pip install 'envcap[rubin]'") from None
    try:
        return Butler.from_config(repository, writeable=False)
    except Exception as err:
        reason = str(err).splitlines()[0] if str(err) else type(err).__name__
        raise UsageError(f"{repository} can't be opened as a Butler repository: {reason}") from err


def _find_by_data_id(butler: Any, name: str, data_id: Mapping[str, str], collections: Sequence[str]) -> str:
    try:
        dataset_type = butler.get_dataset_type(name)
    except LookupError:
        raise UnknownSelectorError(f"the repository has no dataset type {name!r}, and there is no such file") from None
    if not collections:
        raise UsageError(f"name the collection to find {name} in: --collection C")
    try:
        typed = _typed(butler, dataset_type, data_id)
        found = butler.query_datasets(name, collections=list(collections), data_id=typed, limit=8, explain=False)
    except EnvcapError:
        raise
    except Exception as err:
        raise UsageError(f"{name} {dict(data_id)} in {', '.join(collections)}: {str(err).splitlines()[0]}") from err
    if not found:
        raise UnknownSelectorError(f"no {name} with {dict(data_id)} in {', '.join(collections)}")
    if len(found) > 1:
        listed = "; ".join(f"{ref.id} {dict(ref.dataId.required)}" for ref in found)
        raise AmbiguousSelectorError(f"{name} {dict(data_id)} is ambiguous: {listed}; add --data-id")
    return str(uuid.UUID(str(found[0].id)))


def _typed(butler: Any, dataset_type: Any, data_id: Mapping[str, str]) -> dict[str, Any]:
    known = dataset_type.dimensions.names
    typed = {}
    for name, value in data_id.items():
        if name not in butler.dimensions.dimensions.names:
            raise UsageError(f"--data-id {name}: no such dimension; {dataset_type.name} has {', '.join(sorted(known))}")
        kind = butler.dimensions.dimensions[name].primaryKey.getPythonType()
        try:
            typed[name] = kind(value)
        except ValueError:
            raise UsageError(f"--data-id {name}={value}: expected {kind.__name__}") from None
    return typed
