# SPDX-License-Identifier: Apache-2.0
"""How the numerics that a replay used differ from those that the job used.

Processes are compared by the set of their values. How many processors a process may use is not compared: it decides
bits through the threads of the libraries alone, and those are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envcap.collectors.numerics_probe import LIBM
from envcap.model.components import NumericalLibrary, NumericsOfProcess
from envcap.printable import printable

from .wanted import Wanted, flags_here, libm_by_flags

__all__ = ("differences", "libm_of", "libraries_of")

_SHOWN = 6
_MEMBERS = ("kernel", "threads", "configuration")


def differences(
    wanted: Wanted,
    found: Sequence[NumericsOfProcess],
    *,
    is_partial: bool = False,
    is_shared: bool = False,
    flags: frozenset[str] | None = None,
) -> list[str]:
    """Return what differs, each in a few words.

    Parameters
    ----------
    wanted : `Wanted`
    found : sequence of `NumericsOfProcess`
    is_partial : `bool`
        Whether not all that a job loads was loaded: then only what was is compared.
    is_shared : `bool`
        Whether the job's process had run other jobs before, and may have loaded libraries for them.
    flags : `frozenset` of `str`, optional
        What the processor of the replay can do; by default, this host's.
    """
    told = [*_simd(wanted.processes, found, is_partial)]
    there, here = libraries_of(wanted.processes), libraries_of(found)
    for name in sorted(there.keys() | here.keys()):
        if name in there and name in here:
            told += _library(name, there[name], here[name])
        elif not (is_partial or (is_shared and name in there)):
            told.append(f"{name} was {'not loaded' if name in there else 'loaded, and was not then'}")
    told += _libm(wanted, found, flags_here() if flags is None else flags)
    return [printable(one, "") for one in told]


def libraries_of(processes: Sequence[NumericsOfProcess]) -> dict[str, list[NumericalLibrary]]:
    """Return what each library said of itself, by its name, glibc's libm left out."""
    found: dict[str, list[NumericalLibrary]] = {}
    for one in processes:
        for library in one.libraries:
            if library.kind != LIBM:
                found.setdefault(library.library, []).append(library)
    return found


def libm_of(processes: Sequence[NumericsOfProcess]) -> frozenset[str]:
    """Return what glibc's libm went by; empty where it doesn't tell."""
    return frozenset(library.kernel or "" for one in processes for library in one.libraries if library.kind == LIBM)


def _library(name: str, there: Sequence[NumericalLibrary], here: Sequence[NumericalLibrary]) -> Iterator[str]:
    for member in _MEMBERS:
        before, after = (sorted({_value(one, member) for one in found}) for found in (there, here))
        if before != after:
            yield f"{name} {member} {' and '.join(after)} instead of {' and '.join(before)}"
    if any(one.kind == "mkl" and one.kernel is None for one in (*there, *here)):
        yield f"{name} does not tell its branch"


def _value(library: NumericalLibrary, member: str) -> str:
    if member == "configuration":  # which names the kernel, too
        return " ".join(word for word in (library.configuration or "").split() if word != library.kernel)
    return str(getattr(library, member))


def _simd(there: Sequence[NumericsOfProcess], here: Sequence[NumericsOfProcess], is_partial: bool) -> Iterator[str]:
    before, after = ({tuple(one.simd) for one in found if one.simd} for found in (there, here))
    if before == after or (is_partial and not after):
        return
    if not (before and after):
        yield f"NumPy was {'' if after else 'not '}loaded"
        return
    lost = sorted({name for one in before for name in one} - {name for one in after for name in one})
    gained = sorted({name for one in after for name in one} - {name for one in before for name in one})
    told = [f"-{name}" for name in lost[:_SHOWN]] + [f"+{name}" for name in gained[:_SHOWN]]
    more = len(lost) + len(gained) - len(told)
    yield f"NumPy's dispatch {' '.join(told) or 'of some processes'}{f' and {more} more' if more else ''}"


def _libm(wanted: Wanted, found: Sequence[NumericsOfProcess], flags: frozenset[str]) -> Iterator[str]:
    there, here = wanted.libm, libm_of(found)
    if there is None:
        return
    if not here:
        # A glibc before 2.33 tells nothing, but the same processor and masks make it choose the same.
        if there != {libm_by_flags(flags, wanted.masked)}:
            yield "libm's choice can't be read back from this C library"
        return
    if there != here:
        before, after = ({name for one in side for name in one.split()} for side in (there, here))
        told = [f"-{name}" for name in sorted(before - after)] + [f"+{name}" for name in sorted(after - before)]
        yield f"libm goes by {' '.join(told) or 'other features in some processes'}"
