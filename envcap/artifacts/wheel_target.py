# SPDX-License-Identifier: Apache-2.0
"""What wheels are for: an interpreter and a platform, which need not be those of the process that asks for them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..errors import FormatError

__all__ = ("WheelTarget",)

_OLDEST_GLIBC = 5
_LEGACY = ("manylinux2014", "manylinux2010", "manylinux1")
_VERSION = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?([a-z][a-z0-9]*)?\+?", re.ASCII)
_MACHINE = re.compile(r"[a-z0-9][a-z0-9_]*", re.ASCII)
_LIBC = re.compile(r"glibc 2\.([0-9]{1,3})", re.ASCII)
_LONGEST = 32
_SHOWN = 60


class WheelTarget:
    """A CPython on a Linux with the GNU C library.

    Parameters
    ----------
    python : `str`
        Version of CPython.
    machine : `str`
        As ``uname -m`` has it.
    libc : `str`
        Name and version of the C library, the newest that a wheel may ask for (``glibc 2.36``).

    Raises
    ------
    FormatError
        Naming the fact of the environment that is none, or that wheels are not built for.
    """

    __slots__ = ("_glibc_minor", "_machine", "_python")

    def __init__(self, python: str, machine: str, libc: str) -> None:
        self._python = _matched("interpreter.version", python, _VERSION, "no version of Python")[0]
        self._machine = _matched("operating_system.machine", machine, _MACHINE, "no machine")[0]
        found = _matched("operating_system.libc", libc, _LIBC, "no glibc, which wheels are built for")
        self._glibc_minor = int(found[1])

    @property
    def python(self) -> str:
        """Version of Python, as pip takes it."""
        return self._python.rstrip("+")

    def options(self) -> Iterator[str]:
        """Yield pip's options."""
        yield from ("--implementation", "cp", "--python-version", self.python)
        for abi in ("cp" + "".join(self._python.split(".")[:2]), "abi3", "none"):
            yield from ("--abi", abi)
        for minor in range(self._glibc_minor, _OLDEST_GLIBC - 1, -1):
            yield from ("--platform", f"manylinux_2_{minor}_{self._machine}")
        for platform in (*_LEGACY, "linux"):
            yield from ("--platform", f"{platform}_{self._machine}")


def _matched(field: str, value: str, pattern: re.Pattern[str], what: str) -> re.Match[str]:
    found = pattern.fullmatch(value) if len(value) <= _LONGEST else None
    if found is None:
        shown = repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}… ({len(value)} characters)"
        raise FormatError(f"{field}: {shown} is {what}")
    return found
