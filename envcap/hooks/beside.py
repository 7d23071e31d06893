# SPDX-License-Identifier: Apache-2.0
"""Looking at something while the payload runs: whatever goes wrong with that is an outcome."""

from __future__ import annotations

from collections.abc import Callable

from ..collectors.base import Absent
from ..errors import EnvcapError
from ..model.descriptor import Descriptor
from ..model.document import Document
from ..model.manifest import Outcome
from ..redact import scrub_document
from ..store.keeper import Keeper
from ..store.local import LocalStore

__all__ = ("Seen", "look_beside")

Seen = tuple[Descriptor | None, Outcome]
"""A component, if there is one, and how looking for it ended."""


def look_beside(kind: str, find: Callable[[], Document], store: LocalStore) -> Seen:
    """Return what is found, kept without credentials. It never raises: the payload must not notice."""
    try:
        document = find()
        keeper = Keeper(store)
        clean, _ = scrub_document(document.data, kind)
        found = keeper.document(document if clean is document.data else document.checked(clean))
    except Absent as err:
        return None, Outcome(status="absent", reason=str(err))
    except EnvcapError as err:
        return None, Outcome(status="failed", reason=str(err))
    except Exception as err:  # noqa: BLE001  (whatever is wrong with what is looked at is recorded as such)
        return None, Outcome(status="failed", reason=f"{type(err).__name__}: {err}")
    return found, keeper.failure or Outcome(status="captured")
