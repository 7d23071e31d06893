# SPDX-License-Identifier: Apache-2.0
"""What it takes to have a replayed process read back: files of ours that it loads, and one that it writes to."""

from __future__ import annotations

import os
from collections.abc import Mapping

from envcap.collectors import numerics_probe
from envcap.hooks import mapped

from ..sandbox.base import Mount, Sandbox

__all__ = ("Telling", "told_file")

_INSIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inside")
_PROGRAMS = (os.path.abspath(numerics_probe.__file__), os.path.abspath(mapped.__file__))
_MOUNTED = "/run/envcap/readback"


def told_file(scratch: str) -> str:
    """Return the file in the directory of a replayed job that its processes write to."""
    return os.path.join(scratch, "numerics.txt")


class Telling:
    """Our files as the programs of a sandbox see them.

    Parameters
    ----------
    sandbox : `Sandbox`
        One that mounts gets them at a place that hides none of the job's.

    Attributes
    ----------
    mounts : `tuple` of `Mount`
    program : `str`
        The file that tells.
    parts : `tuple` of `str`
        The files that it loads for that, in the order in which it takes them.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        files = {path: os.path.join(_MOUNTED, os.path.basename(path)) for path in (_INSIDE, *_PROGRAMS)}
        seen = files if sandbox.alone else {path: path for path in files}
        self.mounts = tuple(Mount(path, place) for path, place in seen.items())
        self._search = seen[_INSIDE]
        self.program = os.path.join(self._search, "sitecustomize.py")
        self.parts = tuple(seen[path] for path in _PROGRAMS)

    def variables(self, variables: Mapping[str, str], scratch: str) -> dict[str, str]:
        """Return a command's variables with those that let each Python of it tell.

        Parameters
        ----------
        variables : mapping
        scratch : `str`
            The directory of the replayed job.
        """
        search = [self._search, *filter(None, variables.get("PYTHONPATH", "").split(os.pathsep))]
        told = "\n".join((told_file(scratch), *self.parts))
        return {**variables, "PYTHONPATH": os.pathsep.join(search), "ENVCAP_READBACK": told}
