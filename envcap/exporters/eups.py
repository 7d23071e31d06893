# SPDX-License-Identifier: Apache-2.0
"""What sets the products of a job up again: commands for EUPS, a tag file for it, or plain exports without it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from ..errors import FormatError, NotCapturedError
from ..model.components import Eups, EupsProduct
from ..redact import has_scrubbed
from ..store.base import ObjectStore
from ..store.index import Attempt
from .artifacts import captured, site_of
from .base import Exported, Exporter

__all__ = ("EupsEnvExporter", "EupsExporter", "EupsTagsExporter")

_KIND = "eups"
_ITSELF = "EUPS_DIR"
_STACKS = "EUPS_PATH"
# None of these is an option, nor does any end a line or a word.
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+:@=~-]*", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class EupsExporter(Exporter):
    """A shell script that sets the products up one by one, in the captured order."""

    format = "eups"
    suffix = ".sh"

    def export(self, attempt: Attempt, store: ObjectStore) -> Exported:
        """Return the script, which a shell reads (``.``), since EUPS changes the shell's own variables."""
        variables, _ = _changes(attempt, store)
        lines = ["# Read it with a shell:  . FILE", *_begin(variables)]
        lines += [_setup(one, place) for one, place in _products(attempt, store)]
        return Exported("\n".join(lines) + "\n")


class EupsTagsExporter(Exporter):
    """A tag file, for ``setup -t FILE PRODUCT``."""

    format = "eups-tags"
    suffix = ".tags"

    def export(self, attempt: Attempt, store: ObjectStore) -> Exported:
        """Return a line of name and version for each product."""
        lines = ["# product version"]
        for one, place in _products(attempt, store):
            # EUPS takes the first two words of a line, and reads a space in a path from these three characters.
            local = f"LOCAL:{_path('folder', place.get('folder')).replace(' ', '-+-')}"
            lines.append(f"{_word('name', one.name)} {local if one.local else _word('version', one.version)}")
        return Exported("\n".join(lines) + "\n")


class EupsEnvExporter(Exporter):
    """Plain exports of what EUPS made of the environment.

    What a table file sets to anything but a place in a product is not among them: only EUPS knows that it was set so.
    """

    format = "eups-env"
    suffix = ".sh"

    def export(self, attempt: Attempt, store: ObjectStore) -> Exported:
        """Return the exports; what a list of paths has besides stays in it."""
        variables, paths = _changes(attempt, store)
        lines = [f"export {_variable(name)}={_quoted(name, value)}" for name, value in variables.items()]
        for name, members in paths.items():
            before = _quoted(name, ":".join(members))
            lines.append(f'export {_variable(name)}={before}"${{{name}:+:${name}}}"')
        return Exported("\n".join(lines) + "\n")


def _site(attempt: Attempt, store: ObjectStore) -> Mapping[str, object]:
    found = site_of(attempt, store, _KIND)
    if not found:
        raise NotCapturedError(f"attempt {attempt.manifest.attempt}: it is not known where its products stood")
    return found


def _products(attempt: Attempt, store: ObjectStore) -> Iterator[tuple[EupsProduct, Mapping[str, object]]]:
    """Yield the products in order, each with where it stood."""
    products = captured(attempt, store, _KIND, Eups).products
    places = _site(attempt, store).get("products")
    if not isinstance(places, Sequence) or len(places) != len(products):
        raise FormatError("the places of the products are not those of the products")
    for one, place in zip(products, places, strict=True):
        yield one, place if isinstance(place, Mapping) else {}


def _changes(attempt: Attempt, store: ObjectStore) -> tuple[Mapping[str, object], Mapping[str, Sequence[str]]]:
    """Return the variables that were EUPS's, and what it had put into others."""
    captured(attempt, store, _KIND, Eups)
    site = _site(attempt, store)
    variables, paths = site.get("variables"), site.get("paths")
    if not isinstance(variables, Mapping) or not isinstance(paths, Mapping):
        raise FormatError("what EUPS made of the environment is no set of variables")
    lists = [members for members in paths.values() if isinstance(members, Sequence)]
    if len(lists) < len(paths) or not all(isinstance(member, str) for members in lists for member in members):
        raise FormatError("what EUPS put into the environment is no list of paths")
    return variables, paths


def _begin(variables: Mapping[str, object]) -> Iterator[str]:
    if _ITSELF in variables:
        folder = shlex.quote(_path(_ITSELF, variables[_ITSELF]))
        yield f"command -v setup > /dev/null || . {folder}/bin/setups.sh"
    if _STACKS in variables:
        # After that, since it adds a stack of its own.
        yield f"export {_STACKS}={_quoted(_STACKS, variables[_STACKS])}"


def _setup(one: EupsProduct, place: Mapping[str, object]) -> str:
    name = _word("name", one.name)
    if one.local:
        return f"setup -j -r {shlex.quote(_path('folder', place.get('folder')))} {name}"
    words = ["setup", "-j", "-f", _word("flavor", one.flavor)]
    if "stack" in place:
        words += ["-Z", shlex.quote(_path("stack", place["stack"]))]
    if "table" in place:
        words += ["-m", shlex.quote(_path("table", place["table"]))]
    return " ".join([*words, name, _word("version", one.version)])


def _word(field: str, value: object) -> str:
    return _checked(field, value, _WORD)


def _variable(name: object) -> str:
    return _checked("variable", name, _VARIABLE)


def _path(field: str, value: object) -> str:
    text = _printable(field, value)
    if not text.startswith("/"):
        raise FormatError(f"{field}: {text!r} is no absolute path")
    return text


def _quoted(field: str, value: object) -> str:
    return shlex.quote(_printable(field, value))


def _checked(field: str, value: object, grammar: re.Pattern[str]) -> str:
    text = _printable(field, value)
    if not grammar.fullmatch(text):
        raise FormatError(f"{field}: {text!r} can't be written for EUPS")
    return text


def _printable(field: str, value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise FormatError(f"{field}: {value!r} is no text that a line can hold")
    if has_scrubbed(value):
        raise FormatError(f"{field}: {value!r} held a secret, which is not kept")
    return value
