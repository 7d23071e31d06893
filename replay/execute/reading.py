# SPDX-License-Identifier: Apache-2.0
"""Outputs in files that no comparator knows, read by their repository's own formatter in the rebuilt environment."""

from __future__ import annotations

import os
from pathlib import Path

from ..build.base import Built
from ..jobs.quantum import CapturedQuantum
from .destination import Destination
from .quantum import ask, request_of
from .remade import RemadeOutput
from .server import Servers

__all__ = ("DatasetReader",)


class DatasetReader:
    """Reads outputs of one replay.

    Parameters
    ----------
    job : `CapturedQuantum`
    built : `Built`
    destination : `Destination`
        Where it wrote.
    scratch : `str`
        The replay's directory.
    servers : `Servers`
    """

    def __init__(
        self, job: CapturedQuantum, built: Built, destination: Destination, scratch: str, servers: Servers
    ) -> None:
        self._job = job
        self._built = built
        self._destination = destination
        self._scratch = scratch
        self._servers = servers

    def read(self, remade: RemadeOutput) -> tuple[Path, Path]:
        """Return two archives of NumPy with what is in the original and in the re-made dataset.

        They are in the replay's directory, and as little to be trusted as what the payload made.

        Raises
        ------
        ReplayRefusedError, ReplayFailedError
            If one can't be read.
        """
        paths = [os.path.join(self._scratch, f"{side}.npz") for side in ("original", "remade")]
        for path in paths:
            if os.path.exists(path):
                os.unlink(path)
        read = {"original": remade.original, "remade": remade.dataset}
        read |= {"original_archive": paths[0], "remade_archive": paths[1]}
        request = {**request_of(self._job, self._destination), "read": read}
        ask(request, self._job, self._built, self._destination, self._scratch, self._servers)
        return Path(paths[0]), Path(paths[1])
