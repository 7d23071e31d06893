# SPDX-License-Identifier: Apache-2.0
"""The code path of MKL: ``MKL_ENABLE_INSTRUCTIONS`` bounds what it chooses by itself, ``MKL_CBWR`` names a branch.

A branch that is named gives other bits than the same one chosen freely may give, so each job gets what it had.
"""

from __future__ import annotations

from ..readback.wanted import Wanted
from .base import Here, Pin, libraries

__all__ = ("mkl_pin",)

_BOUND, _BRANCH = "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR"
# From the narrowest on. MKL takes these names for both.
_BOUNDS = ("SSE4_2", "AVX", "AVX2", "AVX512", "AVX512_E1")
_FREE, _BY_PROCESSOR = "OFF", "AUTO"
_BRANCHES = (*_BOUNDS, _BY_PROCESSOR, "COMPATIBLE")
"""On other processors than Intel's, MKL takes no bound, and tells ``AUTO`` whatever it was told, but for COMPATIBLE."""


def mkl_pin(wanted: Wanted, here: Here) -> Pin:
    """Return what makes MKL take the branch that it took, told or free."""
    there, plain = ({one.kernel for one in libraries(found, "mkl")} for found in (wanted.processes, [here.plain]))
    if not there or there == plain or (not plain and wanted.flags == here.flags):
        return Pin()
    if len(there) > 1 or None in there:
        return Pin(reasons=["MKL's branch was not told, or not the same in all processes"])
    told, _, chosen = str(*there).partition(" ")
    branch = chosen if told in (_FREE, _BY_PROCESSOR) else told
    if branch not in (_BOUNDS if told == _FREE else _BRANCHES):
        return Pin(reasons=[f"MKL's branch {branch} can't be asked for"])
    return Pin({_BOUND if told == _FREE else _BRANCH: branch})
