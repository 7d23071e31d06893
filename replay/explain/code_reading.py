# SPDX-License-Identifier: Apache-2.0
"""What the code of a job mentions, read without running it: the names it uses, where it asks for chance or time."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

__all__ = ("CodeReading", "Mention", "read_code")

_MAX_FILE = 1 << 20
_UNSEEDED = frozenset({"default_rng", "RandomState", "Random", "SeedSequence", "PCG64", "MT19937"})
"""Generators of random numbers that draw their own seed if they are given none."""
_GLOBAL = frozenset({"random", "rand", "randn", "randint", "normal", "uniform", "choice", "shuffle", "permutation"})
_CHANCE = frozenset({"urandom", "uuid1", "uuid4", "token_bytes", "token_hex", "getpid"})
_CLOCKS = frozenset({"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter", "gmtime", "localtime"})
_CLOCK_OWNERS = frozenset({"time", "datetime", "date", "Time"})
_RANDOM_OWNERS = frozenset({"random"})


@dataclass(frozen=True)
class Mention:
    """A place in the code: ``FILE:LINE``, and what stands there."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place} {self.what}"


@dataclass
class CodeReading:
    """What some files of Python mention.

    Attributes
    ----------
    names : mapping
        Where each attribute, function or variable is used first.
    texts : mapping
        Where each constant text stands first.
    chance : `list` of `Mention`
        Calls that give something else each time: unseeded random numbers, operating system's noise, process ids.
    clocks : `list` of `Mention`
        Calls that read a clock.
    """

    names: dict[str, Mention] = field(default_factory=dict)
    texts: dict[str, Mention] = field(default_factory=dict)
    chance: list[Mention] = field(default_factory=list)
    clocks: list[Mention] = field(default_factory=list)

    def first(self, names: Iterable[str]) -> Mention | None:
        """Return the first mention of one of some names, as a name or as a text."""
        known = ({**self.texts, **self.names}.get(name) for name in names)
        return next((mention for mention in known if mention is not None), None)


def read_code(files: Iterable[tuple[str, bytes]]) -> CodeReading:
    """Return what files of Python mention; those that are none are passed over. One may be there in two versions."""
    found = CodeReading()
    for path, data in sorted(files):
        if path.endswith(".py") and len(data) <= _MAX_FILE:
            try:
                tree = ast.parse(data)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            for node in ast.walk(tree):
                for kind, name, mention in _mentions(path, node):
                    match kind:
                        case "name" | "text":
                            (found.names if kind == "name" else found.texts).setdefault(name, mention)
                        case _:
                            calls = found.chance if kind == "chance" else found.clocks
                            calls += [mention] if mention not in calls else []
    return found


def _mentions(path: str, node: ast.AST) -> Iterator[tuple[str, str, Mention]]:
    place = f"{path}:{getattr(node, 'lineno', 0)}"
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            yield "name", name, Mention(place, name)
        case ast.Set() | ast.SetComp():
            yield "name", "set", Mention(place, "a set")
        case ast.Constant(value=str(text)) if len(text) < 200:
            yield "text", text, Mention(place, repr(text))
        case ast.Call(func=function):
            owner, name = _called(function)
            said = Mention(place, f"{owner}.{name}()" if owner else f"{name}()")
            unseeded = name in _UNSEEDED and not node.args and not node.keywords
            if name in _CHANCE or unseeded or (name in _GLOBAL and owner in _RANDOM_OWNERS):
                yield "chance", name, said
            elif name in _CLOCKS and owner in _CLOCK_OWNERS:
                yield "clock", name, said


def _called(function: ast.expr) -> tuple[str, str]:
    """Return what a call's function is an attribute of, by its last name, and its own name."""
    match function:
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return owner, name
        case ast.Attribute(value=ast.Attribute(attr=owner), attr=name):
            return owner, name
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return "", name
    return "", ""
