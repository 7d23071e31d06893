# SPDX-License-Identifier: Apache-2.0
"""Brings together the wheels of a job: kept ones, and what can be fetched."""

from __future__ import annotations

from collections.abc import Iterable

from envcap.artifacts.wheel_target import WheelTarget
from envcap.model.components import Distribution

from ..errors import BuildError
from ..jobs.base import CapturedJob
from .fetch import fetch, fetch_tool
from .wanted import wanted_wheels
from .wheelhouse import Wheel, Wheelhouse

__all__ = ("PIP", "WheelGatherer", "wheel_target")

PIP = ("pip", "26.3")
"""The pip that installs: pure Python, for 3.10 and newer. It stays outside the environment."""
_OFFLINE = "its wheel is not here, and nothing is fetched (--offline)"


class WheelGatherer:
    """Gathers wheels.

    Parameters
    ----------
    wheelhouse : `Wheelhouse`
    offline : `bool`
        Fetch nothing.
    """

    def __init__(self, wheelhouse: Wheelhouse, *, offline: bool) -> None:
        self._wheelhouse = wheelhouse
        self._offline = offline

    def lacking(self, wanted: Iterable[Distribution]) -> list[str]:
        """Return the distributions whose wheels aren't kept."""
        return [f"{one.name} {one.version}" for one in wanted if self._wheelhouse.find(one) is None]

    def gather(self, job: CapturedJob) -> tuple[list[Wheel], dict[str, str]]:
        """Return the wheels of a job's distributions, and why it can't be had of each that isn't among them."""
        installed = wanted_wheels(job)
        wanted = [one for one in installed if self._wheelhouse.find(one) is None]
        reasons: dict[str, str] = {f"{one.name} {one.version}": _OFFLINE for one in wanted}
        if wanted and not self._offline:
            origins = job.place("python_dists", "origins")
            elsewhere = origins if isinstance(origins, dict) else {}
            found = fetch(
                self._wheelhouse,
                [one for one in wanted if one.name not in elsewhere],
                [one for one in wanted if one.name in elsewhere],
                job.libraries,
                wheel_target(job),
            )
            reasons = {f"{one.name} {one.version}": found[one.name] for one in wanted if one.name in found}
        kept = (self._wheelhouse.find(one) for one in installed)
        return [wheel for wheel in kept if wheel is not None], reasons

    def pip(self) -> Wheel:
        """Return the wheel of pip.

        Raises
        ------
        BuildError
            If it is neither kept nor to be had.
        """
        found = self._wheelhouse.named(*PIP)
        if found is None and not self._offline:
            fetch_tool(self._wheelhouse, *PIP)
            found = self._wheelhouse.named(*PIP)
        if found is None:
            told = f"the wheel of {PIP[0]} {PIP[1]}, which installs the others, is not here"
            raise BuildError(f"{told}, and nothing is fetched (--offline)")
        return found


def wheel_target(job: CapturedJob) -> WheelTarget:
    """Return what a job's wheels are for.

    Raises
    ------
    FormatError
        Naming the field that is not what it should be.
    """
    return WheelTarget(job.interpreter.version, job.operating_system.machine, job.operating_system.libc)
