# SPDX-License-Identifier: Apache-2.0
"""What can be known only at the end of a job: the libraries really loaded, and the numerics in effect."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence

from ..collectors.effective_numerics import numerics_of_this_process
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
from ..store.base import ObjectStore
from ..store.keeper import Keeper
from .mapped import mapped_files

__all__ = ("LIBRARIES", "NUMERICS", "Observed", "Observer", "observed_in_children")

LIBRARIES = "loaded_libraries"
NUMERICS = "effective_numerics"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
        self._numerics: NumericsOfProcess | None = None
        self._found: Observed | None = None

    def observe(self) -> Observed:
        """Return what is loaded and in effect now. It never raises."""
        try:
            loads = _loads()
            changed = loads is None or loads != self._loads
            if changed:
                self._paths = mapped_files()
            numerics = numerics_of_this_process(self._paths)
            if self._found is None or changed or numerics != self._numerics:
                self._found = _observed(
                    self._store,
                    self._paths,
                    [numerics] if numerics else [],
                    (sys.prefix, sys.base_prefix),
                    self._environment.fingerprints,
                )
                self._loads, self._numerics = loads, numerics
        except Exception as err:  # noqa: BLE001  (the payload must not notice; the outcome says it)
            found = Observed()
            failed = Outcome(status="failed", reason=f"{type(err).__name__}: {err}")
            found.outcomes = {LIBRARIES: failed, NUMERICS: failed}
            return found
        return self._found


def _loads() -> object:
    """Return how often this process has loaded and unloaded libraries (dl_iterate_phdr(3)); `None` if nobody counts."""
    if "ctypes" not in sys.modules:
        return None
    import ctypes

    class Info(ctypes.Structure):
        _fields_ = [("addr", ctypes.c_void_p), ("name", ctypes.c_char_p), ("phdr", ctypes.c_void_p),
                    ("phnum", ctypes.c_uint16), ("adds", ctypes.c_ulonglong), ("subs", ctypes.c_ulonglong)]  # fmt: skip

    counted: list[tuple[int, int]] = []

    def count(info: Any, size: int, data: object) -> int:
        counted.append((info[0].adds, info[0].subs))
        return 1

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Info), ctypes.c_size_t, ctypes.c_void_p)(count)
    ctypes.CDLL(None).dl_iterate_phdr(callback, None)
    return counted[0] if counted else None


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
    paths = [line.removeprefix("library ") for line in said if line.startswith("library ")]
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
        reason = (
            f"{lost} of {len(began)} Python processes ended without saying what they had loaded (killed, or os._exit)"
        )
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
    owners, unknown = _owners(paths, fingerprints)
    libraries = describe_libraries(paths, list(zip(prefixes, ("{prefix}", "{base_prefix}"), strict=True)), owners)
    clean, _ = scrub_document(libraries.data, LIBRARIES)
    found.components[LIBRARIES] = keeper.document(LoadedLibraries.checked(clean))
    distinct = {one.to_bytes(): one for one in numerics}
    if distinct:
        effective = EffectiveNumerics(processes=[distinct[key] for key in sorted(distinct)])
        found.components[NUMERICS] = keeper.document(effective)
    captured = keeper.failure or Outcome(status="captured")
    found.outcomes[LIBRARIES] = unknown or captured
    found.outcomes[NUMERICS] = (
        captured if distinct else Outcome(status="absent", reason="no numerical library was loaded")
    )
    return found


def _owners(paths: Sequence[str], fingerprints: Mapping[str, str]) -> tuple[dict[str, str], Outcome | None]:
    """Return the owners of files, looked for once as long as neither the files nor what is installed change."""
    memo = Memo()
    known = sorted(set(paths))
    subject = "owners " + "\n".join(known)
    state = fingerprint(known, [f"{kind} {value}" for kind, value in sorted(fingerprints.items())])
    if (recalled := memo.get(subject, state)) is not None:
        return dict(recalled), None
    try:
        from ..collectors.owners import owners_of

        found = owners_of(known)
    except (EnvcapError, OSError) as err:
        return {}, Outcome(status="failed", reason=f"who owns the libraries can't be told: {err}")
    if state.is_settled(time.time_ns()):
        memo.put(subject, state, found)
    return found, None
