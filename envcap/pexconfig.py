# SPDX-License-Identifier: Apache-2.0
"""Read a pex_config dump without executing it.

`lsst.pex.config.Config.saveToString` writes Python: imports, one assertion of the class, and assignments of literals.
Loading it back executes it, so a text from elsewhere could do anything. Here it is parsed, held against a whitelist of
those forms, and written anew from what was parsed; nothing else survives.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from math import isfinite

from .errors import EnvcapError
from .redact import scrub

__all__ = ("ConfigRefusedError", "ParsedConfig", "parse_config")

_MAX_TEXT = 1 << 21  # Python's parser takes up to 500 bytes for each character
_CONSTANTS = (str, bytes, int, float, bool, type(None))


class ConfigRefusedError(EnvcapError):
    """A configuration text holds something else than imports, the class assertion and assignments of literals."""

    error_type = "config_refused"


class ParsedConfig:
    """What a configuration text says.

    Attributes
    ----------
    config_class : `str` or `None`
        The class that the text asserts.
    fields : `dict` [ `str`, `str` ]
        Path of each field (``detect.threshold``, ``models['psf'].size``) and its value as a Python literal. A
        retargeted subtask's class stands under ``PATH.<target>``.
    """

    def __init__(self) -> None:
        self.config_class: str | None = None
        self.fields: dict[str, str] = {}
        self._lines: list[tuple[str, str]] = []

    @property
    def text(self) -> str:
        """The configuration, regenerated."""
        return "".join(f"{_place(path)} = {self.fields[path]}\n" if path else f"{line}\n" for line, path in self._lines)

    def replaced(self, change: Callable[[str, str], tuple[str, str]]) -> ParsedConfig:
        """Return the configuration with other assignments: `change` is given each path and value, and returns both."""
        made = ParsedConfig()
        made.config_class = self.config_class
        renamed = {}
        for path, value in self.fields.items():
            renamed[path], new = change(path, value)
            made.fields[renamed[path]] = new
        made._lines = [(line, renamed.get(path, "")) for line, path in self._lines]
        return made

    def with_field(self, path: str, literal: str | None) -> ParsedConfig:
        """Return the configuration with another value of a field, which may be new; `None` takes the field out."""
        made = self.replaced(lambda known, value: (known, literal if known == path and literal is not None else value))
        if literal is None:
            made.fields.pop(path, None)
            made._lines = [(line, known) for line, known in made._lines if known != path]
        elif path not in made.fields:
            made._assign(path, literal)
        return made

    def with_subtask(self, path: str, other: ParsedConfig) -> ParsedConfig:
        """Return the configuration with a subtask, or an element, as another has it: its class, all fields below it."""
        below, statement = f"{path}.", f"{_place(path)}."

        def is_of_subtask(one: tuple[str, str]) -> bool:
            return one[0].startswith(statement) or one[1].startswith(below) or one[1] == path

        own, theirs = ([one for one in lines if is_of_subtask(one)] for lines in (self._lines, other._lines))
        rest = [one for one in self._lines if one not in own]
        imports = [one for one in other._lines if one[0].startswith("import ") and one not in rest]
        made = ParsedConfig()
        made.config_class = self.config_class

        def is_below(known: str) -> bool:
            return known.startswith(below) or known == path

        made.fields = {known: value for known, value in self.fields.items() if not is_below(known)}
        made.fields |= {known: value for known, value in other.fields.items() if is_below(known)}
        made._lines = [*imports, *rest, *theirs]
        return made

    def _add(self, line: str) -> None:
        self._lines.append((line, ""))

    def _assign(self, path: str, literal: str) -> None:
        self.fields[path] = literal
        self._lines.append(("", path))


def parse_config(text: str) -> ParsedConfig:
    """Read a pex_config dump.

    Raises
    ------
    ConfigRefusedError
        Naming the line that is none of the forms that a dump has.
    """
    if len(text) > _MAX_TEXT:
        raise ConfigRefusedError(f"the configuration is longer than {_MAX_TEXT} characters")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as err:
        raise ConfigRefusedError(f"the configuration is no Python text: {err}") from err
    parsed = ParsedConfig()
    for statement in tree.body:
        try:
            _read(statement, parsed)
        except RecursionError as err:
            raise ConfigRefusedError("the configuration nests too deep") from err
        except ValueError:  # an integer of more digits than Python prints
            raise _refusal(statement) from None
    return parsed


def _read(statement: ast.stmt, parsed: ParsedConfig) -> None:
    match statement:
        case ast.Import(names=[ast.alias(name=name, asname=None)]):
            parsed._add(f"import {name}")
        case ast.Assert(test=ast.Compare(left=left, ops=[ast.Is() | ast.Eq()], comparators=[cls])) if (
            ast.unparse(left) == "type(config)"
        ):
            parsed.config_class = _dotted(cls, statement)
            parsed._add(f"assert type(config) is {parsed.config_class}")
        case ast.Assign(targets=[target], value=value):
            path = _field_path(target, statement)
            literal = _new_element(target, value, statement) or _literal(value, statement)
            parsed._assign(path, literal)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr="retarget"), args=[], keywords=keywords)):
            _read_retarget(owner, keywords, statement, parsed)
        case _:
            raise _refusal(statement)


def _read_retarget(owner: ast.expr, keywords: list[ast.keyword], statement: ast.stmt, parsed: ParsedConfig) -> None:
    path = _field_path(owner, statement)
    classes = {str(keyword.arg): _dotted(keyword.value, statement) for keyword in keywords}
    if "target" not in classes or not classes.keys() <= {"target", "ConfigClass"}:
        raise _refusal(statement)
    parsed.fields[f"{path}.<target>"] = classes["target"]
    arguments = ", ".join(f"{name}={cls}" for name, cls in classes.items())
    parsed._add(f"{_place(path)}.retarget({arguments})")


def _place(path: str) -> str:
    return f"config{path}" if path.startswith("[") else f"config.{path}"


def _field_path(node: ast.expr, statement: ast.stmt) -> str:
    """Return ``a.b['c']`` for ``config.a.b['c']``."""
    steps: list[str] = []
    while True:
        match node:
            case ast.Attribute(value=inner, attr=name) if not name.startswith("__"):
                steps.append(f".{name}")
            case ast.Subscript(value=inner, slice=ast.Constant(value=key)) if isinstance(key, str | int):
                steps.append(f"[{key!r}]")
            case ast.Name(id="config") if steps:
                return "".join(reversed(steps)).removeprefix(".")
            case _:
                raise _refusal(statement)
        node = inner


def _dotted(node: ast.expr, statement: ast.stmt) -> str:
    """Return the dotted name that an expression is."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=inner, attr=name) if not name.startswith("__"):
            return f"{_dotted(inner, statement)}.{name}"
    raise _refusal(statement)


def _new_element(target: ast.expr, value: ast.expr, statement: ast.stmt) -> str | None:
    """Return ``package.Class()`` where an element of a ConfigDictField is made; whoever calls it checks the class."""
    match target, value:
        case ast.Subscript(), ast.Call(func=ast.Attribute(attr=name) as cls, args=[], keywords=[]) if name[0].isupper():
            return f"{_dotted(cls, statement)}()"
    return None


def _literal(node: ast.expr, statement: ast.stmt) -> str:
    """Return a value as Python writes it; non-finite numbers as ``float('inf')``, which reads back everywhere."""
    match node:
        case ast.Constant(value=float(value)) if not isfinite(value):
            return f"float('{value!r}')"
        case ast.Constant(value=value) if isinstance(value, _CONSTANTS):
            return repr(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _negative(_literal(operand, statement), statement)
        case ast.Name(id="inf" | "nan" as name):
            return f"float('{name}')"
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str() as word)], keywords=[]):
            return _non_finite(word, statement)
        case ast.List(elts=items):
            return f"[{', '.join(_items(items, statement))}]"
        case ast.Tuple(elts=items):
            return f"({''.join(f'{item}, ' for item in _items(items, statement))})"
        case ast.Set(elts=items):
            return f"{{{', '.join(sorted(_items(items, statement)))}}}"
        case ast.Dict(keys=keys, values=values) if None not in keys:
            names = _items([key for key in keys if key is not None], statement)
            pairs = zip(names, _items(values, statement), strict=True)
            return f"{{{', '.join(f'{key}: {value}' for key, value in pairs)}}}"
    raise _refusal(statement)


def _items(nodes: list[ast.expr], statement: ast.stmt) -> Iterator[str]:
    return (_literal(node, statement) for node in nodes)


def _negative(literal: str, statement: ast.stmt) -> str:
    if literal.startswith("float('") and literal[7] != "-":
        return _non_finite("-" + literal[7:-2], statement)
    if not literal[0].isdigit():
        raise _refusal(statement)
    return f"-{literal}"


def _non_finite(word: str, statement: ast.stmt) -> str:
    if word.lower().lstrip("+-") not in ("inf", "infinity", "nan"):
        raise _refusal(statement)
    return f"float('{float(word)!r}')"


def _refusal(statement: ast.stmt) -> ConfigRefusedError:
    try:
        shown = scrub(ast.unparse(statement)).splitlines()[0][:120]
    except ValueError:
        shown = type(statement).__name__
    return ConfigRefusedError(
        f"the configuration holds code that is no field assignment (line {statement.lineno}): {shown!r}"
    )
