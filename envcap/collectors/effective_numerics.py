# SPDX-License-Identifier: Apache-2.0
"""The numerics in effect in this process: what NumPy's dispatch and the loaded BLAS and OpenMP libraries really use.

Names of requests change with versions and are ignored silently, so the libraries are asked. Only what is loaded is
looked at, nothing is loaded for it.
"""

from __future__ import annotations

from ..model.components import NumericsOfProcess
from .numerics_probe import LIBM, LibraryProbe

__all__ = ("NumericsProbe", "is_numerical_process")


class NumericsProbe(LibraryProbe):
    """Asks the numerical libraries among some that this process has loaded, again and again for little."""

    def read(self) -> NumericsOfProcess | None:
        """Return the numerics in effect; `None` if no numerical library is loaded."""
        found = NumericsOfProcess.checked(self.facts())
        return found if is_numerical_process(found) else None


def is_numerical_process(found: NumericsOfProcess) -> bool:
    """Whether a process has loaded a numerical library: glibc's own functions are in every process."""
    return bool(found.simd) or any(library.kind != LIBM for library in found.libraries)
