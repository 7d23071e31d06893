# SPDX-License-Identifier: Apache-2.0
"""What was found on this node since it was started, by fingerprint: a job in a known environment reads it, no more.

It is a cache of this user's: without it, or with one that can't be read, everything is looked at again.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

from .digest import sha256_hex
from .fingerprint import Fingerprint
from .store.state import boot_id

__all__ = ("Memo", "cache_dir")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_VERSION = "1"
_MAX = 1 << 24


def cache_dir() -> str:
    """Return where this user's caches are: ``ENVCAP_CACHE``, else in the user's cache directory."""
    if named := os.environ.get("ENVCAP_CACHE"):
        return os.path.abspath(named)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "envcap")


class Memo:
    """Findings by subject: the last one of each, with the fingerprint that it stands for.

    Parameters
    ----------
    folder : `str`, optional
        By default the user's own, for this start of this node.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._folder = folder or os.path.join(cache_dir(), "memo", boot_id() or "unknown")

    def get(self, subject: str, state: Fingerprint) -> Any:
        """Return what was found when a subject had this fingerprint, `None` if that isn't known."""
        try:
            with open(self._path(subject), "rb") as stream:
                found = json.loads(stream.read(_MAX))
            if [found["version"], found["fingerprint"]] != [_VERSION, state.digest]:
                return None
            return found["found"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def put(self, subject: str, state: Fingerprint, found: object) -> None:
        """Keep what was found, as JSON, if it can be kept and holds no credential."""
        from .redact import scrub_document

        document = {"version": _VERSION, "fingerprint": state.digest, "found": found}
        if scrub_document(document)[1]:
            return
        path = self._path(subject)
        making = f"{path}.{os.getpid()}"
        with suppress(OSError):
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            try:
                with open(making, "w", encoding="utf-8") as stream:
                    stream.write(json.dumps(document))  # `json.dump` does it in Python, ten times as slowly
                os.rename(making, path)
            except OSError:
                with suppress(OSError):
                    os.unlink(making)

    def _path(self, subject: str) -> str:
        name = sha256_hex(subject.encode("utf-8", "surrogateescape"))[:32]
        return os.path.join(self._folder, f"{name}.json")
