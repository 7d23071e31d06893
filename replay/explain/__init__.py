# SPDX-License-Identifier: Apache-2.0
"""Why two attempts differ: suspects by what is on record, and the cause by trying."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """Lets ``replay.explain(a, b)`` work, whether that name is found to be the function or this package."""

    def __call__(self, *jobs: Any, **options: Any) -> Any:
        from ..api import explain

        return explain(*jobs, **options)


sys.modules[__name__].__class__ = _Callable
