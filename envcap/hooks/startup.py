# SPDX-License-Identifier: Apache-2.0
"""Runs at the start of every Python under `envcap run`, by way of ``envcap.pth``; imports nothing heavy.

It tells `envcap run` which interpreter this is, waits for the modules that a hook wraps to be imported, and tells at
the end what the process had loaded.
"""

from __future__ import annotations

import atexit
import os
import sys

from .importing import say, watch_imports

__all__ = ()

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from ..model.components import NumericsOfProcess
    from .imported import Imported

    _Loaded: TypeAlias = tuple[Sequence[str], Sequence[NumericsOfProcess], Imported]


def _say_what_is_loaded() -> None:
    try:
        paths, numerics, modules = _observed() or _looked_at()
        lines = [f"library {path}" for path in paths]
        lines += [f"module {name} {path}" for name, path in modules]
        lines += [f"numerics {one.to_bytes().decode('utf-8')}" for one in numerics]
        say("\n".join((*lines, f"ended {os.getpid()}")))
    except Exception as err:  # noqa: BLE001  (the payload has ended well, and must go on doing so)
        say(f"degraded libraries: {type(err).__name__}: {err}")


def _observed() -> _Loaded | None:
    """Return what is loaded, if a hook has observed this process."""
    module = sys.modules.get("envcap.hooks.observed")
    loaded = module.loaded_now() if module is not None else None
    return (loaded.paths, loaded.numerics, loaded.modules) if loaded is not None else None


def _looked_at() -> _Loaded:
    from .imported import imported_modules
    from .mapped import mapped_files

    paths = mapped_files()
    numerics = None
    if "numpy" in sys.modules or any("openblas" in path for path in paths):
        from ..collectors.effective_numerics import NumericsProbe

        numerics = NumericsProbe(paths).read()
    return paths, [numerics] if numerics is not None else [], imported_modules()


watch_imports()
atexit.register(_say_what_is_loaded)
say(f"prefix {sys.prefix}\nbase {sys.base_prefix}\nbegan {os.getpid()}")
