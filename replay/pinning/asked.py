# SPDX-License-Identifier: Apache-2.0
"""Tells what numerical libraries use in the environment that it runs in. A program of its own, of the standard library.

``python asked.py TELLING PROBE MAPPED LIBRARIES MODULE…`` imports the modules, one after the other, until all of the
LIBRARIES (JSON) are loaded. What it found comes out as one line.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from contextlib import suppress
from typing import Any

__all__ = ()


def _main() -> None:
    telling, probe, mapped, libraries, *modules = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what modules print must not be taken for the answer
    wanted = set(json.loads(libraries))
    ask = _load(telling)
    found = ask.numerics(probe, mapped)
    for name in modules:
        with suppress(ImportError):
            importlib.import_module(name)
        found = ask.numerics(probe, mapped)
        if wanted <= {one["library"] for one in found["libraries"]}:
            break
    answers.write(json.dumps({"numerics": found, "numpy": _numpy(), "libc": _libc()}) + "\n")


def _load(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("replay_telling", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _numpy() -> dict[str, Any] | None:
    numpy = sys.modules.get("numpy")
    for name in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        module: Any = sys.modules.get(name)
        if numpy is not None and module is not None:
            sets = {"baseline": list(module.__cpu_baseline__), "dispatch": list(module.__cpu_dispatch__)}
            return {"version": numpy.__version__, **sets}
    return None


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        return ""


if __name__ == "__main__":
    _main()
