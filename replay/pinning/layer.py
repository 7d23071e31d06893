# SPDX-License-Identifier: Apache-2.0
"""The layer ``numerics`` of a plan that pins: what this host can't do is known without running anything."""

from __future__ import annotations

import os
from collections.abc import Iterator

from envcap.printable import printable

from ..fidelity import Fidelity, Layer
from ..jobs.base import CapturedJob
from ..layers import numerics_layer
from ..readback.layer import in_effect
from ..readback.wanted import Wanted, flags_here
from .base import libraries
from .blas_kernel import missing_flags
from .pinning import Pinned

__all__ = ("asked_layer", "pinned_layer", "planned_layer")

_DECISIVE = ("avx", "fma", "sse", "ssse", "amx", "f16c", "asimd", "sve")
_SHOWN = 6


def planned_layer(job: CapturedJob) -> Layer:
    """Return what pinning will reach, as far as that follows from the processors of both hosts."""
    asked = numerics_layer(job)
    if asked.fidelity is not Fidelity.EXACT:
        return asked
    wanted, here = Wanted.of_job(job), flags_here()
    if wanted.unknown is not None:
        return Layer(asked.name, Fidelity.SUBSTITUTED, f"{asked.detail}; nothing to pin to: {wanted.unknown}")
    told = f"{asked.detail}; to be pinned, and read back: {printable(in_effect(wanted.processes), '')}"
    if lacking := list(_lacking(wanted, here)):
        return Layer(asked.name, Fidelity.SUBSTITUTED, "; ".join((told, *lacking)))
    cpus = len(os.sched_getaffinity(0))
    is_alike = wanted.flags == here and all(one.cpus == cpus for one in wanted.processes)
    return Layer(asked.name, Fidelity.EXACT if is_alike else Fidelity.REBUILT, told)


def _lacking(wanted: Wanted, here: frozenset[str]) -> Iterator[str]:
    lost = sorted(flag for flag in (wanted.flags or frozenset()) - here if flag.startswith(_DECISIVE))
    if lost:
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        yield f"this processor lacks {', '.join(lost[:_SHOWN])}{more}"
    blas = libraries(wanted.processes, "openblas")
    for kernel in sorted({one.kernel for one in blas if one.kernel}):
        if missing_flags(kernel, wanted, here):
            yield f"it can't run OpenBLAS's kernel {printable(kernel, '')}"
    cpus, threads = len(os.sched_getaffinity(0)), max((one.threads or 0 for one in blas), default=0)
    if threads > cpus:
        yield f"OpenBLAS had {threads} threads, and has no more than the {cpus} processors here"


def asked_layer(job: CapturedJob, pinned: Pinned | None) -> Layer:
    """Return what is asked for in a replay: the job's own variables, and the pins."""
    asked = numerics_layer(job)
    if pinned is None:
        return asked
    pins = ", ".join(f"{name}={value}" for name, value in sorted(pinned.variables.items()))
    told = "not pinned" if pinned.is_without_answer else f"pinned: {pins or 'nothing needed it'}"
    return Layer(asked.name, asked.fidelity, f"{asked.detail}; {told}")


def pinned_layer(job: CapturedJob, pinned: Pinned | None) -> Layer:
    """Return what the rebuilt environment says it will reach, before the payload runs."""
    asked = asked_layer(job, pinned)
    if pinned is None or asked.fidelity is not Fidelity.EXACT or not (pinned.differences or pinned.is_without_answer):
        return asked
    return Layer(asked.name, Fidelity.SUBSTITUTED, "; ".join((asked.detail, *pinned.differences, *pinned.reasons)))
