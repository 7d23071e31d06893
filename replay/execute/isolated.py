# SPDX-License-Identifier: Apache-2.0
"""The isolated repositories of a session: as few as can be, since making one takes a second."""

from __future__ import annotations

import os

from ..jobs.quantum import CapturedQuantum

__all__ = ("IsolatedRepositories",)


class IsolatedRepositories:
    """Repositories in a session's directory.

    A dataset has one UUID and one file. So what one quantum makes again must not stand where another one's pinned input
    of that UUID is, and the reverse.

    Parameters
    ----------
    folder : `str`
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._made: list[set[str]] = [set()]
        self._read: list[set[str]] = [set()]

    @property
    def first(self) -> str:
        """The first repository."""
        return self._path(0)

    @property
    def paths(self) -> list[str]:
        """All of them."""
        return [self._path(number) for number in range(len(self._made))]

    def free_for(self, job: CapturedQuantum, *, copied: bool = True) -> str:
        """Return the first repository in which a quantum's datasets are in nobody's way.

        Parameters
        ----------
        job : `CapturedQuantum`
        copied : `bool`, optional
            Whether its inputs are copied into the repository, and not read where they are.
        """
        outputs = {str(one["id"]) for one in job.datasets(job.manifest.job.outputs)}
        inputs: set[str] = set()
        if copied:
            groups = (job.manifest.job.inputs, job.manifest.job.init_inputs)
            inputs = {str(one["id"]) for group in groups for one in job.datasets(group)}
        free = (n for n in range(len(self._made)) if self._is_free(n, inputs, outputs))
        number = next(free, len(self._made))
        if number == len(self._made):
            self._made.append(set())
            self._read.append(set())
        self._made[number] |= outputs
        self._read[number] |= inputs
        return self._path(number)

    def _is_free(self, number: int, inputs: set[str], outputs: set[str]) -> bool:
        made, read = self._made[number], self._read[number]
        return not (outputs & (made | read) or inputs & made)

    def _path(self, number: int) -> str:
        return os.path.join(self._folder, "repo" if number == 0 else f"repo-{number + 1}")
