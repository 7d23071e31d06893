# SPDX-License-Identifier: Apache-2.0
"""Looks at installed files beside the payload; on one node, at one environment at most once an hour."""

from __future__ import annotations

import time

from ..collectors.base import Absent
from ..environment import Environment
from ..errors import EnvcapError
from ..fingerprint import Fingerprint, fingerprint
from ..ids import timestamp
from ..memo import Memo
from ..model.components import InstalledFiles
from ..model.descriptor import Descriptor
from ..model.manifest import Outcome
from ..redact import scrub_document
from ..store.keeper import Keeper
from ..store.local import LocalStore
from ..target import Target

__all__ = ("KIND", "look_at_installed")

KIND = "installed_files"

_SECONDS = 3600


def look_at_installed(
    target: Target, environment: Environment, store: LocalStore, method: str | None
) -> tuple[Descriptor | None, Outcome]:
    """Return whether installed files are what was installed, and how looking at them ended. It never raises.

    Parameters
    ----------
    target : `Target`
    environment : `Environment`
    store : `LocalStore`
    method : `str` or `None`
        As `Installation.check` takes it. `None`: what was found within the last hour will do, else ``stat``.
    """
    memo = Memo()
    subject = f"installed_files {target.prefix}"
    state = fingerprint((), [f"{kind} {value}" for kind, value in sorted(environment.fingerprints.items())])
    if method is None and (known := _recalled(memo, subject, state, store)) is not None:
        return known
    try:
        from ..collectors.installed_files import STAT, Installation

        installation = Installation(target)
        files = installation.state()
        subject_of_files = f"{subject} {method or STAT} by state"
        known = _recalled(memo, subject_of_files, files, store, age=None) if method is None else None
        if known is not None:
            found = known[0]
        else:
            keeper = Keeper(store)
            checked = installation.check(method or STAT)
            found = keeper.document(InstalledFiles.checked(scrub_document(checked.data, KIND)[0]))
            if keeper.failure is not None:
                return found, keeper.failure
    except Absent as err:
        return None, Outcome(status="absent", reason=str(err))
    except EnvcapError as err:
        return None, Outcome(status="failed", reason=str(err))
    except Exception as err:  # noqa: BLE001  (the payload runs meanwhile, and must not notice)
        return None, Outcome(status="failed", reason=f"{type(err).__name__}: {err}")
    now = time.time_ns()
    if files.is_settled(now):
        memo.put(subject_of_files, files, {"component": found.data, "seen": now})
    memo.put(subject, state, {"component": found.data, "seen": now})
    return found, Outcome(status="captured")


def _recalled(
    memo: Memo, subject: str, state: Fingerprint, store: LocalStore, age: float | None = _SECONDS
) -> tuple[Descriptor, Outcome] | None:
    found = memo.get(subject, state)
    try:
        descriptor, seen = Descriptor.checked(found["component"]), int(found["seen"])
    except (EnvcapError, KeyError, TypeError, ValueError):
        return None
    if (age is not None and not 0 <= time.time_ns() - seen < age * 1e9) or not store.has(descriptor.digest):
        return None
    return descriptor, Outcome(status="captured", reason=f"as of {timestamp(seen)}")
