# SPDX-License-Identifier: Apache-2.0
"""The headers of the outputs, with the RUN's ``_metadata`` and ``_config`` datasets: what is there without any graph.

- The header of an output (`replay.rubin.cards`) names its quantum and, up to a limit, the inputs that were read until
  it was put: 2000 in Parquet files, usually 3000 in FITS files (daf-butler 30.2026.4300); beyond, only how many there
  were. An input that is handed out deferred counts as read, even if it is never loaded. Init-inputs aren't among them,
  and an init-output names no quantum.
- A quantum's metadata lists what it put (``quantum.outputs``). That proves label and data ID.
- The configuration names its own class. The task's class isn't stored anywhere: it is looked for among those that the
  configuration's module defines or imports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from envcap.errors import AmbiguousSelectorError
from envcap.pexconfig import parse_config

from ...errors import ReplayRefusedError
from ...fidelity import Fidelity
from ..cards import provenance_cards
from .base import INSTEAD, Absent, Asked, Reconstruction, Source, reading
from .facts import config_text, groups, made, packages, put_by, text_values
from .task_class import task_node

__all__ = ("Headers",)


class Headers(Source):
    """Puts a quantum together from what its outputs say of it."""

    name = "headers"

    def find(self, asked: Asked) -> Reconstruction:
        """Return the quantum that the dataset's header and the RUN's metadata agree on."""
        if asked.ref is None:
            raise Absent("the repository doesn't know the dataset")
        quantum = _quantum(_read_header(asked, asked.ref), asked.ref)
        metadata, put = _metadata(asked)
        label = metadata.datasetType.name.removesuffix("_metadata")
        siblings = _siblings(asked, put)
        inputs = _inputs(asked, quantum, siblings)
        text = config_text(asked.butler, label, asked.ref.run)
        if text is None:
            raise ReplayRefusedError(f"RUN {asked.ref.run} has no file of {label}_config; {INSTEAD}")
        node = task_node(asked.butler, label, parse_config(text))
        outputs = list(_outputs(asked, node, metadata, siblings))
        return Reconstruction(
            source=self.name,
            fidelity=Fidelity.SUBSTITUTED,
            detail="the headers of its outputs, so only the inputs that they say were read; "
            f"{node.task_class_name} by the class of its configuration",
            task_class=node.task_class_name,
            label=label,
            init=False,
            quantum=quantum,
            run=asked.ref.run,
            data_id=text_values(metadata.dataId),
            inputs=groups(inputs),
            init_inputs=groups(_init_inputs(asked, node)),
            outputs=groups(outputs),
            config=text,
            made=made(asked, outputs, ()),
            packages=packages(asked.butler, asked.ref.run),
        )


@dataclass(frozen=True)
class _Header:
    """The cards of an output; none if its format carries none."""

    what: str
    cards: Mapping[str, str]

    def inputs(self) -> set[UUID]:
        """Return the inputs, refusing a header that doesn't name them all."""
        ids = {value for name, value in self.cards.items() if name.startswith("INPUT ") and name.endswith(" ID")}
        number = self.cards.get("N_INPUTS", "0")
        if str(len(ids)) != number:
            raise ReplayRefusedError(f"the header of {self.what} names {len(ids)} of {number} inputs; {INSTEAD}")
        return set(map(UUID, ids))


def _read_header(asked: Asked, ref: Any) -> _Header:
    what = f"{ref.datasetType.name} {ref.id}"
    handed_in = asked.file if ref.id == asked.uuid else None
    with reading(f"the header of {what}"):
        if handed_in is not None:
            return _Header(what, provenance_cards(handed_in) or {})
        uri = asked.butler.getURI(ref) if asked.butler.stored(ref) else None
        if uri is None or not uri.exists():
            raise ReplayRefusedError(f"the file of {what} is gone, and its header with it; {INSTEAD}")
        with uri.as_local() as local:
            return _Header(what, provenance_cards(local.ospath) or {})


def _quantum(header: _Header, ref: Any) -> str:
    if not header.cards:
        raise ReplayRefusedError(f"the file of {header.what} carries no provenance; {INSTEAD}")
    if header.cards.get("ID", "").lower() != str(ref.id):
        raise ReplayRefusedError(f"the file of {header.what} says that it is dataset {header.cards.get('ID')}")
    if "QUANTUM" not in header.cards:
        raise ReplayRefusedError(f"the header of {header.what} names no quantum (init-outputs never do); {INSTEAD}")
    return header.cards["QUANTUM"].lower()


def _metadata(asked: Asked) -> tuple[Any, frozenset[UUID]]:
    """Return the metadata of the quantum that put the dataset, and all that it put."""
    found = []
    for ref in _candidates(asked):
        try:
            put = put_by(asked.butler, ref.id)
        except Absent as err:
            raise ReplayRefusedError(f"{err}; or {INSTEAD}") from err
        if put is not None and asked.uuid in put:
            found.append((ref, put))
    if not found:
        raise ReplayRefusedError(f"no metadata in RUN {asked.ref.run} lists dataset {asked.uuid}; {INSTEAD}")
    if len(found) > 1:
        listed = "; ".join(f"{ref.datasetType.name} {dict(ref.dataId.required)}" for ref, _ in found)
        raise AmbiguousSelectorError(f"dataset {asked.uuid} is listed by more than one quantum: {listed}; {INSTEAD}")
    return found[0]


def _candidates(asked: Asked) -> Iterator[Any]:
    """Yield the RUN's metadata, where dimensions that the dataset has too have the same values."""
    butler, ref = asked.butler, asked.ref
    types = butler.collections.get_info(ref.run, include_summary=True).dataset_types or ()
    for name in sorted(name for name in types if name.endswith("_metadata")):
        dimensions = butler.get_dataset_type(name).dimensions.names
        data_id = {k: v for k, v in ref.dataId.required.items() if k in dimensions}
        yield from butler.query_datasets(name, collections=[ref.run], data_id=data_id, limit=None, explain=False)


def _siblings(asked: Asked, put: frozenset[UUID]) -> list[Any]:
    """Return all that the quantum put."""
    found = sorted(ref for ref in map(asked.butler.get_dataset, put) if ref is not None)
    if len(found) < len(put):
        lost = f"{len(put) - len(found)} of its quantum's outputs"
        raise ReplayRefusedError(f"the registry has lost {lost}, so what they were isn't known; {INSTEAD}")
    return found


def _inputs(asked: Asked, quantum: str, siblings: list[Any]) -> list[Any]:
    """Return the inputs that the headers of a quantum's outputs name, in the order in which a graph has them.

    An output may have been put before the last input was read, so one header isn't enough.
    """
    ids: set[UUID] = set()
    for ref in siblings:
        header = _read_header(asked, ref)
        if header.cards and _quantum(header, ref) != quantum:
            raise ReplayRefusedError(
                f"the metadata lists {header.what} among the outputs of quantum {quantum}, "
                f"but its header names quantum {header.cards['QUANTUM']}"
            )
        ids |= header.inputs()
    refs = {uuid: asked.butler.get_dataset(uuid) for uuid in ids}
    if lost := sorted(str(uuid) for uuid, ref in refs.items() if ref is None):
        raise ReplayRefusedError(f"the registry has lost input {lost[0]}, so what it was isn't known; {INSTEAD}")
    return sorted(refs.values())


def _init_inputs(asked: Asked, node: Any) -> Iterator[Any]:
    """Yield the init-inputs: in the dataset's RUN, or, if that has none, the only one in the repository."""
    for edge in node.init.iter_all_inputs():
        name, run = edge.parent_dataset_type_name, asked.ref.run
        query = asked.butler.query_datasets
        found = query(name, collections=[run], explain=False) or query(
            name, collections="*", find_first=False, limit=None, explain=False
        )
        if not found:
            raise ReplayRefusedError(f"init-input {name} is nowhere in the repository")
        if len(found) > 1:
            runs = ", ".join(sorted({ref.run for ref in found})[:8])
            raise AmbiguousSelectorError(f"which init-input {name} was read isn't known (RUN {runs}); {INSTEAD}")
        yield found[0]


def _outputs(asked: Asked, node: Any, metadata: Any, siblings: list[Any]) -> Iterator[Any]:
    """Yield the outputs; for a connection whose dataset was not made, what would have been predicted."""
    from lsst.daf.butler import DatasetRef

    by_type: dict[str, list[Any]] = {metadata.datasetType.name: [metadata]}
    for ref in siblings:
        by_type.setdefault(ref.datasetType.name, []).append(ref)
    edges = {edge.parent_dataset_type_name: edge for edge in node.iter_all_outputs()}
    if unknown := sorted(by_type.keys() - edges.keys()):
        raise ReplayRefusedError(f"{node.task_class_name} makes no {unknown[0]} here; {INSTEAD}")
    for name in edges:
        dataset_type = asked.butler.get_dataset_type(name)
        found = by_type.get(name, [])
        if not found and dataset_type.dimensions.issubset(metadata.datasetType.dimensions):
            data_id = metadata.dataId.subset(dataset_type.dimensions)
            if node.log_output is not None and name == node.log_output.parent_dataset_type_name:
                query = asked.butler.query_datasets
                found = query(name, collections=[metadata.run], data_id=data_id, explain=False)
            found = found or [DatasetRef(dataset_type, data_id, run=metadata.run)]
        yield from found
