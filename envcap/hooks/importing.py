# SPDX-License-Identifier: Apache-2.0
"""Waits for the modules that a hook wraps to be imported.

Every Python under `envcap run` loads this, so it imports nothing heavy.
"""

from __future__ import annotations

import sys

from .telling import say

__all__ = ("PIPETASK", "watch_imports")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

PIPETASK = "lsst.ctrl.mpexec.cli.pipetask"
"""The module of pipetask's program, which imports everything, and runs nothing."""

_HOOKED = {
    "multiprocessing.popen_fork": "envcap.hooks.forks:tell_of_forks",
    "multiprocessing.popen_forkserver": "envcap.hooks.forks:tell_of_forks",
    PIPETASK: "envcap.hooks.awaiting:await_after",
    "lsst.pipe.base.single_quantum_executor": "envcap.hooks.pipetask:hook_executor",
    "lsst.pipe.base.quantum_graph._predicted": "envcap.hooks.pipetask:hook_graph",
}


_watching: list[_Finder] = []


def watch_imports() -> None:
    """See to it that the hooks are called for their modules, those that are imported already included."""
    if _watching:
        return
    _watching.append(_Finder())
    sys.meta_path.insert(0, _watching[0])
    for name, hook in _HOOKED.items():
        if name in sys.modules:
            _call(hook, sys.modules[name])


class _Finder:
    """Finds modules as Python does, and has the hook called once one of `_HOOKED` has been executed."""

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        hook = _HOOKED.get(name)
        if hook is None:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)  # type: ignore[arg-type]
            if spec is not None and spec.loader is not None:
                _call_after_execution(spec, hook)
                return spec
        return None


def _call_after_execution(spec: ModuleSpec, hook: str) -> None:
    loader = spec.loader
    execute = loader.exec_module  # type: ignore[union-attr]

    def exec_module(module: ModuleType) -> None:
        execute(module)
        _call(hook, module)

    loader.exec_module = exec_module  # type: ignore[union-attr, method-assign]


def _call(hook: str, module: ModuleType) -> None:
    try:
        where, _, function = hook.partition(":")
        getattr(__import__(where, fromlist=[function]), function)(module)
    except Exception as err:  # noqa: BLE001  (a hook that fails must not keep the payload from importing)
        say(f"degraded {hook.rpartition(':')[2]}: {type(err).__name__}: {err}")
