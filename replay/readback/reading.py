# SPDX-License-Identifier: Apache-2.0
"""Reads what the processes of a replay told of their numerics. They may have written anything: it is checked."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from envcap.collectors.numerics_probe import is_numerical
from envcap.errors import EnvcapError
from envcap.hooks.children import LOST
from envcap.hooks.loaded import NOTHING_LOADED
from envcap.model.components import EffectiveNumerics, NumericsOfProcess
from envcap.model.document import parse_json
from envcap.model.manifest import Outcome

from .programs import told_file

__all__ = ("ReadBack", "read_back")

_MAX_TOLD = 1 << 24
_NOTHING_TOLD = "no process told anything: it died, left by os._exit, or is no Python that lets itself be asked"


@dataclass(frozen=True)
class ReadBack:
    """The numerics that were in effect when the processes of a replay ended.

    Attributes
    ----------
    processes : `tuple` of `NumericsOfProcess`
        One for each way in which they differ, also those that have no numerical library loaded.
    reason : `str` or `None`
        Why not all of them could be read back.
    """

    processes: tuple[NumericsOfProcess, ...]
    reason: str | None = None

    @property
    def effective(self) -> EffectiveNumerics | None:
        """What is recorded, as of any job; `None` if no numerical library was loaded."""
        numerical = [one for one in self.processes if is_numerical(one.data)]
        return EffectiveNumerics(processes=numerical) if numerical else None

    @property
    def outcome(self) -> Outcome:
        """How reading them back ended."""
        if self.reason is not None:
            return Outcome(status="failed", reason=self.reason)
        if self.effective is None:
            return Outcome(status="absent", reason=NOTHING_LOADED)
        return Outcome(status="captured")


def read_back(scratch: str) -> ReadBack:
    """Return what was told in the directory of a replayed job."""
    try:
        lines = _told(told_file(scratch))
    except FileNotFoundError:
        return ReadBack((), _NOTHING_TOLD)
    except (OSError, ValueError) as err:
        return ReadBack((), f"what was told can't be read: {err}")
    distinct: dict[bytes, NumericsOfProcess] = {}
    reasons = [line.removeprefix("failed ") for line in lines if line.startswith("failed ")]
    try:
        for line in lines:
            if line.startswith("numerics "):
                one = NumericsOfProcess.checked(parse_json(line.removeprefix("numerics ").encode()))
                distinct[one.to_bytes()] = one
    except (EnvcapError, ValueError) as err:
        reasons.append(f"what was told is no numerics: {err}")
    began, ended = (
        {line.partition(" ")[2] for line in lines if line.startswith(word)} for word in ("began ", "ended ")
    )
    if lost := len(began - ended):
        reasons.append(LOST.format(lost=lost, all=len(began)))
    if not reasons and not distinct:
        reasons.append(_NOTHING_TOLD)
    return ReadBack(tuple(distinct[key] for key in sorted(distinct)), "; ".join(reasons) or None)


def _told(path: str) -> list[str]:
    """Return the lines of a file that a payload could have put anything in the place of.

    Raises
    ------
    OSError
    ValueError
        If it is no ordinary file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path} is no ordinary file")
        return stream.read(_MAX_TOLD).decode("utf-8", "replace").splitlines()
