# SPDX-License-Identifier: Apache-2.0
"""The environment at hand, for a quantum of whose own environment nothing was captured."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import metadata

from envcap.hooks.variables import CONFIRM_VARIABLE, CONTEXT_VARIABLE

from ..fidelity import Fidelity, Layer
from ..rubin.sources.base import Reconstruction
from .base import passed_variables

__all__ = ("own_variables", "unrecorded_layers")

_SHOWN = 6
_WHOSE = "the RUN's packages, which tell of the node that wrote the graph"


def own_variables() -> dict[str, str]:
    """Return this process's variables: what an environment needs (EUPS, conda) is in them, and nobody knows better."""
    own = {name: v for name, v in os.environ.items() if name not in (CONFIRM_VARIABLE, CONTEXT_VARIABLE)}
    path = os.path.dirname(sys.executable) + os.pathsep + own.get("PATH", os.defpath)
    # As `envcap run` does: without a seed, two re-runs might read their inputs in two orders.
    return {"PYTHONHASHSEED": "0", **own, **passed_variables(), "PATH": path}


def unrecorded_layers(origin: Reconstruction) -> tuple[Layer, ...]:
    """Return how this environment differs from what is known of the job's."""
    return (_interpreter_layer(origin), _dists_layer(origin), _source_layer())


def _interpreter_layer(origin: Reconstruction) -> Layer:
    here = f"this environment's: {sys.version.split()[0]} at {sys.executable}"
    there = (origin.packages or {}).get("python", "")
    told = f"{there.split()[0]} in {_WHOSE}" if there else "the job's own is not recorded"
    return Layer("interpreter", Fidelity.SUBSTITUTED, f"{here}; {told}")


def _dists_layer(origin: Reconstruction) -> Layer:
    if origin.packages is None:
        return Layer("python_dists", Fidelity.SUBSTITUTED, "this environment's: the RUN names no packages")
    there = {name: version for name, version in origin.packages.items() if name != "python"}
    named = list(_differences(there))
    shown = ", ".join(named[:_SHOWN]) + (f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else "")
    told = f"against {_WHOSE}: {shown}" if named else f"{len(there)} versions as in {_WHOSE}"
    return Layer("python_dists", Fidelity.SUBSTITUTED, f"this environment's; {told}")


def _source_layer() -> Layer:
    path = os.environ.get("PYTHONPATH", "")
    where = f", with PYTHONPATH={path}" if path else ""
    return Layer("source", Fidelity.SUBSTITUTED, f"today's code{where}: Rubin records no commit")


def _differences(there: Mapping[str, str]) -> list[str]:
    """Return what differs from the recorded versions, which are named by module, Rubin's own without ``lsst``."""
    distributions = metadata.packages_distributions()
    named = []
    for name, version in sorted(there.items()):
        here = _version((f"lsst-{name}", *distributions.get(name, ()), name))
        if here != version:
            named.append(f"{name} {version} → {here}" if here else f"-{name}")
    return named


def _version(names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
