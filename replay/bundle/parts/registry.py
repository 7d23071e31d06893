# SPDX-License-Identifier: Apache-2.0
"""The parts of a bundle, in the order in which they go in and come out."""

from __future__ import annotations

from .base import Part
from .code import CodePart
from .conda import CondaPart
from .data import DataPart
from .debs import DebsPart
from .documents import DocumentsPart
from .image import ImagePart
from .wheels import WheelsPart

__all__ = ("PARTS",)

PARTS: tuple[Part, ...] = (DocumentsPart(), CodePart(), WheelsPart(), CondaPart(), DebsPart(), DataPart(), ImagePart())
