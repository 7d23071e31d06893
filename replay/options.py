# SPDX-License-Identifier: Apache-2.0
"""How to re-run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from .build.base import EngineOptions
from .comparators.policies import EXACT, Policies
from .comparators.policy import Verdict
from .fidelity import Fidelity
from .jobs.base import CapturedJob
from .planning import KnownLayers, Plan, make_plan

__all__ = ("ANOTHER_PLACE", "Options")

ANOTHER_PLACE = "ENVCAP_CACHE names another place for replays"


@dataclass(frozen=True)
class Options:
    """How to re-run.

    Attributes
    ----------
    engine, code : `str`
        As on the command line.
    require : `Fidelity`
        Refuse when a layer is below.
    policy : `Policies`
    repository : `str` or `None`
        Where the user's repository is now, if not where the manifest says.
    new_run : `str` or `None`
        Write to this new RUN of the user's repository instead of an isolated one.
    recursive : `bool`
        Re-make inputs that are gone.
    trust : `bool`
        Take a manifest that nobody vouches for.
    given : mapping
        Files to judge the outputs by, by dataset UUID, instead of those in the repository.
    engine_options : `EngineOptions`
    pin_math : `bool`
        Pin the numerics to what was in effect in the job.
    campaign : `str` or `None`
        Id of the campaign that the verdicts belong to.
    discarded : collection of `Verdict`
        Of a job with such a verdict, nothing that was re-made is kept.
    """

    engine: str = "auto"
    code: str = "captured"
    require: Fidelity = Fidelity.SUBSTITUTED
    policy: Policies = field(default=EXACT)
    repository: str | None = None
    new_run: str | None = None
    recursive: bool = False
    trust: bool = False
    given: Mapping[str, str] = field(default_factory=dict)
    engine_options: EngineOptions = field(default_factory=EngineOptions)
    pin_math: bool = False
    campaign: str | None = None
    discarded: Collection[Verdict] = ()

    def plan(self, job: CapturedJob, known: KnownLayers | None = None) -> Plan:
        """Return the plan of a job's replay with these options; `known` is of earlier ones with the same."""
        return make_plan(
            job,
            self.engine,
            self.code,
            trust=self.trust,
            options=self.engine_options,
            pin_math=self.pin_math,
            known=known,
        )
