# SPDX-License-Identifier: Apache-2.0
"""The numerics that were in effect in a captured job, as far as they were recorded."""

from __future__ import annotations

from dataclasses import dataclass

from envcap.collectors.hardware import HardwareCollector
from envcap.collectors.numerics_probe import LIBM
from envcap.errors import EnvcapError
from envcap.hooks.loaded import NOTHING_LOADED, NUMERICS
from envcap.model.components import EffectiveNumerics, Hardware, NumericsOfProcess
from envcap.model.descriptor import describe_bytes
from envcap.target import Target

from ..jobs.base import CapturedJob

__all__ = ("LIBM_FLAGS", "Wanted", "flags_here", "libm_by_flags")

LIBM_FLAGS = {"AVX": "avx", "AVX2": "avx2", "AVX512DQ": "avx512dq", "AVX512F": "avx512f", "FMA": "fma", "FMA4": "fma4",
              "SSE4_1": "sse4_1"}  # fmt: skip
"""What glibc's libm chooses by, as glibc names it and as ``/proc/cpuinfo`` does."""


@dataclass(frozen=True)
class Wanted:
    """What a replay is held against.

    Attributes
    ----------
    processes : `tuple` of `NumericsOfProcess`
        One for each way in which the job's processes differed.
    flags : `frozenset` of `str` or `None`
        What the job's processor could do; `None` if that is not known.
    masked : `frozenset` of `str`
        What the job kept glibc from using.
    unknown : `str` or `None`
        Why it is not known what was in effect.
    looked : `bool`
        Whether what is not known was looked for, and could not be had.
    """

    processes: tuple[NumericsOfProcess, ...] = ()
    flags: frozenset[str] | None = None
    masked: frozenset[str] = frozenset()
    unknown: str | None = None
    looked: bool = False

    @classmethod
    def of_job(cls, job: CapturedJob) -> Wanted:
        """Return what a job recorded."""
        result = job.attempt.result
        descriptor = (result.observed or {}).get(NUMERICS) if result else None
        outcome = (result.outcomes or {}).get(NUMERICS) if result else None
        flags, masked = _flags(job), _masked(job)
        if outcome is not None and outcome.status == "failed":
            return cls((), flags, masked, outcome.reason or "unknown", True)
        if descriptor is None:
            if outcome is not None and outcome.reason == NOTHING_LOADED:
                return cls((), flags, masked)
            return cls((), flags, masked, (outcome.reason if outcome else None) or "it was not captured")
        try:
            found = EffectiveNumerics.from_bytes(job.store.get(descriptor.digest))
        except EnvcapError as err:
            return cls((), flags, masked, str(err), True)
        return cls(tuple(found.processes), flags, masked)

    @property
    def libm(self) -> frozenset[str] | None:
        """What glibc's libm went by: as recorded, else as the processor has it; `None` if neither is known."""
        recorded = {library.kernel or "" for one in self.processes for library in one.libraries if library.kind == LIBM}
        if recorded:
            return frozenset(recorded)
        return None if self.flags is None else frozenset({libm_by_flags(self.flags, self.masked)})


def libm_by_flags(flags: frozenset[str], masked: frozenset[str] = frozenset()) -> str:
    """Return what glibc's libm goes by on a processor, as `envcap.collectors.numerics_probe` writes it."""
    return " ".join(name for name, flag in LIBM_FLAGS.items() if flag in flags and name not in masked)


def flags_here() -> frozenset[str]:
    """Return what this host's processor can do."""
    found = HardwareCollector().collect(Target.none({}), describe_bytes).component
    assert isinstance(found, Hardware)
    return frozenset(found.cpu_flags)


def _flags(job: CapturedJob) -> frozenset[str] | None:
    try:
        found = frozenset(job.hardware.cpu_flags)
    except EnvcapError:
        return None
    return found or None


def _masked(job: CapturedJob) -> frozenset[str]:
    """Return what the job's own ``GLIBC_TUNABLES`` masked, by the names of the glibc manual."""
    try:
        tunables = job.numerics.variables.get("GLIBC_TUNABLES", "")
    except EnvcapError:
        return frozenset()
    caps = [value for name, _, value in (one.partition("=") for one in tunables.split(":")) if name.endswith(".hwcaps")]
    words = [word for value in caps for word in value.split(",")]
    return frozenset(word[1:].removesuffix("_Usable") for word in words if word.startswith("-"))
