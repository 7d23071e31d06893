# SPDX-License-Identifier: Apache-2.0
"""Asks a rebuilt environment, in its sandbox, what its numerical libraries use with some variables."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envcap.errors import EnvcapError
from envcap.model.components import NumericsOfProcess
from envcap.model.document import parse_json

from ..build.base import Built, own_directories
from ..errors import BuildError
from ..execute.server import last_lines
from ..readback.differences import libraries_of
from ..readback.programs import Telling
from ..sandbox.base import Mount, Program
from .base import NumPyFacts

__all__ = ("Answer", "Asker")

_ASKED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "asked.py")
_MODULES = ("numpy", "scipy.linalg")
_SECONDS = 120


@dataclass(frozen=True)
class Answer:
    """What was told.

    Attributes
    ----------
    numerics : `NumericsOfProcess`
    numpy : `NumPyFacts` or `None`
        `None` if there is none.
    libc : `str`
        Name and version; empty if that isn't glibc.
    """

    numerics: NumericsOfProcess
    numpy: NumPyFacts | None
    libc: str


class Asker:
    """Asks one environment.

    Parameters
    ----------
    built : `Built`
    scratch : `str`
        The directory of the replayed job.
    wanted : sequence of `NumericsOfProcess`
        What it is asked about; if that is nothing, nothing is imported for it.
    """

    def __init__(self, built: Built, scratch: str, wanted: Sequence[NumericsOfProcess]) -> None:
        self._built = built
        self._folder = os.path.join(scratch, "asked")
        self._log = os.path.join(scratch, "asked.log")
        self._modules = _MODULES if wanted else ()
        self._libraries = json.dumps(sorted(libraries_of(wanted)))
        os.makedirs(self._folder)
        built.sandbox.own(self._folder)

    def ask(self, variables: Mapping[str, str]) -> Answer:
        """Return what is used with some variables.

        Raises
        ------
        BuildError
            If there is no answer.
        """
        telling = Telling(self._built.sandbox)
        mounts = (Mount(_ASKED, _ASKED), Mount(self._folder, self._folder, writable=True))
        program = Program(
            [self._built.python, "-P", _ASKED, telling.program, *telling.parts, self._libraries, *self._modules],
            {**variables, **own_directories(self._folder, self._built.sandbox)},
            (*self._built.mounts, *telling.mounts, *mounts),
            self._folder,
            self._log,
        )
        try:
            with self._built.sandbox.start(program) as process:
                line = process.receive(_SECONDS)
            if line is None:
                raise BuildError(last_lines(self._log) or "it said nothing")
            return _answer(line)
        except (EnvcapError, OSError, TimeoutError, ValueError, KeyError, TypeError) as err:
            raise BuildError(f"the numerics of the rebuilt environment can't be asked for: {err}") from err


def _answer(line: str) -> Answer:
    found = parse_json(line.encode())
    assert isinstance(found, Mapping)
    numpy = found["numpy"]
    facts = None
    if isinstance(numpy, Mapping):
        sets = (tuple(str(name) for name in numpy[key]) for key in ("baseline", "dispatch"))
        facts = NumPyFacts(str(numpy["version"]), *sets)
    return Answer(NumericsOfProcess.checked(found["numerics"]), facts, str(found["libc"]))
