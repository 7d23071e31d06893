# SPDX-License-Identifier: Apache-2.0
"""The numerics in effect in this process: what NumPy's dispatch and the loaded BLAS and OpenMP libraries really use.

Names of requests change with versions and are ignored silently, so the libraries are asked. Only what is loaded is
looked at, nothing is loaded for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping

from ..model.components import NumericalLibrary, NumericsOfProcess

__all__ = ("NumericsProbe",)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from typing import Any

_NUMPY = ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath")
# OpenBLAS's builds differ in what they put around the names (64-bit integers; the builds of NumPy's wheels).
_AROUND = [(before, after) for before in ("", "scipy_") for after in ("", "64_", "_64")]
_OPENMP = ("libgomp", "libiomp", "libomp")


class NumericsProbe:
    """Asks the numerical libraries among some that this process has loaded, again and again for little.

    Parameters
    ----------
    paths : iterable of `str`
        The libraries that this process has loaded.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._libraries = [found for path in sorted(paths) if (found := _library(path)) is not None]

    def changing(self) -> tuple[int | None, ...]:
        """Return what can change although no library is loaded: threads of each, and the CPUs of this process."""
        return (*(one.threads() if one.threads else None for one in self._libraries), len(os.sched_getaffinity(0)))

    def read(self) -> NumericsOfProcess | None:
        """Return the numerics in effect; `None` if no numerical library is loaded."""
        threads = self.changing()[:-1]
        simd = _numpy_simd()
        if simd is None and not self._libraries:
            return None
        libraries = [
            NumericalLibrary(**one.facts, threads=count) for one, count in zip(self._libraries, threads, strict=True)
        ]
        return NumericsOfProcess(simd=simd or [], libraries=libraries, cpus=len(os.sched_getaffinity(0)))


class _Library:
    """What a library says of itself once and for all, and the function that tells its threads."""

    def __init__(self, facts: Mapping[str, Any], threads: Callable[[], int] | None) -> None:
        self.facts = facts
        self.threads = threads


def _numpy_simd() -> list[str] | None:
    """Return the instruction sets that NumPy was built for or dispatches to, and uses here."""
    module: Any = next((sys.modules[name] for name in _NUMPY if name in sys.modules), None)
    if module is None:
        return None
    enabled = module.__cpu_features__
    return sorted(name for name in (*module.__cpu_baseline__, *module.__cpu_dispatch__) if enabled.get(name))


def _library(path: str) -> _Library | None:
    name = os.path.basename(path)
    if "openblas" in name:
        return _openblas(name, path)
    if name.startswith(_OPENMP):
        return _Library({"library": name, "kind": "openmp"}, _function(_opened(path), "omp_get_max_threads"))
    return None


def _openblas(name: str, path: str) -> _Library:
    import ctypes

    library = _opened(path)
    facts = {"library": name, "kind": "openblas"}
    for member, function in (("kernel", "corename"), ("configuration", "config")):
        if found := _openblas_function(library, function):
            found.restype = ctypes.c_char_p
            facts[member] = (found() or b"").decode("utf-8", "replace").strip()
    return _Library(facts, _openblas_function(library, "num_threads"))


def _openblas_function(library: ctypes.CDLL, name: str) -> Any:
    candidates = (_function(library, f"{before}openblas_get_{name}{after}") for before, after in _AROUND)
    return next((found for found in candidates if found is not None), None)


def _opened(path: str) -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_NOW)


def _function(library: ctypes.CDLL, name: str) -> Any:
    return getattr(library, name, None)
