# SPDX-License-Identifier: Apache-2.0
"""Where an attempt's distributions came from: as its job proved it, else proved now."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from ..artifacts.installed import InstalledWheel
from ..artifacts.proof import prove
from ..artifacts.wheel_target import WheelTarget
from ..collectors.python_dists import installed_distributions
from ..errors import EnvcapError, NotCapturedError
from ..hooks.artifacts import KIND
from ..model.components import Artifact, Distribution, Interpreter, OperatingSystem, PythonArtifacts, PythonDists, Site
from ..model.document import Document
from ..store.base import ObjectStore
from ..store.index import Attempt

__all__ = ("artifacts_of", "captured", "site_of", "why_left_out")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    _D = TypeVar("_D", bound=Document)


def artifacts_of(attempt: Attempt, store: ObjectStore) -> PythonArtifacts:
    """Return where each distribution of an attempt came from.

    Raises
    ------
    NotCapturedError
        If the attempt has no distributions.
    CollectorError
        If it has to be proved, and no index can be reached.
    """
    observed = (attempt.result.observed or {}).get(KIND) if attempt.result is not None else None
    if observed is not None:
        return PythonArtifacts.from_bytes(store.get(observed.digest))
    distributions = captured(attempt, store, "python_dists", PythonDists).distributions
    interpreter = captured(attempt, store, "interpreter", Interpreter)
    system = captured(attempt, store, "operating_system", OperatingSystem)
    places = site_of(attempt, store, "python_dists")
    standing = dict(_standing(places, interpreter))
    wheels = [(one, _wheel(one, places, standing)) for one in distributions]
    return prove(
        [wheel for one, wheel in wheels if one.manager != "conda"],
        [wheel for one, wheel in wheels if one.manager == "conda"],
        WheelTarget(interpreter.version, system.machine, system.libc),
    )


def why_left_out(one: Artifact) -> str:
    """Return why a lock can't name the file that a distribution came from."""
    return one.reason or f"it came from no index ({one.origin}: {one.url})"


def captured(attempt: Attempt, store: ObjectStore, kind: str, cls: type[_D]) -> _D:
    """Return a component of an attempt's software.

    Raises
    ------
    NotCapturedError
        If it has none, with the reason.
    """
    descriptor = attempt.recipe.software.get(kind)
    if descriptor is None:
        outcome = attempt.manifest.outcomes.get(kind)
        told = f"{outcome.status}: {outcome.reason}" if outcome else "not looked for"
        raise NotCapturedError(f"attempt {attempt.manifest.attempt} has no {kind} ({told})")
    return cls.from_bytes(store.get(descriptor.digest))


def site_of(attempt: Attempt, store: ObjectStore, kind: str) -> Mapping[str, object]:
    """Return where things stood when an attempt was captured, empty if that is gone."""
    site = attempt.manifest.site
    if site is None or not store.has(site.digest):
        return {}
    return Site.from_bytes(store.get(site.digest)).places.get(kind, {})


def _standing(places: Mapping[str, object], interpreter: Interpreter) -> Iterator[tuple[str, InstalledWheel]]:
    """Yield the distributions that are where they were; they are only read."""
    prefix = places.get("prefix")
    if isinstance(prefix, str):
        minor = ".".join(interpreter.version.split(".")[:2])
        try:
            for found in installed_distributions([os.path.join(prefix, "lib", f"python{minor}", "site-packages")]):
                yield found.name, InstalledWheel.of(found)
        except EnvcapError:
            return  # what can't be read there any more can still be asked for by name and version


def _wheel(one: Distribution, places: Mapping[str, object], standing: Mapping[str, InstalledWheel]) -> InstalledWheel:
    there = standing.get(one.name)
    if there is not None and (there.version, there.record) == (one.version, one.record) and not one.editable:
        return there
    origins = places.get("origins")
    url = origins.get(one.name) if isinstance(origins, Mapping) else None
    origin: dict[str, object] = {"url": url} if url else {}
    if one.editable:
        origin = {"url": url or "unknown", "dir_info": {"editable": True}}
    return InstalledWheel(one.name, one.version, one.record, origin)
