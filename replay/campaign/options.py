# SPDX-License-Identifier: Apache-2.0
"""How a campaign re-runs: as its definition has it, and as `replay.options.Options`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..build.base import EngineOptions
from ..comparators.policies import Policies
from ..comparators.policy import Verdict
from ..fidelity import Fidelity
from ..options import Options
from ..sandbox.base import Limits
from .definition import Definition

__all__ = ("options_document", "options_of")


def options_document(
    *,
    engine: str,
    code: str,
    require: str,
    trust: bool,
    offline: bool,
    base: str | None,
    limits: Sequence[str],
    policy: Policies,
    store: str,
    selected: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Return how to re-run, as JSON.

    Parameters
    ----------
    engine, code, require, trust, offline, base
        As on the command line of `replay run`.
    limits : sequence of `str`
        ``NAME=N``, as ``--limit`` takes them.
    policy : `Policies`
    store : `str`
        The store's directory.
    selected : mapping
        What else chose the quanta: ``collections``, ``dataset_types``, ``tasks``.
    """
    Limits.of_options(limits)
    return {
        "engine": engine,
        "code": code,
        "require": require,
        "trust": trust,
        "offline": offline,
        "base": base,
        "limits": list(limits),
        "policy": policy.to_document(),
        "store": store,
        **{name: list(values) for name, values in selected.items()},
    }


def options_of(definition: Definition) -> Options:
    """Return how a campaign re-runs.

    Raises
    ------
    KeyError, TypeError, UsageError
        If the definition was changed.
    """
    found = definition.options
    return Options(
        engine=found["engine"],
        code=found["code"],
        require=Fidelity[found["require"].upper()],
        policy=Policies.from_document(found["policy"]),
        repository=definition.repo,
        trust=found["trust"],
        engine_options=EngineOptions(Limits.of_options(found["limits"]), found["base"], found["offline"]),
        campaign=definition.id,
        discarded=(Verdict.IDENTICAL, Verdict.EQUAL),
    )
