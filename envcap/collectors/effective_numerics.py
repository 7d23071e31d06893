# SPDX-License-Identifier: Apache-2.0
"""The numerics in effect in this process: what NumPy's dispatch and the loaded BLAS and OpenMP libraries really use.

Names of requests change with versions and are ignored silently, so the libraries are asked. Only what is loaded is
looked at, nothing is loaded for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from ..model.components import NumericalLibrary, NumericsOfProcess

__all__ = ("numerics_of_this_process",)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from typing import Any

_NUMPY = ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath")
# OpenBLAS's builds differ in what they put around the names (64-bit integers; the builds of NumPy's wheels).
_AROUND = [(before, after) for before in ("", "scipy_") for after in ("", "64_", "_64")]
_OPENMP = ("libgomp", "libiomp", "libomp")


def numerics_of_this_process(paths: Iterable[str]) -> NumericsOfProcess | None:
    """Return the numerics in effect; `None` if no numerical library is loaded.

    Parameters
    ----------
    paths : iterable of `str`
        The libraries that this process has loaded.
    """
    libraries = [found for path in sorted(paths) if (found := _ask(path)) is not None]
    simd = _numpy_simd()
    if simd is None and not libraries:
        return None
    return NumericsOfProcess(simd=simd or [], libraries=libraries, cpus=len(os.sched_getaffinity(0)))


def _numpy_simd() -> list[str] | None:
    """Return the instruction sets that NumPy was built for or dispatches to, and uses here."""
    module: Any = next((sys.modules[name] for name in _NUMPY if name in sys.modules), None)
    if module is None:
        return None
    enabled = module.__cpu_features__
    return sorted(name for name in (*module.__cpu_baseline__, *module.__cpu_dispatch__) if enabled.get(name))


def _ask(path: str) -> NumericalLibrary | None:
    name = os.path.basename(path)
    if "openblas" in name:
        return _ask_openblas(name, path)
    if name.startswith(_OPENMP):
        threads = _function(_opened(path), "omp_get_max_threads")
        return NumericalLibrary(library=name, kind="openmp", threads=threads() if threads else None)
    return None


def _ask_openblas(name: str, path: str) -> NumericalLibrary:
    import ctypes

    library = _opened(path)
    facts: dict[str, Any] = {}
    for member, function in (("kernel", "corename"), ("configuration", "config"), ("threads", "num_threads")):
        for before, after in _AROUND:
            found = _function(library, f"{before}openblas_get_{function}{after}")
            if found is not None:
                found.restype = ctypes.c_int if member == "threads" else ctypes.c_char_p
                value = found()
                facts[member] = value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else value
                break
    return NumericalLibrary(library=name, kind="openblas", **facts)


def _opened(path: str) -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_NOW)


def _function(library: ctypes.CDLL, name: str) -> Any:
    return getattr(library, name, None)
