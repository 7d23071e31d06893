# SPDX-License-Identifier: Apache-2.0
"""What can be known only at the end of a job: what was really loaded and imported, and the numerics in effect."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from ..collectors.effective_numerics import NumericsProbe
from ..environment import Environment
from ..errors import EnvcapError
from ..model.components import NumericsOfProcess
from ..model.document import parse_json
from ..model.manifest import Outcome
from ..store.base import ObjectStore
from .imported import Imports
from .loaded import KINDS, Loaded, Observed, Remembered
from .loads import count_loads
from .mapped import mapped_files

__all__ = ("LOST", "Failed", "Observer", "Snapshot", "loaded_now", "observed_in_children")

LOST = "{lost} of {all} Python processes ended without saying what they had loaded (killed, or os._exit)"
"""Why it isn't known what was in effect in all of them."""

_NO_PYTHON = "the command ran no Python program, and from outside a program's libraries can't be seen"
_UNTOLD = "{prefix} told nothing: its Python has no envcap (pip install envcap there), or was told to start without it"


class Snapshot:
    """What a process had loaded, and what numerics were in effect, at one moment.

    Parameters
    ----------
    loaded : `Loaded`
    remembered : `Remembered`

    Attributes
    ----------
    loaded : `Loaded`
    """

    def __init__(self, loaded: Loaded, remembered: Remembered) -> None:
        self.loaded = loaded
        self._remembered = remembered
        self._found: Observed | None = None

    def documented(self) -> Observed:
        """Return it as components, made once. It never raises."""
        if self._found is None:
            try:
                self._found = self.loaded.documented(self._remembered)
            except Exception as err:  # noqa: BLE001  (the payload must not notice; the outcome says it)
                return _failed(err)  # it is not kept: the next quantum may have better luck
        return self._found


class Observer:
    """Observes this process, again and again: what has not changed since the last time costs next to nothing.

    Parameters
    ----------
    store : `ObjectStore`
    environment : `Environment`
        What was captured before.
    """

    def __init__(self, store: ObjectStore, environment: Environment) -> None:
        _latest[:] = [self]  # a notebook has one for each cell
        self._remembered = Remembered(store, (sys.prefix, sys.base_prefix), environment.fingerprints)
        self._loads: object = None
        self._imports = Imports()
        self._modules = 0
        self._paths: list[str] = []
        self._probe = NumericsProbe(())
        self._changing: tuple[int | None, ...] = ()
        self._last: Snapshot | None = None

    def observe(self) -> Snapshot | Failed:
        """Return what is loaded and in effect now. It never raises."""
        try:
            loads = count_loads()
            changed = loads is None or loads != self._loads
            if changed:
                self._paths = mapped_files()
                self._probe = NumericsProbe(self._paths)
            changing, modules = self._probe.changing(), len(sys.modules)
            if self._last is None or changed or changing != self._changing or modules != self._modules:
                numerics = self._probe.read()
                loaded = Loaded(self._paths, [numerics] if numerics else [], self._imports.now())
                self._last = Snapshot(loaded, self._remembered)
                self._loads, self._changing, self._modules = loads, changing, modules
        except Exception as err:  # noqa: BLE001  (the payload must not notice; the outcome says it)
            return Failed(err)
        return self._last


class Failed:
    """A snapshot that could not be taken."""

    def __init__(self, error: Exception) -> None:
        self._found = _failed(error)

    def documented(self) -> Observed:
        """Return why."""
        return self._found


def loaded_now() -> Loaded | None:
    """Return what this process has loaded, if it was observed before: what has not changed is not looked at again."""
    snapshot = _latest[0].observe() if _latest else None
    return snapshot.loaded if isinstance(snapshot, Snapshot) else None


_latest: list[Observer] = []
"""The last one that this process has made, if any."""


def _failed(error: Exception) -> Observed:
    found = Observed()
    failed = Outcome(status="failed", reason=f"{type(error).__name__}: {error}")
    found.outcomes = dict.fromkeys(KINDS, failed)
    return found


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
    began, ended = ({line.partition(" ")[2] for line in said if line.startswith(word)} for word in ("began ", "ended "))
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
    if lost := len(began - ended):
        reason = LOST.format(lost=lost, all=len(began))
        for kind in KINDS:
            found.outcomes[kind] = Outcome(status="failed", reason=reason)
    return found


def _said(lines: Sequence[str], word: str) -> Iterator[str]:
    """Yield what some lines say, those that begin with a word."""
    return (line.removeprefix(word) for line in lines if line.startswith(word))
