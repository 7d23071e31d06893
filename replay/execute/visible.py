# SPDX-License-Identifier: Apache-2.0
"""What of this host a quantum must see: the repository and the files of its inputs, and one place to write."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ..jobs.quantum import CapturedQuantum
from ..rubin.places import RepositoryPlaces, local_path
from ..sandbox.base import Mount
from .destination import Destination

__all__ = ("input_files", "seen_by_quantum")


def seen_by_quantum(
    job: CapturedQuantum, destination: Destination, repository: RepositoryPlaces, folder: str, others: Sequence[str]
) -> list[Mount]:
    """Return the mounts of a quantum.

    Parameters
    ----------
    job : `CapturedQuantum`
    destination : `Destination`
    repository : `RepositoryPlaces`
    folder : `str`
        The replay's own directory, the only one that is written to, unless the user's repository is.
    others : sequence of `str`
        Files that are inputs of quanta after it, which its server is to serve, too.
    """
    mounts = [Mount(folder, folder, writable=True)]
    mounts += [Mount(path, path, writable=destination.isolated is None) for path in repository.paths]
    files = dict.fromkeys((*input_files(job), *others))
    # Such as stand elsewhere were ingested where they stood.
    elsewhere = [path for path in files if not _inside(path, (folder, *repository.paths)) and os.path.exists(path)]
    return [*mounts, *(Mount(path, path) for path in elsewhere)]


def input_files(job: CapturedQuantum) -> Iterator[str]:
    """Yield the files of this host that a quantum read, as far as its own records tell."""
    for entry in job.attempt.result.inputs if job.attempt.result else ():
        path = local_path(entry.file.uri) if entry.file and entry.file.uri else None
        if path is not None:
            yield path


def _inside(path: str, folders: Sequence[str]) -> bool:
    return any(path.startswith(folder.rstrip("/") + "/") for folder in folders)
