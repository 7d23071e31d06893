# SPDX-License-Identifier: Apache-2.0
"""Tells what numerics a replayed process used. It is loaded into that process, and is of the standard library alone.

Every Python that a replayed command starts imports it as its ``sitecustomize``, at the end of which it gives way to the
command's own, if there is one; `replay.execute.forkserver` loads it by its path. The words are those of
`envcap.hooks.startup`, a line each: ``began PID``, ``numerics JSON``, ``failed REASON``, ``ended PID``.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import Any

__all__ = ("load", "numerics", "tell")

_VARIABLE = "ENVCAP_READBACK"
"""Where to write, and the files of `envcap.collectors.numerics_probe` and `envcap.hooks.mapped`, a line each."""


def tell(where: str, probe: str, mapped: str) -> None:
    """Add to a file what the numerical libraries of this process use now, and that it ends."""
    try:
        import json

        line = f"numerics {json.dumps(numerics(probe, mapped))}"
    except Exception as err:  # noqa: BLE001  (the payload has ended well, and must go on doing so)
        line = f"failed {' '.join(f'{type(err).__name__}: {err}'.split())}"
    _say(where, f"{line}\nended {os.getpid()}\n")


def numerics(probe: str, mapped: str) -> dict[str, Any]:
    """Return what the numerical libraries of this process use now."""
    found: dict[str, Any] = load("numerics_probe", probe).LibraryProbe(load("mapped", mapped).mapped_files()).facts()
    return found


def _say(where: str, text: str) -> None:
    try:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(where, flags, 0o644)
        try:
            os.write(descriptor, text.encode("utf-8", "surrogateescape"))
        finally:
            os.close(descriptor)
    except OSError:
        return  # what is not told is found missing


def load(name: str, path: str) -> Any:
    """Return the module of a file."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(f"_envcap_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _begin() -> None:
    told = os.environ.get(_VARIABLE, "").split("\n")
    if len(told) == 3:  # whoever started this process may have taken the variable away
        where, probe, mapped = told
        _say(where, f"began {os.getpid()}\n")
        atexit.register(tell, where, probe, mapped)


def _give_way() -> None:
    """Let the command's own ``sitecustomize`` be imported in the place of this one; Python says if there is none."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if path != here]
    del sys.modules[__name__]
    __import__(__name__)


if __name__ == "sitecustomize":
    _begin()
    _give_way()
