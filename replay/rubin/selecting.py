# SPDX-License-Identifier: Apache-2.0
"""Which datasets of a repository a Butler expression selects."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from typing import Any

from envcap.errors import UnknownSelectorError, UsageError

from .dataset import open_butler, reason

__all__ = ("select_datasets",)

_OWN = ("*_config", "*_log", "*_metadata", "packages", "run_provenance")
"""Dataset types that the middleware itself writes."""


def select_datasets(
    repository: str,
    where: str,
    *,
    collections: Sequence[str] = (),
    dataset_types: Sequence[str] = (),
    runs: Iterable[str] = (),
) -> dict[str, list[str]]:
    """Return the UUIDs of the datasets that an expression selects, by dataset type.

    Parameters
    ----------
    repository : `str`
        Path or URI of a Butler repository.
    where : `str`
        A Butler expression; empty for all.
    collections : sequence of `str`
        Where to look, in order; of several datasets of a type and data ID, the first counts.
    dataset_types : sequence of `str`
        Names or glob patterns; by default, whatever the middleware doesn't write itself.
    runs : iterable of `str`
        RUNs to look into if no collection is given; then each dataset counts.

    Raises
    ------
    UsageError
        If the repository can't be opened, or the expression can't be understood.
    UnknownSelectorError
        If there is no such collection or dataset type.
    """
    butler = open_butler(repository)
    if collections:
        where_to_look = _runs(butler, collections)
    else:
        known = set(butler.collections.query("*", flatten_chains=False))
        where_to_look = [run for run in runs if run in known]
    if not where_to_look:
        told = "none of the RUNs in the store" if not collections else f"no RUN in {', '.join(collections)}"
        raise UnknownSelectorError(f"{told} is in {repository}; name what is there: --collection C")
    names = _dataset_types(butler, where_to_look, dataset_types)
    data_id = _only_instrument(butler)
    found = {}
    for name in names:
        try:
            refs = butler.query_datasets(
                name,
                collections=where_to_look,
                find_first=bool(collections),
                data_id=data_id,
                where=where,
                limit=None,
                explain=False,
            )
        except Exception as err:
            raise UsageError(f"--where {where!r}, for {name}: {reason(err)}") from err
        if refs:
            found[name] = [str(ref.id) for ref in refs]
    return found


def _only_instrument(butler: Any) -> dict[str, str]:
    """Return the instrument that an expression needn't name, since there is no other."""
    found = butler.query_dimension_records("instrument", limit=2, explain=False)
    return {"instrument": found[0].name} if len(found) == 1 else {}


def _runs(butler: Any, collections: Sequence[str]) -> list[str]:
    """Return the RUNs in some collections, in the order in which they are looked into."""
    from lsst.daf.butler import CollectionType

    try:
        found = butler.collections.query(list(collections), collection_types={CollectionType.RUN}, flatten_chains=True)
    except Exception as err:
        raise UnknownSelectorError(f"{reason(err)}; 'butler query-collections' lists what is there") from err
    return list(dict.fromkeys(found))


def _dataset_types(butler: Any, runs: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the names of the dataset types that are in some RUNs and meet a pattern."""
    there: set[str] = set()
    for info in butler.collections.query_info(list(runs), include_summary=True):
        there |= set(info.dataset_types or ())
    for pattern in patterns:
        if not fnmatch.filter(there, pattern):
            told = f"--dataset-type {pattern}: there is none in {', '.join(runs[:3])}"
            raise UnknownSelectorError(f"{told}; it has {', '.join(sorted(there - _own(there))[:8])}")
    if patterns:
        return sorted(name for name in there if any(fnmatch.fnmatchcase(name, one) for one in patterns))
    return sorted(there - _own(there))


def _own(names: Iterable[str]) -> set[str]:
    return {name for name in names if any(fnmatch.fnmatchcase(name, one) for one in _OWN)}
