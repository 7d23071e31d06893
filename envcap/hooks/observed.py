# SPDX-License-Identifier: Apache-2.0
"""What can be known only at the end of a job: what a process really loaded and imported, and the numerics in effect.

Apart from what documents it (`envcap.hooks.loaded`), since the payload waits for this, and waits for its import.
"""

from __future__ import annotations

import sys

from ..collectors.numerics_probe import LibraryProbe
from .imported import Imports, imported_modules
from .loads import count_loads
from .mapped import mapped_files

__all__ = ("Observer", "Snapshot", "observed_now")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .imported import Imported


class Snapshot:
    """What a process had loaded at one moment.

    Attributes
    ----------
    paths : `list` [ `str` ]
        The libraries.
    numerics : `dict` or `None`
        The members of `envcap.model.components.NumericsOfProcess`; `None` without a numerical library.
    modules : `list` [ `tuple` ]
        As `envcap.hooks.imported` returns them.
    """

    __slots__ = ("modules", "numerics", "paths")

    def __init__(self, paths: list[str], numerics: dict[str, Any] | None, modules: Imported) -> None:
        self.paths = paths
        self.numerics = numerics
        self.modules = modules


class Observer:
    """Observes this process, again and again: what has not changed since the last time costs next to nothing."""

    def __init__(self) -> None:
        _latest[:] = [self]  # a notebook has one for each cell
        self._loads: object = None
        self._imports = Imports()
        self._modules = 0
        self._paths: list[str] = []
        self._probe = LibraryProbe(())
        self._changing: tuple[int | None, ...] = ()
        self._last: Snapshot | None = None

    def observe(self) -> Snapshot:
        """Return what is loaded and in effect now: the same object as long as that is the same."""
        loads = count_loads()
        changed = loads is None or loads != self._loads
        if changed:
            self._paths = mapped_files()
            self._probe = LibraryProbe(self._paths)
        changing, modules = self._probe.changing(), len(sys.modules)
        if self._last is None or changed or changing != self._changing or modules != self._modules:
            self._last = Snapshot(self._paths, self._probe.numerics(), self._imports.now())
            self._loads, self._changing, self._modules = loads, changing, modules
        return self._last


def observed_now() -> Snapshot:
    """Return what this process has loaded: if it was observed before, what has not changed is not looked at again."""
    if _latest:
        return _latest[0].observe()
    paths = mapped_files()
    # The probe would load ctypes, to ask the C library alone.
    may_be_numerical = "numpy" in sys.modules or any("openblas" in path for path in paths)
    return Snapshot(paths, LibraryProbe(paths).numerics() if may_be_numerical else None, imported_modules())


_latest: list[Observer] = []
"""The last one that this process has made, if any."""
