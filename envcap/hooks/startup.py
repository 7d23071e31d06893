# SPDX-License-Identifier: Apache-2.0
"""Runs at the start of every Python under `envcap run`, by way of ``envcap.pth``; imports nothing heavy.

It waits until the job is recorded, tells `envcap run` which interpreter this is, waits for the modules that a hook
wraps to be imported, and tells at the end what the process had loaded.
"""

from __future__ import annotations

import atexit
import os
import sys

from .importing import watch_imports
from .telling import is_payload, say
from .variables import CONTEXT_VARIABLE, TO_COME

__all__ = ()


def _say_what_is_loaded() -> None:
    try:
        from .observed import observed_now

        found = observed_now()
        lines = [f"library {path}" for path in found.paths]
        lines += [f"module {name} {path}" for name, path in found.modules]
        if found.numerics is not None:
            import json

            lines.append(f"numerics {json.dumps(found.numerics)}")
        say("\n".join((*lines, f"ended {os.getpid()}")))
    except Exception as err:  # noqa: BLE001  (the payload has ended well, and must go on doing so)
        say(f"degraded libraries: {type(err).__name__}: {err}")


told = os.environ.get(CONTEXT_VARIABLE, "")
if told == TO_COME or (told.startswith(TO_COME) and not is_payload()):
    from .awaiting import await_context

    await_context()
if CONTEXT_VARIABLE in os.environ:
    watch_imports()
    atexit.register(_say_what_is_loaded)
    say(f"prefix {sys.prefix}\nbase {sys.base_prefix}\nbegan {os.getpid()}")
