# SPDX-License-Identifier: Apache-2.0
"""NumPy's choice of instruction sets: ``NPY_DISABLE_CPU_FEATURES`` takes away what the job's host did not use.

The names are those of the installed NumPy, which ignores others: 2.4 replaced the names of single sets (``AVX2``) by
those of groups (``X86_V3``).
"""

from __future__ import annotations

from collections.abc import Set

from ..grammar import checked
from ..readback.wanted import Wanted
from .base import FEATURE, Here, Pin

__all__ = ("NUMPYS", "numpy_pin")

NUMPYS = ("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES")
"""The variables that restrict NumPy; it refuses to be imported with both."""

_GROUPS = {
    "X86_V2": ("SSE", "SSE2", "SSE3", "SSSE3", "SSE41", "POPCNT", "SSE42"),
    "X86_V3": ("AVX", "F16C", "AVX2", "FMA3"),
    "X86_V4": ("AVX512F", "AVX512CD", "AVX512_SKX"),
}
# Of a group's sets, those that every older version chose code by.
_DECISIVE = {"X86_V2": {"SSE42"}, "X86_V3": {"AVX2", "FMA3"}, "X86_V4": {"AVX512_SKX"}}


def numpy_pin(wanted: Wanted, here: Here) -> Pin:
    """Return what makes NumPy use what it used there, as far as this processor has it."""
    used = {tuple(one.simd) for one in wanted.processes if one.simd}
    if len(used) > 1:
        return Pin(reasons=["NumPy's dispatch was not the same in all processes, and one variable is for all"])
    there = {name for names in used for name in names}
    if not there or here.numpy is None or there == set(here.plain.simd):
        return Pin()
    surplus = [name for name in here.free.simd if name in here.numpy.dispatch and not _is_used(name, there)]
    dropped = [name for name in NUMPYS if name in here.variables]
    if not surplus:
        return Pin(dropped=dropped)
    names = [checked("NumPy's instruction sets", name, FEATURE) for name in surplus]
    return Pin({NUMPYS[0]: " ".join(names)}, dropped)


def _is_used(name: str, there: Set[str]) -> bool:
    """Whether an instruction set was in use, by its own name or by that of another version."""
    if name in there or (name in _GROUPS and _DECISIVE[name] <= there):
        return True
    return any(name in members for group, members in _GROUPS.items() if group in there)
