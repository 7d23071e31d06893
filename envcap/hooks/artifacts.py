# SPDX-License-Identifier: Apache-2.0
"""Proves, beside the payload, which file each distribution was installed from."""

from __future__ import annotations

from ..model.components import PythonArtifacts
from ..store.local import LocalStore
from ..target import Target
from .beside import Seen, look_beside

__all__ = ("KIND", "look_for_artifacts")

KIND = "python_artifacts"


def look_for_artifacts(target: Target, store: LocalStore) -> Seen:
    """Return where the distributions of an environment came from, and how the search ended. It never raises."""

    def prove() -> PythonArtifacts:
        from ..artifacts.proof import prove_artifacts

        return prove_artifacts(target)

    return look_beside(KIND, prove, store)
