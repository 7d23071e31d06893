# SPDX-License-Identifier: Apache-2.0
"""The sources, in order of fidelity, and how they are asked."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from envcap.errors import UnknownSelectorError

from ..dataset import open_butler
from .base import INSTEAD, Absent, Asked, Reconstruction, Source, reading
from .headers import Headers
from .quantum_graph import QuantumGraph
from .run_provenance import RunProvenance

__all__ = ("SOURCES", "reconstruct")

SOURCES: tuple[type[Source], ...] = (QuantumGraph, RunProvenance, Headers)
"""A graph that the user names is an explicit wish, so it comes first."""


def reconstruct(
    repository: str, dataset: str, *, file: str | None = None, qgraph: str | None = None, only_qgraph: bool = True
) -> Reconstruction:
    """Return the quantum that made a dataset, from what the repository or a quantum graph says of it.

    Parameters
    ----------
    repository : `str`
        Path or URI of the Butler repository; it is only read.
    dataset : `str`
        UUID of the dataset.
    file : `str`, optional
        A file of it that the user handed in.
    qgraph : `str`, optional
        A predicted quantum graph.
    only_qgraph : `bool`
        Ask no other source if there is a quantum graph.

    Raises
    ------
    AmbiguousSelectorError
        If more than one quantum, task or input fits; they are listed.
    ReplayRefusedError
        If what there is can't be read or contradicts itself.
    UnknownSelectorError
        If no source knows the dataset.
    """
    with open_butler(repository) as butler:
        uuid = UUID(dataset)
        asked = Asked(butler, repository, uuid, butler.get_dataset(uuid), file, qgraph)
        if asked.ref is None and qgraph is None:
            raise UnknownSelectorError(f"neither a store nor {repository} knows dataset {dataset}; {INSTEAD}")
        return _first(asked, only_qgraph)


def _first(asked: Asked, only_qgraph: bool) -> Reconstruction:
    tried = []
    for source in (cls() for cls in SOURCES):
        try:
            with reading(source.name):
                found = source.find(asked)
        except Absent as err:
            if asked.qgraph is not None and only_qgraph:
                raise UnknownSelectorError(f"{asked.qgraph}: {err}") from err
            tried.append(f"{source.name}: {err}")
        else:
            # That no graph was named says nothing; that a better source has nothing does.
            return replace(found, detail="; ".join((found.detail, *tried[1:])))
    told = "; ".join(tried)
    raise UnknownSelectorError(f"no store knows dataset {asked.uuid}, nor does {asked.repository} ({told}); {INSTEAD}")
