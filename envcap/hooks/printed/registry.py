# SPDX-License-Identifier: Apache-2.0
"""The systems that `envcap hook` knows."""

from __future__ import annotations

from .base import PrintedHook
from .bps import BpsHook
from .jupyter import JupyterHook
from .pipetask import PipetaskHook
from .slurm import SlurmHook

__all__ = ("PRINTED_HOOKS",)

PRINTED_HOOKS: tuple[type[PrintedHook], ...] = (BpsHook, JupyterHook, PipetaskHook, SlurmHook)
