# SPDX-License-Identifier: Apache-2.0
"""Looks at the details of the node beside a payload that takes its time; on one node at most once a boot.

A job that is over sooner does without, unless one before it has looked: no job waits for that.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from ..collectors.node_details import KIND, MODULES, NOT_INSTALLED, REMEDY
from ..environment import Environment
from ..errors import EnvcapError
from ..fingerprint import Fingerprint, fingerprint
from ..memo import Memo
from ..model.components import NodeDetails
from ..model.descriptor import Descriptor
from ..model.manifest import Outcome
from ..redact import scrub_document
from ..revalidation import memorise_document, recalled_document
from ..store.keeper import Keeper
from ..store.local import LocalStore
from .variables import CONFIRM_VARIABLE, CONTEXT_VARIABLE

__all__ = ("KIND", "look_at_node")

_PATIENCE = 5.0
"""Seconds: a payload that runs longer is likely to outlast the look, too, and would not notice if it does not."""

_STEP = 0.05
_STEPS = 400
_PROGRAM = "envcap.collectors.node_details"


def look_at_node(
    environment: Environment, store: LocalStore, over_within: Callable[[float], bool]
) -> tuple[Descriptor | None, Outcome]:
    """Return the details of this node, and how looking at them ended. It never raises.

    Parameters
    ----------
    environment : `Environment`
    store : `LocalStore`
    over_within : callable
        Waits for some seconds, or until the payload is over, and returns whether it is.
    """
    try:
        installed = [module for module in MODULES.values() if _is_installed(module)]
        if not installed:
            return None, Outcome(status="absent", reason=f"its libraries are not installed: {REMEDY}")
        hardware = environment.host.get("hardware")
        state = fingerprint((), [sys.prefix, *installed, hardware.digest if hardware else "unknown"])
        memo = Memo()
        if (known := recalled_document(memo, KIND, state, store)) is not None:
            return known, Outcome(status="captured")
        details = None if over_within(_PATIENCE) else _asked(over_within)
        if details is None:
            return None, Outcome(status="absent", reason="not looked at: the job was over too soon")
        return _kept(details, memo, state, store)
    except EnvcapError as err:
        return None, Outcome(status="failed", reason=str(err))
    except Exception as err:  # noqa: BLE001  (the payload runs meanwhile, and must not notice)
        return None, Outcome(status="failed", reason=f"{type(err).__name__}: {err}")


def _is_installed(module: str) -> bool:
    from importlib.machinery import PathFinder

    return PathFinder.find_spec(module) is not None


def _kept(details: NodeDetails, memo: Memo, state: Fingerprint, store: LocalStore) -> tuple[Descriptor, Outcome]:
    keeper = Keeper(store)
    found = keeper.document(NodeDetails.checked(scrub_document(details.data, KIND)[0]))
    if keeper.failure is not None:
        return found, keeper.failure
    # What failed may work the next time.
    if set(details.failed.values()) <= {NOT_INSTALLED}:
        memorise_document(memo, KIND, state, found)
    return found, Outcome(status="captured")


def _asked(over_within: Callable[[float], bool]) -> NodeDetails | None:
    """Return what the program tells, `None` if the payload is over before."""
    import subprocess

    environ = {name: value for name, value in os.environ.items() if name not in (CONTEXT_VARIABLE, CONFIRM_VARIABLE)}
    asked = subprocess.Popen(
        [sys.executable, "-m", _PROGRAM],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    for _ in range(_STEPS):
        try:
            said, complaint = asked.communicate(timeout=_STEP)
            break
        except subprocess.TimeoutExpired:
            if over_within(0):
                os.killpg(asked.pid, signal.SIGKILL)
                return None
    else:
        # It is not waited for: what hangs in a driver does not even die.
        os.killpg(asked.pid, signal.SIGKILL)
        raise EnvcapError(f"the node's details were not told within {_STEPS * _STEP:g} s")
    if asked.returncode:
        last = complaint.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise EnvcapError(f"the node's details are not told: {last}")
    return NodeDetails.from_bytes(said)
