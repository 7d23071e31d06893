# SPDX-License-Identifier: Apache-2.0
"""The code path of OpenBLAS: ``OPENBLAS_CORETYPE`` names one, and a library that was built without it ignores that.

OpenBLAS does not look whether the processor can run what is named (driver/others/dynamic.c): that is done here, lest
the payload dies of an illegal instruction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from envcap.model.components import NumericsOfProcess

from ..grammar import VARIABLE, Grammar, checked
from ..readback.wanted import Wanted
from .base import Here, Pin, libraries

__all__ = ("VARIABLE_OF_KERNEL", "kernel_pins")

VARIABLE_OF_KERNEL = "OPENBLAS_CORETYPE"

_KERNEL = Grammar("kernel of OpenBLAS's", VARIABLE.pattern, 40)
_AVX512 = ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
# By the flags of /proc/cpuinfo. Kernels for processors older than these run wherever Python does.
_NEEDS = {
    "prescott": ("pni",),
    "core2": ("ssse3",),
    "penryn": ("sse4_1",),
    "dunnington": ("sse4_1",),
    "nehalem": ("sse4_2",),
    "sandybridge": ("avx",),
    "haswell": ("avx2", "fma"),
    "zen": ("avx2", "fma"),
    "skylakex": _AVX512,
    "cooperlake": (*_AVX512, "avx512_bf16"),
    "sapphirerapids": (*_AVX512, "avx512_bf16", "amx_bf16"),
    "barcelona": ("sse4a",),
    "bobcat": ("sse4a",),
    "bulldozer": ("avx", "fma4"),
    "piledriver": ("avx", "fma", "fma4"),
    "steamroller": ("avx", "fma", "fma4"),
    "excavator": ("avx2", "fma", "fma4"),
    "armv8": ("asimd",),
    "neoversen1": ("asimd",),
    "neoversev1": ("sve",),
    "armv8sve": ("sve",),
    "a64fx": ("sve",),
}


def kernel_pins(wanted: Wanted, here: Here) -> list[Pin]:
    """Return the pins that may give the job's kernels; none if they are used without.

    Builds of OpenBLAS's and processes may have used different ones, and one variable is for all: each is to be tried.
    """
    there, plain = (_kernels(processes) for processes in (wanted.processes, [here.plain]))
    common = there.keys() & plain.keys()
    if not plain or (common and all(there[name] == plain[name] for name in common)):
        return []
    return [_pin(kernel, wanted, here) for kernel in sorted({*chain(*there.values())})]


def _kernels(processes: Iterable[NumericsOfProcess]) -> dict[str, set[str]]:
    """Return the kernels of each build of OpenBLAS's."""
    found: dict[str, set[str]] = {}
    for library in libraries(processes, "openblas"):
        if library.kernel:
            found.setdefault(library.library, set()).add(library.kernel)
    return found


def _pin(kernel: str, wanted: Wanted, here: Here) -> Pin:
    checked("effective_numerics.kernel", kernel, _KERNEL)
    lacking = missing_flags(kernel, wanted, here.flags)
    if lacking:
        return Pin(reasons=[f"OpenBLAS's kernel {kernel} needs {', '.join(lacking)}, which this processor lacks"])
    return Pin({VARIABLE_OF_KERNEL: kernel})


def missing_flags(kernel: str, wanted: Wanted, flags: frozenset[str]) -> Sequence[str]:
    """Return what a kernel needs and this processor lacks; of one that isn't known, all that its own processor had."""
    needs = _NEEDS.get(kernel.lower())
    if needs is None:
        needs = tuple(sorted(wanted.flags)) if wanted.flags is not None else ("a processor that is not known",)
    return [flag for flag in needs if flag not in flags]
