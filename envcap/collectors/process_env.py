# SPDX-License-Identifier: Apache-2.0
"""Environment variables: an allow-list by value, the rest by name only.

Not even a hash of another value is kept: short secrets can be guessed from one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..errors import CollectorError
from ..model.components import ProcessEnv
from ..redact import SECRET_NAME, is_secret_name, scrub, scrubbed
from ..target import Target
from .base import Collected, Collector, Keep
from .numerics import is_numerical

__all__ = ("ALLOWED", "ALLOWED_PREFIXES", "PLACES", "ProcessEnvCollector", "extra_names")

ALLOWED = frozenset({
    "LANG", "LANGUAGE", "TZ", "SOURCE_DATE_EPOCH", "CUDA_VISIBLE_DEVICES",
    "PYTHONHASHSEED", "PYTHONOPTIMIZE", "PYTHONUTF8", "PYTHONINTMAXSTRDIGITS", "PYTHONSAFEPATH", "PYTHONNOUSERSITE",
    "PYTHONDEVMODE", "PYTHONMALLOC",
})  # fmt: skip
"""Variables that can decide a result and hold no place of this site. `numerics` has those of numerical libraries."""

ALLOWED_PREFIXES = ("LC_",)
"""Families of such variables."""

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
                variables[name] = _without_secret(name, _text(name, value))
            elif name not in PLACES and not is_numerical(name):
                others.append(name)
        places = {name: _without_secrets(target.environ[name]) for name in PLACES if name in target.environ}
        # Nearly always they are all harmless, which one look tells.
        together = "\n".join(others)
        others = others if scrub(together) == together else [scrub(name) for name in others]
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


def _without_secret(name: str, value: str) -> str:
    """Return a value without credentials; of a variable whose name tells, nothing stays, even if it was asked for."""
    return scrubbed(SECRET_NAME) if value and is_secret_name(name) else scrub(value)


def _without_secrets(value: str) -> str:
    """Return a list of paths without credentials, which may hide behind one another."""
    return os.pathsep.join(map(scrub, scrub(value).split(os.pathsep)))


def _is_allowed(name: str) -> bool:
    if name in ALLOWED:
        return True
    return name.startswith(ALLOWED_PREFIXES) and not is_secret_name(name)


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
