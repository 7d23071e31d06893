# SPDX-License-Identifier: Apache-2.0
"""The packages whose libraries a job really loaded: of the hundreds that are installed, those that can matter to it."""

from __future__ import annotations

from collections.abc import Sequence

from envcap.errors import EnvcapError, NotCapturedError
from envcap.hooks.loaded import LIBRARIES
from envcap.model.components import LoadedLibraries, OsPackage, OsPackages

from ..fidelity import Fidelity, Layer
from ..jobs.base import CapturedJob

__all__ = ("os_packages_layer", "os_packages_of", "used_packages")

_SHOWN = 4


def os_packages_of(job: CapturedJob) -> OsPackages | None:
    """Return the captured packages; `None` if there were none, or they are not known.

    Raises
    ------
    EnvcapError
        If the store doesn't have them any more.
    """
    try:
        return job.component("os_packages", OsPackages)
    except NotCapturedError:
        return None


def used_packages(job: CapturedJob) -> list[OsPackage]:
    """Return the packages that own a library which the job had loaded when it ended, none if that isn't known.

    Raises
    ------
    EnvcapError
        If the store doesn't have what was captured any more.
    """
    installed = os_packages_of(job)
    result = job.attempt.result
    observed = (result.observed or {}).get(LIBRARIES) if result is not None else None
    if installed is None or observed is None:
        return []
    libraries = LoadedLibraries.from_bytes(job.store.get(observed.digest)).libraries
    owners = {one.owner for one in libraries if one.owner}
    return [one for one in installed.packages if f"{installed.manager} {one.name}" in owners]


def os_packages_layer(job: CapturedJob, here: OsPackages | None, whose: str) -> Layer:
    """Return the packages of an operating system against the captured ones.

    Parameters
    ----------
    job : `CapturedJob`
    here : `OsPackages` or `None`
        Of the place where the job is to run; `None` if it has no package manager.
    whose : `str`
        Its name, for people.
    """
    try:
        there, used = os_packages_of(job), used_packages(job)
    except EnvcapError as err:
        return Layer("os_packages", Fidelity.SUBSTITUTED, f"unknown: {err}")
    if there is None:
        return Layer("os_packages", Fidelity.SUBSTITUTED, f"{whose}; the job's own are not recorded")
    if here == there:
        return Layer("os_packages", Fidelity.EXACT, f"{len(there.packages)} packages of {there.manager}, {whose}")
    if here is None or here.manager != there.manager:
        return Layer("os_packages", Fidelity.SUBSTITUTED, f"{whose} instead of {there.manager}'s")
    versions = {(one.name, one.architecture): one.version for one in here.packages}
    other = [
        f"{one.name} {one.version} → {versions.get((one.name, one.architecture), 'none')}"
        for one in used or there.packages
        if versions.get((one.name, one.architecture)) != one.version
    ]
    if not other:
        told = f"{len(used)} whose libraries the job loaded, as captured" if used else "all that were there"
        return Layer("os_packages", Fidelity.REBUILT, f"{told}; {whose}")
    return Layer("os_packages", Fidelity.SUBSTITUTED, f"{whose}: {_named(other)}")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
