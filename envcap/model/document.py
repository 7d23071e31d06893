# SPDX-License-Identifier: Apache-2.0
"""A document: immutable JSON with a typed view, which keeps what it doesn't know.

A class declares its members in the style of `dataclasses`, which would cost every job 12 ms to import::

    class Greeting(Document, media_type="application/vnd.envcap.greeting.v1+json"):
        text: str = string()
        times: int = integer(default=None)

Reading never re-serialises: members that a newer writer added stay in the mapping, so the digest of what was read is
the digest of what was stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..digest import Json, canonical_json
from ..errors import FormatError
from .parsing import MAX_DEPTH, parse_json

__all__ = (
    "MAX_DEPTH",
    "REQUIRED",
    "Document",
    "Field",
    "array",
    "boolean",
    "integer",
    "mapping",
    "nested",
    "parse_json",
    "string",
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Self, dataclass_transform
else:

    def dataclass_transform(**_: object) -> Callable[[type], type]:
        """Stand in for `typing.dataclass_transform`, which only type checkers need."""
        return lambda cls: cls


REQUIRED = object()
"""The default of a member that has none. A member whose default is `None` may be missing."""


class Field:
    """One member of a document: its type, whether it may be missing, and how to read it.

    Parameters
    ----------
    kind : `str`
        Name of the JSON type, as JSON Schema spells it.
    check : callable
        Takes the JSON value and the place it stands at; returns the value to hand out or raises `FormatError`.
    optional : `bool`
        A missing optional member reads as `None`.
    of : `type` or `Field`, optional
        What it is made of: the class of a nested document, or how each item is declared.
    """

    __slots__ = ("check", "kind", "name", "of", "optional")

    def __init__(
        self, kind: str, check: Callable[[Any, str], Any], optional: bool, of: type[Document] | Field | None = None
    ) -> None:
        self.kind = kind
        self.check = check
        self.optional = optional
        self.of = of
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, document: Document | None, owner: type) -> Any:
        if document is None:
            return self
        value = document.data.get(self.name)
        return None if value is None else self.check(value, self.name)


def _type_check(kind: type, name: str) -> Callable[[Any, str], Any]:
    def check(value: Any, where: str) -> Any:
        if type(value) is not kind:
            raise FormatError(f"{where}: expected {name}, found {type(value).__name__}")
        return value

    return check


def string(*, default: object = REQUIRED) -> Any:
    """Declare a text."""
    return Field("string", _type_check(str, "a string"), default is None)


def integer(*, default: object = REQUIRED) -> Any:
    """Declare an integer."""
    return Field("integer", _type_check(int, "an integer"), default is None)


def boolean(*, default: object = REQUIRED) -> Any:
    """Declare a truth value."""
    return Field("boolean", _type_check(bool, "true or false"), default is None)


def nested(cls: type[Document], *, default: object = REQUIRED) -> Any:
    """Declare a document within a document."""
    return Field("object", cls.checked, default is None, cls)


def array(item: Any = None, *, default: object = REQUIRED) -> Any:
    """Declare a list; `item` is the declaration of its items, any JSON if `None`."""

    def check(value: Any, where: str) -> Any:
        if not isinstance(value, list | tuple):
            raise FormatError(f"{where}: expected a list, found {type(value).__name__}")
        if item is None:
            return tuple(value)
        return tuple(item.check(v, f"{where}[{i}]") for i, v in enumerate(value))

    return Field("array", check, default is None, item)


def mapping(item: Any = None, *, default: object = REQUIRED) -> Any:
    """Declare an object with free member names; `item` declares its values, any JSON if `None`."""

    def check(value: Any, where: str) -> Any:
        if not isinstance(value, Mapping):
            raise FormatError(f"{where}: expected an object, found {type(value).__name__}")
        if item is None:
            return MappingProxyType(dict(value))
        return {key: item.check(v, f"{where}.{key}") for key, v in value.items()}

    return Field("object", check, default is None, item)


@dataclass_transform(
    kw_only_default=True,
    frozen_default=True,
    field_specifiers=(string, integer, boolean, nested, array, mapping),
)
class Document:
    """Base of every document."""

    __slots__ = ("data",)

    data: Mapping[str, Any]
    media_type: ClassVar[str] = ""
    members: ClassVar[Mapping[str, Field]] = {}

    def __init_subclass__(cls, media_type: str = "") -> None:
        cls.media_type = media_type
        cls.members = {name: f for name, f in vars(cls).items() if isinstance(f, Field)}

    def __init__(self, **values: Any) -> None:
        unknown = values.keys() - self.members.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no member {sorted(unknown)[0]!r}")
        plain: dict[str, Any] = {"mediaType": self.media_type} if self.media_type else {}
        for name, field in self.members.items():
            value = values.get(name)
            if value is not None:
                plain[name] = _plain(value)
                if not _is_checked(field, value):
                    field.check(plain[name], f"{type(self).__name__}.{name}")
            elif not field.optional:
                raise FormatError(f"{type(self).__name__}.{name}: missing")
        object.__setattr__(self, "data", plain)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a document can't be changed ({name})")

    def _check(self, where: str) -> None:
        for name, field in self.members.items():
            value = self.data.get(name)
            if value is None:
                if not field.optional:
                    raise FormatError(f"{where}.{name}: missing")
            else:
                field.check(value, f"{where}.{name}")

    @classmethod
    def checked(cls, value: Any, where: str = "$") -> Self:
        """Return the view of a JSON value.

        Raises
        ------
        FormatError
            Naming the member that is missing or has another type.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise FormatError(f"{where}: expected an object, found {type(value).__name__}")
        if cls.media_type and value.get("mediaType") != cls.media_type:
            raise FormatError(f"{where}: expected {cls.media_type}, found {value.get('mediaType')!r}")
        self = object.__new__(cls)
        object.__setattr__(self, "data", value)
        self._check(where)
        return self

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a document.

        Raises
        ------
        FormatError
            If the bytes are not such a document.
        """
        return cls.checked(parse_json(data))

    def to_bytes(self) -> bytes:
        """Return the canonical bytes, which the digest is of."""
        return canonical_json(self.data)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Document) and other.data == self.data

    def __hash__(self) -> int:
        return hash((type(self), self.to_bytes()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.data.items())})"


def _is_checked(field: Field, value: Any) -> bool:
    """Whether a value consists of the documents that a member takes, which were checked when they were made."""
    of = field.of
    if isinstance(of, type):
        return isinstance(value, of)
    if of is None or not isinstance(of.of, type):
        return False
    if field.kind == "object":
        return isinstance(value, dict) and all(isinstance(item, of.of) for item in value.values())
    return isinstance(value, list | tuple) and all(isinstance(item, of.of) for item in value)


def _plain(value: Any) -> Json:
    """Return plain JSON for a value that may hold documents."""
    kind = type(value)
    if kind is str:
        return _unicode(value)
    if isinstance(value, Document):
        return value.data
    if kind is list or kind is tuple:
        return [_plain(item) for item in value]
    if kind is dict or isinstance(value, Mapping):
        return {_unicode(key): _plain(item) for key, item in value.items()}
    return value  # type: ignore[no-any-return]  # canonical_json refuses what isn't JSON


def _unicode(text: str) -> str:
    """Return a text that is Unicode: a path or an argument may be other bytes, which Python's own notation tells."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
