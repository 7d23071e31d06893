# SPDX-License-Identifier: Apache-2.0
"""What a pin is: variables that follow from what was in effect there and what is on offer here. Nothing is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from envcap.model.components import NumericalLibrary, NumericsOfProcess

from .. import grammar

__all__ = ("Here", "NumPyFacts", "Pin", "libraries", "merged")

FEATURE = grammar.Grammar("feature", grammar.VARIABLE.pattern, 40)


@dataclass(frozen=True)
class NumPyFacts:
    """The instruction sets that the installed NumPy knows.

    Attributes
    ----------
    version : `str`
    baseline, dispatch : `tuple` of `str`
        What it was built for, and what it chooses among when it is imported.
    """

    version: str
    baseline: tuple[str, ...]
    dispatch: tuple[str, ...]


@dataclass(frozen=True)
class Here:
    """What a rebuilt environment uses on this host.

    Attributes
    ----------
    plain : `NumericsOfProcess`
        With the variables of a replay that pins nothing.
    free : `NumericsOfProcess`
        Without those that restrict NumPy.
    numpy : `NumPyFacts` or `None`
        `None` if there is none.
    libc : `str`
        Name and version (``glibc 2.36``).
    flags : `frozenset` of `str`
        What the processor can do.
    variables : mapping
        Those of a replay that pins nothing.
    """

    plain: NumericsOfProcess
    free: NumericsOfProcess
    numpy: NumPyFacts | None
    libc: str
    flags: frozenset[str]
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Pin:
    """What to change in the variables of a replay.

    Attributes
    ----------
    variables : mapping
        To set.
    dropped : sequence of `str`
        To take away.
    reasons : sequence of `str`
        What can't be pinned, and why.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    dropped: Sequence[str] = ()
    reasons: Sequence[str] = ()

    def applied(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return variables with the pin."""
        return {name: value for name, value in variables.items() if name not in self.dropped} | dict(self.variables)


def merged(pins: Iterable[Pin]) -> Pin:
    """Return several pins as one."""
    variables: dict[str, str] = {}
    dropped: list[str] = []
    reasons: list[str] = []
    for pin in pins:
        variables |= pin.variables
        dropped += pin.dropped
        reasons += pin.reasons
    return Pin(variables, tuple(dropped), tuple(reasons))


def libraries(processes: Iterable[NumericsOfProcess], kind: str) -> list[NumericalLibrary]:
    """Return the libraries of a kind in all processes."""
    return [library for one in processes for library in one.libraries if library.kind == kind]
