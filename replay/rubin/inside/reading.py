# SPDX-License-Identifier: Apache-2.0
"""Datasets of any storage class, read by the repository's own formatter, and put down as arrays by name."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from .frozen import Refused
from .opened import isolated_butler, source_butler
from .taken_apart import OpaqueError, take_apart

__all__ = ("put_down",)


def put_down(request: Mapping[str, Any]) -> None:
    """Read an output and its original, and write what is in them into two archives of NumPy.

    Raises
    ------
    Refused
        If one of them can't be read, or taken apart.
    """
    source = source_butler(request)
    remade = source if request["new_run"] else isolated_butler(request)
    asked = request["read"]
    for butler, side in ((source, "original"), (remade, "remade")):
        _put_down(butler, uuid.UUID(asked[side]), asked[f"{side}_archive"])


def _put_down(butler: Any, dataset: uuid.UUID, archive: str) -> None:
    import numpy as np

    ref = butler.get_dataset(dataset)
    if ref is None:
        raise Refused(f"dataset {dataset} is not in {butler}")
    try:
        parts = take_apart(butler.get(ref))
    except OpaqueError as err:
        raise Refused(str(err)) from err
    np.savez(archive, **parts)
