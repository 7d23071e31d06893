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


def _say_what_is_loaded() -> None:
    try:
        from .imported import imported_modules
        from .mapped import mapped_files

        paths = mapped_files()
        numerics = None
        if "numpy" in sys.modules or any("openblas" in path for path in paths):
            from ..collectors.effective_numerics import NumericsProbe

            numerics = NumericsProbe(paths).read()
        lines = [f"library {path}" for path in paths]
        lines += [f"module {name} {path}" for name, path in imported_modules()]
        if numerics is not None:
            lines.append(f"numerics {numerics.to_bytes().decode('utf-8')}")
        say("\n".join((*lines, f"ended {os.getpid()}")))
    except Exception as err:  # noqa: BLE001  (the payload has ended well, and must go on doing so)
        say(f"degraded libraries: {type(err).__name__}: {err}")


watch_imports()
atexit.register(_say_what_is_loaded)
say(f"prefix {sys.prefix}\nbase {sys.base_prefix}\nbegan {os.getpid()}")
