# SPDX-License-Identifier: Apache-2.0
"""Pins the numerics of a rebuilt environment to what was in effect in the job.

First the environment is asked what it uses by itself, then the pins are computed, then it is asked with them: names
that the installed versions ignore are found out before the payload runs. What the payload really used is read back
from itself (`replay.readback`).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

from envcap.collectors.numerics import NumericsCollector, is_numerical
from envcap.model.components import NumericsOfProcess
from envcap.model.descriptor import describe_bytes
from envcap.store.keeper import Keeper
from envcap.target import Target

from ..build.base import Built
from ..errors import BuildError
from ..jobs.base import CapturedJob
from ..readback.differences import differences
from ..readback.wanted import Wanted, flags_here
from .asking import Asker
from .base import Here, Pin, merged
from .blas_kernel import VARIABLE_OF_KERNEL, kernel_pins
from .glibc import glibc_pin
from .mkl import mkl_pin
from .numpy_dispatch import NUMPYS, numpy_pin
from .threads import thread_pin

__all__ = ("Pinned", "pin_numerics")


@dataclass(frozen=True)
class Pinned:
    """What came of pinning, before the payload runs.

    Attributes
    ----------
    variables : mapping
        Those that are set beyond the job's own.
    reasons : `tuple` of `str`
        What can't be pinned, and why.
    differences : `tuple` of `str`
        What differs nevertheless, as far as it was asked.
    is_without_answer : `bool`
        Whether nothing could be asked, or there is nothing to pin to.
    """

    variables: Mapping[str, str]
    reasons: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    is_without_answer: bool = False


def pin_numerics(job: CapturedJob, built: Built, scratch: str) -> tuple[Built, Pinned]:
    """Return an environment with the numerics of a job, as far as this host has them, and what came of it."""
    wanted = Wanted.of_job(job)
    if wanted.unknown is not None:
        return built, Pinned({}, (f"nothing to pin to: {wanted.unknown}",), is_without_answer=True)
    if not built.python:
        return built, Pinned({}, ("no Python was rebuilt that could be asked",), is_without_answer=True)
    try:
        asker = Asker(built, scratch, wanted.processes)
        pin, found = _chosen(wanted, built, asker)
    except BuildError as err:
        return built, Pinned({}, (str(err),), is_without_answer=True)
    told = Pinned(pin.variables, tuple(pin.reasons), tuple(differences(wanted, [found], is_partial=True)))
    return _with_variables(job, built, pin), told


def _chosen(wanted: Wanted, built: Built, asker: Asker) -> tuple[Pin, NumericsOfProcess]:
    """Return the pin that comes closest, and what is in effect with it."""
    plain = asker.ask(built.variables)
    restricted = any(name in built.variables for name in NUMPYS)
    free = asker.ask({n: v for n, v in built.variables.items() if n not in NUMPYS}) if restricted else plain
    here = Here(plain.numerics, free.numerics, plain.numpy, plain.libc, flags_here(), built.variables)
    others = merged(pin(wanted, here) for pin in (thread_pin, mkl_pin, numpy_pin, glibc_pin))
    best: tuple[int, Pin, NumericsOfProcess] | None = None
    reasons: list[str] = []
    for kernel in (Pin(), *kernel_pins(wanted, here)):
        reasons += kernel.reasons
        if best is not None and not kernel.variables:
            continue
        pin = merged((kernel, others))
        variables = pin.applied(built.variables)
        try:
            found = plain.numerics if variables == built.variables else asker.ask(variables).numerics
        except BuildError as err:
            if best is None:
                raise
            reasons.append(f"{', '.join(kernel.variables.values())}: {err}")
            continue
        if kernel.variables and not {*kernel.variables.values()} & {library.kernel for library in found.libraries}:
            reasons.append(f"OpenBLAS was built here without a kernel {kernel.variables[VARIABLE_OF_KERNEL]}")
        lacking = len(differences(wanted, [found], is_partial=True))
        if best is None or lacking < best[0]:
            best = lacking, pin, found
    assert best is not None
    return merged((best[1], Pin(reasons=reasons))), best[2]


def _with_variables(job: CapturedJob, built: Built, pin: Pin) -> Built:
    """Return an environment with a pin, recorded as what was asked for, like any job's."""
    variables = pin.applied(built.variables)
    if variables == built.variables:
        return built
    numerical = {name: value for name, value in variables.items() if is_numerical(name)}
    component = NumericsCollector().collect(Target.none(numerical), describe_bytes).component
    environment = copy.copy(built.environment)
    environment.software = {**environment.software, "numerics": Keeper(job.store).document(component)}
    return replace(built, variables=variables, environment=environment)
