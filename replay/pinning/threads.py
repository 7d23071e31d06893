# SPDX-License-Identifier: Apache-2.0
"""Threads of OpenBLAS, MKL and OpenMP. They decide how sums are split, and so their last bits."""

from __future__ import annotations

from ..readback.wanted import Wanted
from .base import Here, Pin, libraries

__all__ = ("thread_pin",)

_OPENBLAS, _OPENMP, _MKL = "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"
_KINDS = (("openblas", _OPENBLAS, "OpenBLAS"), ("openmp", _OPENMP, "OpenMP"), ("mkl", _MKL, "MKL"))


def thread_pin(wanted: Wanted, here: Here) -> Pin:
    """Return what gives each library as many threads as it had."""
    variables: dict[str, str] = {}
    reasons = []
    for kind, name, title in _KINDS:
        counts = {library.threads for library in libraries(wanted.processes, kind) if library.threads}
        if len(counts) > 1:
            several = " and ".join(map(str, sorted(counts)))
            reasons.append(f"{title} had {several} threads, in one process or another, and one variable is for all")
        for count in counts if len(counts) == 1 else ():
            if {library.threads for library in libraries([here.plain], kind)} != {count}:
                variables[name] = str(count)
    if here.variables.get(_OPENMP) == variables.get(_OPENMP):
        variables.pop(_OPENMP, None)
    if _OPENBLAS in variables and _is_openmp(here):
        variables.setdefault(_OPENMP, variables[_OPENBLAS])
    counts = {library.threads for library in libraries([here.plain], "openblas") if library.threads}
    if _OPENMP in variables and len(counts) == 1:
        # OpenBLAS goes by OpenMP's variable where there is none of its own.
        variables.setdefault(_OPENBLAS, str(*counts))
    return Pin(variables, reasons=reasons)


def _is_openmp(here: Here) -> bool:
    """Whether OpenBLAS was built on OpenMP, and has OpenMP's threads."""
    return any("USE_OPENMP" in (one.configuration or "") for one in libraries([here.plain], "openblas"))
