# SPDX-License-Identifier: Apache-2.0
"""Attempts as another host would have left them: its numerics were in effect there without being asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from envcap.environment import Environment
from envcap.hooks.attempt import AttemptWriter, open_journal
from envcap.hooks.loaded import NUMERICS
from envcap.model.components import EffectiveNumerics, Hardware, Numerics
from envcap.model.manifest import Outcome
from envcap.store.index import Attempt, Index
from envcap.store.keeper import Keeper
from envcap.store.local import LocalStore
from envcap.target import Target

__all__ = ("effective", "from_elsewhere", "with_libraries")


def effective(store: LocalStore, attempt: Attempt) -> EffectiveNumerics:
    """Return what was in effect in an attempt."""
    assert attempt.result is not None
    assert attempt.result.observed is not None
    return EffectiveNumerics.from_bytes(store.get(attempt.result.observed[NUMERICS].digest))


def with_libraries(numerics: EffectiveNumerics, kind: str, **members: object) -> EffectiveNumerics:
    """Return numerics in which the libraries of a kind have other members."""
    processes = [
        {
            **one.data,
            "libraries": [
                {**library.data, **members} if library.kind == kind else library.data for library in one.libraries
            ],
        }
        for one in numerics.processes
    ]
    return EffectiveNumerics.checked({**numerics.data, "processes": processes})


def from_elsewhere(
    store: LocalStore,
    key: Path,
    attempt: Attempt,
    *,
    numerics: EffectiveNumerics | None = None,
    more_flags: Sequence[str] = (),
    outcome: Outcome | None = None,
) -> str:
    """Write an attempt anew, sealed by the user's key, as if nothing had been asked for; return its id.

    Parameters
    ----------
    numerics : `EffectiveNumerics`, optional
        What was in effect; by default, what really was.
    more_flags : sequence of `str`
        What the processor could do besides.
    outcome : `Outcome`, optional
        How looking for the numerics ended, instead.
    """
    keeper = Keeper(store)
    result, manifest = attempt.result, attempt.manifest
    assert result is not None
    environment = Environment(Target.none({}))
    environment.software = {**attempt.recipe.software, "numerics": keeper.document(Numerics(variables={}))}
    environment.host = {**manifest.host}
    if more_flags:
        hardware = Hardware.from_bytes(store.get(manifest.host["hardware"].digest))
        flags = sorted({*hardware.cpu_flags, *more_flags})
        environment.host["hardware"] = keeper.document(Hardware.checked({**hardware.data, "cpu_flags": flags}))
    environment.site, environment.outcomes = manifest.site, dict(manifest.outcomes)
    observed: dict[str, Any] = {**(result.observed or {})}
    outcomes: Mapping[str, Outcome] = {**(result.outcomes or {})}
    if numerics is not None:
        observed[NUMERICS] = keeper.document(numerics)
        outcomes = {**outcomes, NUMERICS: Outcome(status="captured")}
    if outcome is not None:
        observed.pop(NUMERICS, None)
        outcomes = {**outcomes, NUMERICS: outcome}
    journal, _ = open_journal(store, str(key))
    work = attempt.recipe.task
    assert work is not None
    writer = AttemptWriter(journal, environment, work, manifest.job)
    writer.begin()
    writer.end(
        status="ok", exit_status=result.exit, inputs=result.inputs, outputs=result.outputs, outcomes=outcomes,
        observed=observed,
    )  # fmt: skip
    journal.close()
    Index(store).close()
    return writer.attempt
