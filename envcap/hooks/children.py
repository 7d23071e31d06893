# SPDX-License-Identifier: Apache-2.0
"""What the payload's Python processes said they had loaded when they ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..environment import Environment
from ..errors import EnvcapError
from ..model.components import NumericsOfProcess
from ..model.document import parse_json
from ..model.manifest import Outcome
from ..store.base import ObjectStore
from .loaded import KINDS, Loaded, Observed, Remembered
from .telling import FORKS

__all__ = ("LOST", "UNHEARD", "observed_in_children", "unended")

LOST = "{lost} of {all} Python processes did not say what they had loaded (killed, ended by os._exit, or running still)"
"""Why it isn't known what was in effect in all of them."""
UNHEARD = "what processes that multiprocessing forked have loaded since then is not known"
"""What is not known where `multiprocessing` forks."""

_NO_PYTHON = "the command ran no Python program, and from outside a program's libraries can't be seen"
_UNTOLD = "{prefix} told nothing: its Python has no envcap (pip install envcap there), or was told to start without it"


def observed_in_children(store: ObjectStore, said: Sequence[str], environment: Environment) -> Observed:
    """Return what the payload's Python processes said they had loaded when they ended.

    Parameters
    ----------
    store : `ObjectStore`
    said : sequence of `str`
        The lines, as `envcap.hooks.startup` writes them.
    environment : `Environment`
        What was captured before.
    """
    began = set(_said(said, "began "))
    found = Observed()
    if not began:
        reason = _UNTOLD.format(prefix=environment.prefix) if environment.prefix else _NO_PYTHON
        found.outcomes = dict.fromkeys(KINDS, Outcome(status="absent", reason=reason))
        return found
    bases = [line.removeprefix("base ") for line in said if line.startswith("base ")]
    try:
        loaded = Loaded(
            sorted(set(_said(said, "library "))),
            [NumericsOfProcess.checked(parse_json(one.encode("utf-8", "replace"))) for one in _said(said, "numerics ")],
            [(name, path) for name, _, path in (one.partition(" ") for one in sorted(set(_said(said, "module "))))],
        )
        prefixes = (environment.prefix, bases[0] if bases else "")
        found = loaded.documented(Remembered(store, prefixes, environment.fingerprints))
    except EnvcapError as err:
        failed = Outcome(status="failed", reason=str(err))
        found.outcomes = dict.fromkeys(KINDS, failed)
    if FORKS in said:
        for kind, outcome in found.outcomes.items():
            reason = f"{outcome.reason}; {UNHEARD}" if outcome.reason else UNHEARD
            found.outcomes[kind] = Outcome(status=outcome.status, reason=reason)
    if lost := len(unended(said)):
        reason = LOST.format(lost=lost, all=len(began))
        for kind in KINDS:
            found.outcomes[kind] = Outcome(status="failed", reason=reason)
    return found


def unended(said: Sequence[str]) -> set[str]:
    """Return the pids of the processes that said that they began, and not that they end."""
    return {*_said(said, "began ")} - {*_said(said, "ended ")}


def _said(lines: Sequence[str], word: str) -> Iterator[str]:
    """Yield what some lines say, those that begin with a word."""
    return (line.removeprefix(word) for line in lines if line.startswith(word))
