# SPDX-License-Identifier: Apache-2.0
"""A small repository that holds what one quantum read and wrote, with the original UUIDs and RUNs."""

from __future__ import annotations

import os
import uuid

from ..errors import ReplayRefusedError
from ..jobs.quantum import CapturedQuantum
from .dataset import open_butler
from .inside.frozen import Refused
from .inside.repositories import isolated_repository

__all__ = ("pinned_repository",)


def pinned_repository(job: CapturedQuantum, folder: str) -> list[str]:
    """Make the repository and return what of the quantum's outputs is gone.

    Parameters
    ----------
    job : `CapturedQuantum`
    folder : `str`
        Where to make it.

    Raises
    ------
    ReplayRefusedError
        If an input is gone, or its file is not what the job read.
    UsageError
        If the job's repository can't be opened.
    """
    source = open_butler(job.repository)
    request = {
        "isolated": folder,
        "run": job.manifest.job.run,
        "new_run": False,
        "inputs": list(job.datasets(job.manifest.job.inputs)),
        "init_inputs": list(job.datasets(job.manifest.job.init_inputs)),
    }
    os.makedirs(folder)
    wanted = {str(output.dataset): str(output.dataset_type) for output in job.science_outputs()}
    refs = {name: source.get_dataset(uuid.UUID(name), dimension_records=True) for name in wanted}
    stored = [ref for ref in refs.values() if ref is not None and source.stored(ref) and source.getURI(ref).exists()]
    try:
        made, _ = isolated_repository(source, request, [ref.dataId for ref in stored])
    except Refused as err:
        raise ReplayRefusedError(str(err)) from err
    made.transfer_from(source, stored, transfer="copy", register_dataset_types=True, transfer_dimensions=True)
    there = {str(ref.id) for ref in stored}
    return [f"{dataset_type} {name}" for name, dataset_type in wanted.items() if name not in there]
