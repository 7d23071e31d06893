# SPDX-License-Identifier: Apache-2.0
"""A quantum that no store has, put together from what Rubin records, in the shape that a captured one has.

Nothing of it is written down as if it had been captured: its documents are in memory. Of the environment that it ran in
nothing is known, so it runs in this one.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

from envcap import __version__
from envcap.collectors.registry import COLLECTORS
from envcap.collectors.rubin_quantum import QuantumFacts, RubinQuantumCollector, keep_config
from envcap.digest import digest_of
from envcap.errors import UnknownSelectorError
from envcap.model.descriptor import Descriptor, describe, describe_bytes
from envcap.model.manifest import Job, Manifest, Outcome, Writer
from envcap.model.recipe import Recipe
from envcap.model.result import FileRecord, Input, Output, Result
from envcap.store.index import Attempt, Index
from envcap.store.local import LocalStore
from envcap.target import Target

from ..errors import ReplayRefusedError
from ..rubin.sources.base import Reconstruction
from ..rubin.sources.registry import reconstruct
from .quantum import CapturedQuantum

__all__ = ("ReconstructedQuantum",)

_NOT_RECORDED = Outcome(status="absent", reason="not recorded by Rubin")


class ReconstructedQuantum(CapturedQuantum):
    """A quantum from another source than a store.

    Parameters
    ----------
    index : `Index`
        Of the store that the verdict goes to.
    repository : `str`
        Where the quantum's datasets are.
    found : `Reconstruction`
    qgraph : `str` or `None`
        The quantum graph that the user named.
    """

    def __init__(self, index: Index, repository: str, found: Reconstruction, qgraph: str | None = None) -> None:
        store = _Overlay(index.store.root)
        super().__init__(index, _attempt(found, repository, store))
        self.store = self._overlay = store
        self.origin = self._found = found
        self._qgraph = qgraph

    @cached_property
    def config_text(self) -> str:
        """The text as it was found; what goes to the store is without credentials."""
        return self._found.config

    def keep(self) -> None:
        """Put what a replay's manifest names of this quantum into the store."""
        self._overlay.flush()

    def producer(self, dataset: str) -> CapturedQuantum:
        """Return the quantum that made an input: from the store, else as this one was found."""
        try:
            return super().producer(dataset)
        except UnknownSelectorError:
            found = reconstruct(self.repository, dataset, qgraph=self._qgraph, only_qgraph=False)
            return ReconstructedQuantum(self.index, self.repository, found, self._qgraph)

    def check_originals(self, given: Collection[str]) -> None:
        """Refuse where an output's file is gone: Rubin records no digest that a re-run could be held against.

        Parameters
        ----------
        given : collection of `str`
            UUIDs of the datasets of which the user handed in a file.

        Raises
        ------
        ReplayRefusedError
            Naming the output.
        """
        for output in self.science_outputs():
            if output.file.uri is None and output.dataset not in given:
                raise ReplayRefusedError(
                    f"{self.repository} has no file of {output.dataset_type} {output.dataset}, and Rubin records no "
                    "digest: there is nothing to compare a re-run with"
                )


class _Overlay(LocalStore):
    """A store with some objects that are in memory only."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._held: dict[str, bytes] = {}

    def hold(self, media_type: str, data: bytes) -> Descriptor:
        """Hold an object in memory."""
        descriptor = describe_bytes(media_type, data)
        self._held[descriptor.digest] = data
        return descriptor

    def flush(self) -> None:
        """Write what is held."""
        held, self._held = self._held, {}
        for data in held.values():
            self.put(data)

    def _has(self, digest: str) -> bool:
        return digest in self._held or super()._has(digest)

    def _get(self, digest: str) -> bytes:
        return self._held[digest] if digest in self._held else super()._get(digest)


def _attempt(found: Reconstruction, repository: str, store: _Overlay) -> Attempt:
    """Return what a store would have of the quantum. Its attempt has the quantum's UUID, which is stable."""
    config, _ = keep_config(found.config, store.hold)
    facts = QuantumFacts(
        found.task_class, found.label, found.data_id, found.inputs, found.init_inputs, config, init=found.init
    )
    work = RubinQuantumCollector(facts).collect(Target.none({}), store.hold).component
    recipe = Recipe(software={}, work=work.data)
    manifest = Manifest(
        attempt=found.quantum,
        job_id=found.quantum,
        started="",
        recipe=describe(recipe),
        host={},
        job=_job(found, repository),
        writer=Writer(host="", pid=0),
        outcomes={cls.kind: _NOT_RECORDED for cls in COLLECTORS},
        degraded=False,
        envcap=__version__,
    )
    return Attempt(manifest, recipe, _result(found, digest_of(manifest.to_bytes())), digest_of(manifest.to_bytes()))


def _job(found: Reconstruction, repository: str) -> Job:
    data_id = ", ".join(f"{name}: {value}" for name, value in found.data_id.items())
    return Job(
        kind="init" if found.init else "quantum",
        name=f"{found.label} {{{data_id}}}" if data_id else f"{found.label} (init)",
        activator=found.source,
        argv=found.argv,
        quantum=found.quantum,
        run=found.run,
        butler=repository,
        inputs=found.inputs,
        init_inputs=found.init_inputs,
        outputs=found.outputs,
    )


def _result(found: Reconstruction, manifest: str) -> Result:
    inputs = [row[0] for group in (*found.inputs, *found.init_inputs) for row in group.rows]
    outputs = [(group.dataset_type, row[0]) for group in found.outputs for row in group.rows]
    available = {uuid: uuid not in found.unavailable for uuid in inputs}
    return Result(
        attempt=found.quantum,
        manifest=manifest,
        ended="",
        status="ok",
        inputs=[Input(dataset=uuid, available=there, used=there) for uuid, there in available.items()],
        outputs=[
            Output(dataset=uuid, dataset_type=name, file=FileRecord(uri=found.made[uuid]))
            for name, uuid in outputs
            if uuid in found.made
        ],
        missing=[uuid for _, uuid in outputs if uuid not in found.made] or None,
        resources={},
    )
