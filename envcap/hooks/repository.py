# SPDX-License-Identifier: Apache-2.0
"""Which repository a butler is of. The one of ``run-qbb``, under BPS, does not know; what makes its datastore does."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

__all__ = ("around_datastore", "repository")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_by_datastore: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def around_datastore(original: Callable[..., Any], guarded: Callable[[str], Any]) -> Callable[..., Any]:
    """Return what makes a datastore from a repository's configuration, and remembers which one that was."""

    def instantiate(config: Any, *args: Any, **others: Any) -> Any:
        made = original(config, *args, **others)
        with guarded("repository"):
            if config.configDir is not None:
                _by_datastore[made[0]] = str(config.configDir)
        return made

    return instantiate


def repository(butler: Any) -> str | None:
    """Return the URI of the repository, if this kind of butler knows it."""
    config = getattr(butler, "_config", None)
    folder = getattr(config, "configDir", None)
    if folder is not None:
        return str(folder)
    datastore = getattr(butler, "_datastore", None)
    return _by_datastore.get(datastore) if datastore is not None else None
