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
"""The file, and those of `envcap.collectors.numerics_probe` and `envcap.hooks.mapped`, a line each."""

_HELPERS = (b"resource_tracker import main", b"forkserver import main")
"""What the command lines of the helpers of `multiprocessing` have in them: they end after the payload, if at all."""

_loaded: dict[str, Any] = {}


def tell(descriptor: int, probe: str, mapped: str) -> None:
    """Add to a file what the numerical libraries of this process use now, and that it ends."""
    try:
        import json

        line = f"numerics {json.dumps(numerics(probe, mapped))}"
    except Exception as err:  # noqa: BLE001  (the payload has ended well, and must go on doing so)
        line = f"failed {' '.join(f'{type(err).__name__}: {err}'.split())}"
    _say(descriptor, f"{line}\nended {os.getpid()}\n")


def _say(descriptor: int, text: str) -> None:
    try:
        os.write(descriptor, text.encode("utf-8", "surrogateescape"))
    except OSError:
        return  # what is not told is found missing


def numerics(probe: str, mapped: str) -> dict[str, Any]:
    """Return what the numerical libraries of this process use now."""
    found: dict[str, Any] = load(probe).LibraryProbe(load(mapped).mapped_files()).facts()
    return found


def load(path: str) -> Any:
    """Return the module of a file, executed once."""
    from importlib.util import module_from_spec, spec_from_file_location

    if path not in _loaded:
        name = os.path.basename(path).removesuffix(".py")
        spec = spec_from_file_location(f"_envcap_{name}", path)
        assert spec is not None
        assert spec.loader is not None
        _loaded[path] = module_from_spec(spec)
        spec.loader.exec_module(_loaded[path])
    return _loaded[path]


def _begin() -> None:
    told = os.environ.get(_VARIABLE, "").split("\n")
    descriptor = None if _is_helper() else _opened(told[0])
    if descriptor is not None:
        _say(descriptor, f"began {os.getpid()}\n")
        os.close(descriptor)
        atexit.register(_end, *told)


def _is_helper() -> bool:
    try:
        with open("/proc/self/cmdline", "rb") as stream:  # `sys.orig_argv` came with Python 3.10
            words = stream.read()
    except OSError:
        return False
    return any(helper in words for helper in _HELPERS)


def _end(path: str, probe: str, mapped: str) -> None:
    descriptor = _opened(path)
    if descriptor is not None:
        tell(descriptor, probe, mapped)
        os.close(descriptor)


def _opened(path: str) -> int | None:
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None


def _give_way() -> None:
    """Let the command's own ``sitecustomize`` be imported in the place of this one; Python says if there is none."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if path != here]
    del sys.modules[__name__]
    __import__(__name__)


if __name__ == "sitecustomize":
    _begin()
    _give_way()
