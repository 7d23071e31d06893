# SPDX-License-Identifier: Apache-2.0
"""Outputs in files that no comparator knows, read by their repository's own formatter in the rebuilt environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from envcap.digest import digest_of_file
from envcap.errors import EnvcapError

from ..build.base import Built
from ..comparators import registry
from ..jobs.quantum import CapturedQuantum
from .destination import Destination
from .quantum import ask, hear, request_of
from .remade import RemadeOutput
from .server import Servers

__all__ = ("read_outputs",)


def read_outputs(
    job: CapturedQuantum,
    remade: Sequence[RemadeOutput],
    built: Built,
    destination: Destination,
    scratch: str,
    servers: Servers,
) -> dict[str, tuple[Path, Path] | str]:
    """Have the outputs read that differ and that no comparator knows, those of the quantum that was heard of last.

    Parameters
    ----------
    scratch : `str`
        The replay's directory.

    Returns
    -------
    found : `dict`
        By the UUID of the original: two archives of NumPy with what is in the original and in the re-made dataset, or
        why there are none. They are as little to be trusted as what the payload made.
    """
    captured = {str(output.dataset): output.file.digest for output in job.science_outputs()}
    found: dict[str, tuple[Path, Path] | str] = {}
    for number, one in enumerate(remade):
        if one.original not in captured or one.path is None:
            continue
        try:
            if _is_unknown(one.path) and digest_of_file(one.path)[0] != captured[one.original]:
                archives = [os.path.join(scratch, f"{number}-{side}.npz") for side in ("original", "remade")]
                read = {"original": one.original, "remade": one.dataset}
                read |= {"original_archive": archives[0], "remade_archive": archives[1]}
                request = {**request_of(job, destination), "read": read}
                hear(ask(request, job, built, destination, scratch, servers), servers)
                found[one.original] = Path(archives[0]), Path(archives[1])
        except EnvcapError as err:
            found[one.original] = str(err)
    return found


def _is_unknown(path: str) -> bool:
    return registry.find(Path(path)) is registry.BYTES
