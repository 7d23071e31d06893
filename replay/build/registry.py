# SPDX-License-Identifier: Apache-2.0
"""The engines by name."""

from __future__ import annotations

from .base import Engine
from .host import HostEngine
from .venv import VenvEngine

__all__ = ("AUTO", "ENGINES", "engine")

ENGINES: dict[str, type[Engine]] = {cls.name: cls for cls in (VenvEngine, HostEngine)}
AUTO = "venv"
"""What ``--engine auto`` takes. Never ``host``: that one must be asked for by name."""


def engine(name: str) -> Engine:
    """Return an engine by its name."""
    return ENGINES[AUTO if name == "auto" else name]()
