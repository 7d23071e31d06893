# SPDX-License-Identifier: Apache-2.0
"""Looks at installed files beside the payload; on one node, at one environment at most once an hour."""

from __future__ import annotations

import time

from ..collectors.base import NO_PYTHON
from ..environment import Environment
from ..errors import EnvcapError
from ..fingerprint import Fingerprint, fingerprint
from ..ids import timestamp
from ..memo import Memo
from ..model.components import InstalledFiles
from ..model.descriptor import Descriptor
from ..model.manifest import Outcome
from ..store.local import LocalStore
from ..target import Target
from .beside import Seen, look_beside

__all__ = ("KIND", "look_at_installed")

KIND = "installed_files"

_SECONDS = 3600
_DECISIVE = ("conda", "python_dists")
"""What tells, by its records, that something else is installed; a job's own code, say, does not."""


def look_at_installed(target: Target, environment: Environment, store: LocalStore, method: str | None) -> Seen:
    """Return whether installed files are what was installed, and how looking at them ended. It never raises.

    Parameters
    ----------
    target : `Target`
    environment : `Environment`
    store : `LocalStore`
    method : `str` or `None`
        As `Installation.check` takes it. `None`: what was found within the last hour will do, else ``stat``.
    """
    if not target.executable:
        return None, Outcome(status="absent", reason=NO_PYTHON)
    memo = Memo()
    subject = "\n".join((KIND, target.prefix, *target.path))
    state = fingerprint((), [f"{kind} {environment.fingerprints.get(kind)}" for kind in _DECISIVE])
    if method is None and (known := _recalled(memo, subject, state, store)) is not None:
        return known
    look = _Look(target, memo, subject, store, method)
    found, outcome = look_beside(KIND, look.find, store)
    if found is not None and outcome.status == "captured":
        now = time.time_ns()
        if look.files is not None and look.files.is_settled(now):
            memo.put(look.subject, look.files, {"component": found.data, "seen": now})
        memo.put(subject, state, {"component": found.data, "seen": now})
    return found, outcome


class _Look:
    """One look at all files; what was found when every file was in the same state is as good."""

    def __init__(self, target: Target, memo: Memo, subject: str, store: LocalStore, method: str | None) -> None:
        self._target = target
        self._memo = memo
        self._store = store
        self._method = method
        self.subject = f"{subject} by state"
        self.files: Fingerprint | None = None

    def find(self) -> InstalledFiles:
        from ..collectors.installed_files import STAT, Installation

        installation = Installation(self._target)
        self.files = installation.state()
        if self._method is None:
            known = _recalled(self._memo, self.subject, self.files, self._store, age=None)
            if known is not None and known[0] is not None:
                return InstalledFiles.from_bytes(self._store.get(known[0].digest))
        return installation.check(self._method or STAT)


def _recalled(
    memo: Memo, subject: str, state: Fingerprint, store: LocalStore, age: float | None = _SECONDS
) -> Seen | None:
    found = memo.get(subject, state)
    try:
        descriptor, seen = Descriptor.checked(found["component"]), int(found["seen"])
    except (EnvcapError, KeyError, TypeError, ValueError):
        return None
    if (age is not None and not 0 <= time.time_ns() - seen < age * 1e9) or not store.has(descriptor.digest):
        return None
    return descriptor, Outcome(status="captured", reason=f"as of {timestamp(seen)}")
