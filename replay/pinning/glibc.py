# SPDX-License-Identifier: Apache-2.0
"""What glibc chooses its code by: ``GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,…`` masks what the job's host lacked.

The names are those that the glibc manual gives ("Hardware Capability Tunables"), which are those of
sysdeps/x86/cpu-tunables.c. They decide which code of libm and libmvec runs, and which directory of ``glibc-hwcaps``
libraries are loaded from.
"""

from __future__ import annotations

import re

from ..readback.differences import libm_of
from ..readback.wanted import LIBM_FLAGS, Wanted
from .base import Here, Pin

__all__ = ("glibc_pin",)

_VARIABLE = "GLIBC_TUNABLES"
_FLAGS = {
    **LIBM_FLAGS,
    "AVX512BW": "avx512bw",
    "AVX512CD": "avx512cd",
    "AVX512VL": "avx512vl",
    "BMI1": "bmi1",
    "BMI2": "bmi2",
    "LZCNT": "abm",
    "MOVBE": "movbe",
    "POPCNT": "popcnt",
    "SSE4_2": "sse4_2",
    "SSSE3": "ssse3",
}
_VERSION = re.compile(r"glibc (\d+)\.(\d+)")
_FIRST, _CPU, _PLAIN_NAMES = (2, 26), (2, 29), (2, 33)
# Before 2.33, what a processor has and what is usable were masked apart.
_USABLE = ("AVX", "AVX2", "AVX512DQ", "AVX512F", "FMA", "FMA4")


def glibc_pin(wanted: Wanted, here: Here) -> Pin:
    """Return what keeps glibc from using what the job's processor lacked."""
    found = _VERSION.match(here.libc)
    mask = _mask(wanted, here)
    if not mask:
        return Pin()
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if version < _FIRST:
        return Pin(reasons=[f"{here.libc or 'this C library'} has no tunables to mask {', '.join(mask)} with"])
    if version < _PLAIN_NAMES:
        mask += [f"{name}_Usable" for name in mask if name in _USABLE]
    name = f"glibc.{'cpu' if version >= _CPU else 'tune'}.hwcaps"
    return Pin({_VARIABLE: _with_mask(here.variables.get(_VARIABLE, ""), name, mask)})


def _mask(wanted: Wanted, here: Here) -> list[str]:
    """Return what is to be masked and is not yet, by the names of glibc's manual."""
    recorded = {name for one in wanted.libm or () for name in one.split()}
    active = {name for one in libm_of([here.plain]) for name in one.split()}
    surplus = active - recorded if wanted.libm is not None else set()
    if wanted.flags is not None:
        surplus |= {name for name, flag in _FLAGS.items() if flag in here.flags and flag not in wanted.flags}
    return sorted(surplus - wanted.masked)


def _with_mask(tunables: str, name: str, mask: list[str]) -> str:
    """Return tunables with more masked; others of the job's stay."""
    pairs = [one.partition("=") for one in tunables.split(":") if one]
    kept = [word for key, _, value in pairs if key == name for word in value.split(",") if word]
    masks = ",".join(dict.fromkeys([*kept, *(f"-{one}" for one in mask)]))
    return ":".join([*(f"{key}={value}" for key, _, value in pairs if key != name), f"{name}={masks}"])
