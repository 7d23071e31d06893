# SPDX-License-Identifier: Apache-2.0
"""What can be known only at the end of a job: the libraries really loaded, and the numerics in effect."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence

from ..collectors.effective_numerics import NumericsProbe
from ..collectors.loaded_libraries import describe_libraries
from ..environment import Environment
from ..errors import EnvcapError
from ..fingerprint import fingerprint
from ..memo import Memo
from ..model.components import EffectiveNumerics, LoadedLibraries, NumericsOfProcess
from ..model.descriptor import Descriptor
from ..model.document import parse_json
from ..model.manifest import Outcome
from ..redact import scrub_document
from ..revalidation import memorise_document, recalled_document
from ..store.base import ObjectStore
from ..store.keeper import Keeper
from .loads import count_loads
from .mapped import mapped_files

__all__ = (
    "LIBRARIES",
    "LOST",
    "NOTHING_LOADED",
    "NUMERICS",
    "Failed",
    "Observed",
    "Observer",
    "Snapshot",
    "observed_in_children",
)

LIBRARIES = "loaded_libraries"
NUMERICS = "effective_numerics"

NOTHING_LOADED = "no numerical library was loaded"
"""Why there are no numerics in effect, where that is a finding."""
LOST = "{lost} of {all} Python processes ended without saying what they had loaded (killed, or os._exit)"
"""Why it isn't known what was in effect in all of them."""

_NO_PYTHON = "the command ran no Python program, and from outside a program's libraries can't be seen"
_UNTOLD = "{prefix} told nothing: its Python has no envcap (pip install envcap there), or was told to start without it"


class Observed:
    """Components by kind, and how each ended."""

    def __init__(self) -> None:
        self.components: dict[str, Descriptor] = {}
        self.outcomes: dict[str, Outcome] = {}

    def add(self, kind: str, found: Descriptor | None, outcome: Outcome) -> None:
        """Add one more component, if there is one, and how it ended."""
        self.outcomes[kind] = outcome
        if found is not None:
            self.components[kind] = found

    @property
    def failures(self) -> dict[str, str]:
        """What failed, and why."""
        return {kind: o.reason or "" for kind, o in self.outcomes.items() if o.status == "failed"}


class Snapshot:
    """What a process had loaded, and what numerics were in effect, at one moment.

    Parameters
    ----------
    store : `ObjectStore`
    environment : `Environment`
        What was captured before.
    paths : sequence of `str`
        The libraries.
    numerics : `NumericsOfProcess` or `None`
    """

    def __init__(
        self, store: ObjectStore, environment: Environment, paths: Sequence[str], numerics: NumericsOfProcess | None
    ) -> None:
        self._store = store
        self._environment = environment
        self._paths = paths
        self._numerics = [numerics] if numerics else []
        self._found: Observed | None = None

    def documented(self) -> Observed:
        """Return it as components, made once. It never raises."""
        if self._found is None:
            try:
                prefixes = (sys.prefix, sys.base_prefix)
                fingerprints = self._environment.fingerprints
                self._found = _observed(self._store, self._paths, self._numerics, prefixes, fingerprints)
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
        self._store = store
        self._environment = environment
        self._loads: object = None
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
            changing = self._probe.changing()
            if self._last is None or changed or changing != self._changing:
                self._last = Snapshot(self._store, self._environment, self._paths, self._probe.read())
                self._loads, self._changing = loads, changing
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


def _failed(error: Exception) -> Observed:
    found = Observed()
    failed = Outcome(status="failed", reason=f"{type(error).__name__}: {error}")
    found.outcomes = {LIBRARIES: failed, NUMERICS: failed}
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
        found.outcomes = dict.fromkeys((LIBRARIES, NUMERICS), Outcome(status="absent", reason=reason))
        return found
    bases = [line.removeprefix("base ") for line in said if line.startswith("base ")]
    paths = sorted({line.removeprefix("library ") for line in said if line.startswith("library ")})
    try:
        numerics = [
            NumericsOfProcess.checked(parse_json(line.removeprefix("numerics ").encode("utf-8", "replace")))
            for line in said
            if line.startswith("numerics ")
        ]
        prefixes = (environment.prefix, bases[0] if bases else "")
        found = _observed(store, paths, numerics, prefixes, environment.fingerprints)
    except EnvcapError as err:
        failed = Outcome(status="failed", reason=str(err))
        found.outcomes = {LIBRARIES: failed, NUMERICS: failed}
    if lost := len(began - ended):
        reason = LOST.format(lost=lost, all=len(began))
        for kind in (LIBRARIES, NUMERICS):
            found.outcomes[kind] = Outcome(status="failed", reason=reason)
    return found


def _observed(
    store: ObjectStore,
    paths: Sequence[str],
    numerics: Iterable[NumericsOfProcess],
    prefixes: tuple[str, str],
    fingerprints: Mapping[str, str],
) -> Observed:
    found = Observed()
    keeper = Keeper(store)
    subject = "libraries\n" + "\n".join(paths)
    state = fingerprint(paths, [*prefixes, *(f"{kind} {value}" for kind, value in sorted(fingerprints.items()))])
    memo = Memo()
    unknown: Outcome | None = None
    libraries = recalled_document(memo, subject, state, store)
    if libraries is None:
        owners, unknown = _owners(paths)
        described = describe_libraries(paths, list(zip(prefixes, ("{prefix}", "{base_prefix}"), strict=True)), owners)
        clean, _ = scrub_document(described.data, LIBRARIES)
        libraries = keeper.document(LoadedLibraries.checked(clean))
        if unknown is None and keeper.failure is None and state.is_settled(time.time_ns()):
            memorise_document(memo, subject, state, libraries)
    found.components[LIBRARIES] = libraries
    distinct = {one.to_bytes(): one for one in numerics}
    if distinct:
        effective = EffectiveNumerics(processes=[distinct[key] for key in sorted(distinct)])
        found.components[NUMERICS] = keeper.document(effective)
    captured = keeper.failure or Outcome(status="captured")
    found.outcomes[LIBRARIES] = unknown or captured
    found.outcomes[NUMERICS] = captured if distinct else Outcome(status="absent", reason=NOTHING_LOADED)
    return found


def _owners(paths: Sequence[str]) -> tuple[dict[str, str], Outcome | None]:
    """Return the owners of files, and an outcome if they can't be told."""
    try:
        from ..collectors.owners import owners_of

        return owners_of(sorted(set(paths))), None
    except (EnvcapError, OSError) as err:
        return {}, Outcome(status="failed", reason=f"who owns the libraries can't be told: {err}")
