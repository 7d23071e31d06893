# SPDX-License-Identifier: Apache-2.0
"""Asks the numerical libraries that a process has loaded what they use.

Of the standard library alone, and without a relative import: a replay loads this very file into the process that it
reads back (`replay.readback`), where there may be no envcap.
"""

from __future__ import annotations

import os
import sys

__all__ = ("LIBM", "LibraryProbe", "is_numerical")

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

LIBM = "libm"
"""The kind of glibc's mathematical functions, which every process has loaded: alone they are no numerical library."""

_NUMPY = ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath")
# OpenBLAS's builds differ in what they put around the names (64-bit integers; the builds of NumPy's wheels).
_AROUND = [(before, after) for before in ("", "scipy_") for after in ("", "64_", "_64")]
_OPENMP = ("libgomp", "libiomp", "libomp")
# What glibc's libm and libmvec choose their code by (sysdeps/x86_64/fpu/multiarch/ifunc-*.h): the leaf, register and
# bit of each as <sys/platform/x86.h> numbers them; registers are eax, ebx, ecx, edx.
_LIBM_FEATURES = {
    "AVX": (0, 2, 28),
    "AVX2": (1, 1, 5),
    "AVX512DQ": (1, 1, 17),
    "AVX512F": (1, 1, 16),
    "FMA": (0, 2, 12),
    "FMA4": (2, 2, 16),
    "SSE4_1": (0, 2, 19),
}

# mkl_types.h: the branches of conditional numerical reproducibility, and what is asked for with MKL_CBWR_Get.
_MKL_BRANCHES = {1: "OFF", 2: "AUTO", 3: "COMPATIBLE", 4: "SSE2", 6: "SSSE3", 7: "SSE4_1", 8: "SSE4_2", 9: "AVX",
                 10: "AVX2", 11: "AVX512_MIC", 12: "AVX512", 13: "AVX512_MIC_E1", 14: "AVX512_E1"}  # fmt: skip
_MKL_BRANCH = 1


class LibraryProbe:
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

    def facts(self) -> dict[str, Any]:
        """Return the members of `envcap.model.components.NumericsOfProcess`."""
        threads = self.changing()[:-1]
        libraries = [
            {**one.facts, "threads": count} if count is not None else dict(one.facts)
            for one, count in zip(self._libraries, threads, strict=True)
        ]
        return {"simd": _numpy_simd() or [], "libraries": libraries, "cpus": len(os.sched_getaffinity(0))}

    def numerics(self) -> dict[str, Any] | None:
        """Return the facts; `None` if no numerical library is loaded."""
        found = self.facts()
        return found if is_numerical(found) else None


def is_numerical(facts: Mapping[str, Any]) -> bool:
    """Whether a process has loaded a numerical library: glibc's own functions are in every process."""
    return bool(facts["simd"]) or any(library["kind"] != LIBM for library in facts["libraries"])


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
    if name.startswith("libmkl_rt"):
        return _mkl(name, path)
    if name == "libm.so.6":
        return _libm(name)
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


def _mkl(name: str, path: str) -> _Library:
    """Return the branch that MKL was told to take; after ``OFF`` or ``AUTO``, the one that it chose itself."""
    library = _opened(path)
    facts = {"library": name, "kind": "mkl"}
    told, chosen = _function(library, "MKL_CBWR_Get"), _function(library, "MKL_CBWR_Get_Auto_Branch")
    if told is not None and chosen is not None:
        branch, own = (_MKL_BRANCHES.get(number, str(number)) for number in (told(_MKL_BRANCH), chosen()))
        facts["kernel"] = f"{branch} {own}" if branch in ("OFF", "AUTO") else branch
    return _Library(facts, _function(library, "MKL_Get_Max_Threads"))


def _libm(name: str) -> _Library | None:
    """Return what glibc goes by on this x86 processor, masks of ``GLIBC_TUNABLES`` applied; it tells since 2.33."""
    import ctypes

    leaf_of = _function(ctypes.CDLL(None), "__x86_get_cpuid_feature_leaf")
    if leaf_of is None:
        return None
    leaf_of.restype = ctypes.POINTER(ctypes.c_uint * 8)  # struct cpuid_feature: what the processor has, what is active
    active = {leaf: leaf_of(leaf).contents[4:] for leaf in sorted({place[0] for place in _LIBM_FEATURES.values()})}
    found = [name for name, (leaf, register, bit) in _LIBM_FEATURES.items() if active[leaf][register] >> bit & 1]
    return _Library({"library": name, "kind": LIBM, "kernel": " ".join(found)}, None)


def _opened(path: str) -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_NOW)


def _function(library: ctypes.CDLL, name: str) -> Any:
    return getattr(library, name, None)
