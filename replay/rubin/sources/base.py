# SPDX-License-Identifier: Apache-2.0
"""What a source is: it looks in Rubin's own records for the quantum that made a dataset, and returns plain facts."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from envcap.errors import EnvcapError
from envcap.model.manifest import DatasetGroup

from ...errors import ReplayRefusedError
from ...fidelity import Fidelity

__all__ = ("INSTEAD", "Absent", "Asked", "Reconstruction", "Source", "no_output_of_a_task", "not_made", "reading")

INSTEAD = "pass the quantum graph: --qgraph FILE"
"""What to do where a RUN's own records aren't enough."""

_ZIPFILE_BUG = ((3, 12, 1), (3, 13, 0))


class Absent(EnvcapError):  # noqa: N818  (it is an outcome, not an error)
    """Raised by a source that looked and found nothing."""

    error_type = "absent"


@dataclass(frozen=True)
class Asked:
    """What a source is asked.

    Attributes
    ----------
    butler : `lsst.daf.butler.Butler`
        Of the repository; it only reads.
    repository : `str`
        The URI that it was opened by.
    uuid : `uuid.UUID`
        The dataset.
    ref : `lsst.daf.butler.DatasetRef` or `None`
        The dataset as the repository knows it.
    file : `str` or `None`
        A file of the dataset that the user handed in.
    qgraph : `str` or `None`
        A predicted quantum graph that the user named.
    """

    butler: Any
    repository: str
    uuid: UUID
    ref: Any
    file: str | None = None
    qgraph: str | None = None


@dataclass(frozen=True)
class Reconstruction:
    """A quantum, or a task's init quantum, as a source found it.

    Attributes
    ----------
    source : `str`
        Name of the source.
    fidelity : `Fidelity`
        Of what it found; `detail` says it in words.
    detail : `str`
    task_class, label : `str`
    init : `bool`
        Whether it only constructs the task and writes its init-outputs.
    quantum, run : `str`
        UUID of the quantum, and the RUN that it wrote to.
    data_id : mapping
        Required dimensions by name, as text.
    inputs, init_inputs, outputs : sequence of `DatasetGroup`
        In the order in which the task is given them.
    config : `str`
        What pex_config wrote. It is Python, and nobody vouches for it: never execute it.
    made : mapping
        Outputs that were made, by UUID, with the URI of the file; `None` if that is gone.
    unavailable : `frozenset` [ `str` ]
        Inputs that nobody had made when the quantum ran.
    argv : sequence of `str`
        The command that made the quantum graph.
    packages : mapping or `None`
        Versions by name, from the RUN's ``packages`` dataset. It describes the process that wrote the graph (under BPS
        the init job), not the one that ran the quantum.
    """

    source: str
    fidelity: Fidelity
    detail: str
    task_class: str
    label: str
    init: bool
    quantum: str
    run: str
    data_id: Mapping[str, str]
    inputs: Sequence[DatasetGroup]
    init_inputs: Sequence[DatasetGroup]
    outputs: Sequence[DatasetGroup]
    config: str
    made: Mapping[str, str | None]
    unavailable: frozenset[str] = frozenset()
    argv: Sequence[str] = ()
    packages: Mapping[str, str] | None = None


class Source(ABC):
    """Looks for the quantum that made a dataset.

    Attributes
    ----------
    name : `str`
    """

    name: str

    @abstractmethod
    def find(self, asked: Asked) -> Reconstruction:
        """Return the quantum.

        Raises
        ------
        Absent
            If it has none.
        EnvcapError
            If what it has is ambiguous or broken.
        """


def no_output_of_a_task(asked: Asked) -> ReplayRefusedError:
    """Return the refusal of a task's ``_config``, which belongs to an init quantum and isn't made by the task."""
    return ReplayRefusedError(f"dataset {asked.uuid} is a configuration, which the middleware writes, not a task")


def not_made(asked: Asked) -> ReplayRefusedError:
    """Return the refusal of a dataset that was predicted only."""
    return ReplayRefusedError(f"dataset {asked.uuid} was predicted, but its quantum did not make it")


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what the middleware raises while it reads something into one line.

    CPython 3.12.1 and 3.13.0 can't read Rubin's provenance graphs: their `zipfile` raises `EOFError` when a read jumps.
    """
    try:
        yield
    except EnvcapError:
        raise
    except Exception as err:
        chain = list(_chain(err))
        if not any(isinstance(one, EOFError) for one in chain):
            root = chain[-1]
            line = (str(root).splitlines() or [""])[0]
            raise ReplayRefusedError(f"{what} can't be read: {type(root).__name__}: {line}") from err
        version = sys.version_info[:3]
        if version not in _ZIPFILE_BUG:
            raise ReplayRefusedError(f"{what} is cut short") from err
        python = ".".join(map(str, version))
        bug = f"can't be read by CPython {python}, whose zipfile has a bug"
        raise Absent(f"{what} {bug}; a later patch release can") from err


def _chain(err: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from: the Butler wraps what its formatters raise."""
    while err is not None:
        yield err
        err = err.__cause__
