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
"""The file, and those of `envcap.collectors.numerics_probe`, `envcap.hooks.mapped` and `.multiprocess`, a line each."""

_HELPERS = (b"resource_tracker import main", b"forkserver import main")
"""What the command lines of the helpers of `multiprocessing` have in them: they end after the payload, if at all."""

_loaded: dict[str, Any] = {}


def tell(descriptor: int, probe: str, mapped: str) -> None:
    """Add to a file what the numerical libraries of this process use now, and that it ends."""
    try:
        import json

        line = f"numerics {json.dumps(numerics(probe, mapped))}\n"
    except Exception as err:  # noqa: BLE001  (the payload has ended well, and must go on doing so)
        line = _fails(err)
    _say(descriptor, f"{line}ended {os.getpid()}\n")


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
    if not _is_helper() and _tell(told[0], _begins()):
        *ours, multiprocess = told
        atexit.register(_end, *ours)
        sys.meta_path.insert(0, _Multiprocessing(multiprocess, ours))


class _Multiprocessing:
    """Finds modules as Python does, and has the processes of `multiprocessing` tell."""

    def __init__(self, hook: str, told: list[str]) -> None:
        self._hook = hook
        self._told = told

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in ("multiprocessing.util", "multiprocessing.pool"):
            return None
        from importlib.machinery import PathFinder

        spec: Any = PathFinder.find_spec(name, path)
        if spec is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            self._follow(module)

        spec.loader.exec_module = exec_module
        return spec

    def _follow(self, module: Any) -> None:
        path = self._told[0]
        try:
            load(self._hook).follow(module, lambda: _tell(path, _begins()), lambda: _end(*self._told), lambda: None)
        except Exception as err:  # noqa: BLE001  (the payload must not notice)
            _tell(path, _fails(err))


def _begins() -> str:
    return f"began {os.getpid()}\n"


def _fails(error: Exception) -> str:
    return f"failed {' '.join(f'{type(error).__name__}: {error}'.split())}\n"


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


def _tell(path: str, line: str) -> bool:
    descriptor = _opened(path)
    if descriptor is None:
        return False
    _say(descriptor, line)
    os.close(descriptor)
    return True


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
