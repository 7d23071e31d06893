# SPDX-License-Identifier: Apache-2.0
"""Proves, beside the payload, which file each distribution was installed from."""

from __future__ import annotations

from ..collectors.base import Absent
from ..errors import EnvcapError
from ..model.descriptor import Descriptor
from ..model.manifest import Outcome
from ..redact import scrub_document
from ..store.keeper import Keeper
from ..store.local import LocalStore
from ..target import Target

__all__ = ("KIND", "look_for_artifacts")

KIND = "python_artifacts"


def look_for_artifacts(target: Target, store: LocalStore) -> tuple[Descriptor | None, Outcome]:
    """Return where the distributions of an environment came from, and how the search ended. It never raises."""
    try:
        from ..artifacts.proof import prove_artifacts
        from ..model.components import PythonArtifacts

        keeper = Keeper(store)
        proved = prove_artifacts(target)
        found = keeper.document(PythonArtifacts.checked(scrub_document(proved.data, KIND)[0]))
    except Absent as err:
        return None, Outcome(status="absent", reason=str(err))
    except EnvcapError as err:
        return None, Outcome(status="failed", reason=str(err))
    except Exception as err:  # noqa: BLE001  (the payload runs meanwhile, and must not notice)
        return None, Outcome(status="failed", reason=f"{type(err).__name__}: {err}")
    return found, keeper.failure or Outcome(status="captured")
