# SPDX-License-Identifier: Apache-2.0
"""Which output of one job stands for which of another."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from envcap.digest import digest_of_file
from envcap.model.result import Output

from ..jobs.base import CapturedJob
from ..jobs.quantum import CapturedQuantum

__all__ = ("as_captured", "output_pairs", "output_path", "outputs_by_name", "type_of")


def outputs_by_name(job: CapturedJob) -> dict[str, Output]:
    """Return the outputs that a verdict is about by names that another attempt of the same work shares.

    A dataset goes by its type and data ID, a file by the name that it was declared by.
    """
    outputs = job.science_outputs()
    if not isinstance(job, CapturedQuantum):
        names = {path: name for name, path in (job.manifest.job.files or {}).items()}
        return {names.get(output_path(one), output_path(one)): one for one in outputs}
    data_ids = {one["id"]: one["data_id"] for one in job.datasets(job.manifest.job.outputs)}
    return {f"{one.dataset_type} {data_ids.get(one.dataset)}": one for one in outputs}


def output_pairs(a: CapturedJob, b: CapturedJob, paths: Mapping[str, str]) -> Iterator[tuple[Output, str]]:
    """Yield each output of the second job with the path of the one of the first that it stands for.

    Parameters
    ----------
    a, b : `CapturedJob`
    paths : mapping
        Of what was made as the first job's outputs, by the UUID or the URI of the original.
    """
    theirs = outputs_by_name(b)
    for name, output in outputs_by_name(a).items():
        path = paths.get(str(output.dataset or output.file.uri))
        if path is not None and name in theirs:
            yield theirs[name], path


def output_path(output: Output) -> str:
    """Return where an output was, as a path."""
    return (output.file.uri or "").removeprefix("file://")


def as_captured(output: Output) -> Path | None:
    """Return where an output is, if that is still what the job left there; `None` if it is gone, or another one."""
    path = Path(output_path(output))
    try:
        return path if digest_of_file(str(path))[0] == output.file.digest else None
    except OSError:
        return None


def type_of(output: Output) -> str:
    """Return what a policy knows an output by: a dataset's type, a file's name."""
    return output.dataset_type or os.path.basename(output_path(output))
