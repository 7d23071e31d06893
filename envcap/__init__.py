# SPDX-License-Identifier: Apache-2.0
"""Record what a batch job ran, as a content-addressed manifest.

Importing this package is free: it is imported inside users' jobs, so nothing is loaded until it is used.
"""

from __future__ import annotations

__all__ = ("__version__", "capture", "captured", "diff", "find")

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .differences import diff
    from .hooks.python_api import capture, captured
    from .store.selector import find

_WHERE = {
    "capture": "envcap.hooks.python_api",
    "captured": "envcap.hooks.python_api",
    "diff": "envcap.differences",
    "find": "envcap.store.selector",
    # What `%load_ext envcap` asks for.
    "load_ipython_extension": "envcap.hooks.notebook",
    "unload_ipython_extension": "envcap.hooks.notebook",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'envcap' has no attribute {name!r}")
    return getattr(__import__(_WHERE[name], fromlist=[name]), name)
