# SPDX-License-Identifier: Apache-2.0
"""Environment variables: an allow-list by value, the rest by name only.

Not even a hash of another value is kept: short secrets can be guessed from one.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import CollectorError
from ..model.components import ProcessEnv
from ..redact import is_secret_name, scrub
from ..target import Target
from .base import Collected, Collector, Keep

__all__ = ("ALLOWED", "ALLOWED_PREFIXES", "PLACES", "ProcessEnvCollector", "extra_names")

ALLOWED = frozenset({
    "LANG", "LANGUAGE", "TZ", "GLIBC_TUNABLES", "SOURCE_DATE_EPOCH", "CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES",
    "PYTHONHASHSEED", "PYTHONOPTIMIZE", "PYTHONUTF8", "PYTHONINTMAXSTRDIGITS", "PYTHONSAFEPATH", "PYTHONNOUSERSITE",
    "PYTHONDEVMODE", "PYTHONMALLOC", "XLA_FLAGS",
})  # fmt: skip
"""Variables that can decide a result and hold no place of this site."""

ALLOWED_PREFIXES = ("LC_", "OMP_", "KMP_", "GOMP_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "VECLIB_", "NUMEXPR_",
                    "NUMBA_", "NPY_", "TORCH_", "TF_DETERMINISTIC")  # fmt: skip
"""Families of such variables."""

_PLACE_ENDS = ("_DIR", "_HOME", "_PATH", "_ROOT", "_FILE")

PLACES = frozenset({
    "PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LD_PRELOAD", "VIRTUAL_ENV", "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV", "EUPS_PATH", "EUPS_DIR", "DAF_BUTLER_CONFIG_PATH", "DAF_BUTLER_REPOSITORY_INDEX", "TMPDIR",
})  # fmt: skip
"""Variables that say where things stand: kept as places, never as identity."""


class ProcessEnvCollector(Collector):
    """Reads the target's environment variables and the file mode mask."""

    kind = "process_env"

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return the variables of the allow-list and of ``--env``."""
        extra = extra_names(target.environ)
        variables = {}
        others = []
        for name, value in target.environ.items():
            if name.startswith("ENVCAP_"):
                continue
            if name in extra or _is_allowed(name):
                variables[name] = scrub(_text(name, value))
            elif name not in PLACES:
                others.append(name)
        places = {name: scrub(target.environ[name]) for name in PLACES if name in target.environ}
        return Collected(
            ProcessEnv(variables=variables, umask=_umask()),
            {"variables": places, "other_names": sorted(others)},
        )


def _text(name: str, value: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise CollectorError(f"the variable {name} is no Unicode text, and could not be set again as it was") from None
    return value


def _is_allowed(name: str) -> bool:
    if name in ALLOWED:
        return True
    return name.startswith(ALLOWED_PREFIXES) and not name.endswith(_PLACE_ENDS) and not is_secret_name(name)


def extra_names(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the names that ``envcap run --env NAME`` added to the allow-list."""
    return frozenset(filter(None, environ.get("ENVCAP_EXTRA_ENV", "").split(",")))


def _umask() -> str:
    # os.umask can only be read by setting it, which another thread would notice.
    with open("/proc/self/status", encoding="ascii", errors="replace") as stream:
        for line in stream:
            if line.startswith("Umask:"):
                return line.split()[1]
    return "unknown"
