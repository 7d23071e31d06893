# SPDX-License-Identifier: Apache-2.0
"""The numerics that are asked for: thread counts, kernels and instruction sets, by the variables that libraries read.

They decide bits of floating-point results on one and the same machine. What is really in effect is known only at the
end of the job: see `envcap.hooks.observed`.
"""

from __future__ import annotations

from ..model.components import Numerics
from ..redact import is_secret_name, scrub
from ..target import Target
from .base import Collected, Collector, Keep

__all__ = ("NUMERICAL", "NUMERICAL_PREFIXES", "NumericsCollector", "is_numerical")

NUMERICAL = frozenset({"GLIBC_TUNABLES", "CUBLAS_WORKSPACE_CONFIG", "XLA_FLAGS", "NVIDIA_TF32_OVERRIDE"})
"""Variables that choose how numbers are computed."""

NUMERICAL_PREFIXES = ("OMP_", "KMP_", "GOMP_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "VECLIB_", "NUMEXPR_", "NUMBA_",
                      "NPY_", "TORCH_", "TF_DETERMINISTIC")  # fmt: skip
"""Families of such variables."""

_BY_THREADPOOLCTL = ("KMP_DUPLICATE_LIB_OK", "True")
"""Set by threadpoolctl in every process that imports it, and so for all that this starts: `bps submit` does, a shell
does not. It tells who started the job. Any other value is somebody's choice."""

_PLACE_ENDS = ("_DIR", "_HOME", "_PATH", "_ROOT", "_FILE")


class NumericsCollector(Collector):
    """Reads the target's environment variables."""

    kind = "numerics"

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return the variables that are set; none is a finding too: the libraries' defaults apply."""
        found = (pair for pair in target.environ.items() if is_numerical(pair[0]) and pair != _BY_THREADPOOLCTL)
        return Collected(Numerics(variables={name: scrub(value) for name, value in found}))


def is_numerical(name: str) -> bool:
    """Whether a variable chooses how numbers are computed, and holds neither a place of this site nor a secret."""
    if name in NUMERICAL:
        return True
    return name.startswith(NUMERICAL_PREFIXES) and not name.endswith(_PLACE_ENDS) and not is_secret_name(name)
