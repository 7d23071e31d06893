# SPDX-License-Identifier: Apache-2.0
"""From what a user calls a dataset to its UUID: a UUID, a type with a data ID, or a file, which may be renamed."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from envcap.errors import AmbiguousSelectorError, EnvcapError, UnknownSelectorError, UsageError
from envcap.ids import is_uuid

from .cards import provenance_cards

__all__ = ("find_dataset", "open_butler", "reason", "uuid_in_file")

_MAX_LISTED = 2
_MAX_REASON = 160


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
    return _find_by_data_id(open_butler(repository), dataset, data_id, collections)


def uuid_in_file(path: str) -> str:
    """Return the UUID that the middleware wrote into a file; its name proves nothing.

    Raises
    ------
    UsageError
        If the file is neither FITS nor Parquet, can't be read, or carries no UUID.
    """
    try:
        cards = provenance_cards(path)
    except (OSError, ValueError) as err:
        raise UsageError(f"{path}: {err}") from err
    if cards is None:
        raise UsageError(f"{path}: neither FITS nor Parquet; name the dataset by its UUID or its type and data ID")
    found = cards.get("ID", "")
    if not is_uuid(found):
        raise UsageError(f"{path}: it carries no Butler UUID; name the dataset by its UUID or its type and data ID")
    return found.lower()


def open_butler(repository: str) -> Any:
    """Return a butler that only reads.

    Raises
    ------
    UsageError
        If there is no middleware, or no such repository.
    """
    try:
        from lsst.daf.butler import Butler
    except ImportError:
        raise UsageError("this needs Rubin's middleware: pip install 'envcap[rubin]'") from None
    # Where nobody asked for its log, Python prints warnings of it; what it raises says enough.
    logging.getLogger("lsst").addHandler(logging.NullHandler())
    try:
        return Butler.from_config(repository, writeable=False)
    except Exception as err:
        told = f"{repository} can't be opened as a Butler repository: {reason(err)}"
        raise UsageError(f"{told}; name the directory with its butler.yaml") from err


def reason(err: Exception) -> str:
    """Return what the middleware says, without its advice to administrators and without further lines."""
    told = (str(err).splitlines() or [""])[0].partition(" (given ")[0]
    return told[:_MAX_REASON].rstrip(".") or type(err).__name__


def _find_by_data_id(butler: Any, name: str, data_id: Mapping[str, str], collections: Sequence[str]) -> str:
    from lsst.daf.butler import ButlerUserError, MissingCollectionError

    try:
        dataset_type = butler.get_dataset_type(name)
    except (LookupError, ButlerUserError):
        told = f"{name!r} is no UUID, no file, and no dataset type of the repository"
        raise UnknownSelectorError(f"{told}; 'butler query-dataset-types' lists those") from None
    if not collections:
        raise UsageError(f"name the collection to find {name} in: --collection C")
    try:
        typed = _typed(butler, dataset_type, data_id)
        found = butler.query_datasets(name, collections=list(collections), data_id=typed, limit=8, explain=False)
    except EnvcapError:
        raise
    except MissingCollectionError as err:
        raise UnknownSelectorError(f"{reason(err)}; 'butler query-collections' lists what is there") from err
    except Exception as err:
        raise UsageError(f"{name} {dict(data_id)} in {', '.join(collections)}: {reason(err)}") from err
    if not found:
        told = f"no {name} with {dict(data_id)} in {', '.join(collections)}"
        raise UnknownSelectorError(f"{told}; 'butler query-datasets' lists what is there")
    if len(found) > 1:
        listed = [f"{ref.id} {dict(ref.dataId.required)}" for ref in found[:_MAX_LISTED]]
        shown = "; ".join(listed + ["…"] * (len(found) > len(listed)))
        raise AmbiguousSelectorError(f"{name} {dict(data_id)} is ambiguous: {shown}; add --data-id")
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
    lacking = [name for name in butler.dimensions.conform(typed).required if name not in typed]
    if lacking:
        told = f"{', '.join(typed)} alone names nothing"
        raise UsageError(f"--data-id: {told}; add --data-id {lacking[0]}=VALUE")
    return typed
