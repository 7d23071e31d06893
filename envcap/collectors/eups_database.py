# SPDX-License-Identifier: Apache-2.0
"""EUPS's database of a stack, ``ups_db``: which directory and table file a version has, and which tags it bears.

The format is EUPS's own (its classes VersionFile, ChainFile and Product): a file has a group of ``NAME = value`` for
each flavor, and a path begins with a macro, or is relative to another one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from ..errors import CollectorError
from .bounded import read_bounded

__all__ = ("MAX_FILE", "Database")

MAX_FILE = 1 << 20
"""Largest file of EUPS's that is read, in bytes."""

_NONE = "none"
_CHAIN = ".chain"
# Patterns as texts: they are compiled where EUPS is.
_FIELD = (
    r'(?mi)^[ \t]*(FLAVOR|QUALIFIERS|VERSION|PROD_DIR|UPS_DIR|TABLE_FILE)[ \t]*=[ \t]*"?([^#\n]*?)"?[ \t\r]*(?:#.*)?$'
)
_NO_FIELD = r"(?m)^(?!\s*(?:#|$|(?:End|Group)\s*:|\w+\s*=)).*"
_MACRO = r"\$(PROD_ROOT|PROD_DIR|UPS_DIR|UPS_DB|FLAVOR)\b"


class Database:
    """The part of a stack's database that is about one product.

    Parameters
    ----------
    stack, product : `str`
    """

    def __init__(self, stack: str, product: str) -> None:
        self._stack = stack
        self._top = os.path.join(stack, "ups_db")
        self.folder = os.path.join(self._top, product)
        self._product = product

    @property
    def is_readable(self) -> bool:
        """Whether the stack is there at all."""
        return os.path.isdir(self._top)

    def version_file(self, version: str) -> str:
        """Return the path of the file that declares a version."""
        return os.path.join(self.folder, f"{version}.version")

    def chain_files(self) -> list[str]:
        """Return the paths of the files that give tags, sorted."""
        try:
            names = sorted(os.listdir(self.folder))
        except OSError as err:
            raise CollectorError(f"{self.folder}: {err.strerror or err}") from err
        return [os.path.join(self.folder, name) for name in names if name.endswith(_CHAIN)]

    def table_file(self, version: str, flavor: str) -> str | None:
        """Return the path of a version's table file, `None` if it is declared to have none.

        Raises
        ------
        CollectorError
            If the version is not declared for that flavor.
        """
        path = self.version_file(version)
        declared = dict(_groups(path)).get(flavor)
        if declared is None:
            raise CollectorError(f"{path}: it declares nothing for {flavor}")
        return self._resolved(declared, flavor)

    def tags(self, version: str, flavor: str) -> Iterator[str]:
        """Yield the tags that a version bears, sorted."""
        for path in self.chain_files():
            if dict(_groups(path)).get(flavor, {}).get("VERSION") == version:
                yield os.path.basename(path).removesuffix(_CHAIN)

    def _resolved(self, declared: Mapping[str, str], flavor: str) -> str | None:
        """Return the table file's path by the rules of EUPS's ``Product.resolvePaths``."""
        table = declared.get("TABLE_FILE", _NONE)
        if table == _NONE:
            return None
        known = {"PROD_ROOT": self._stack, "UPS_DB": self._top, "FLAVOR": flavor}
        folder = _joined(self._stack, declared.get("PROD_DIR", _NONE), known)
        ups = _joined(folder, declared.get("UPS_DIR", _NONE), {**known, "PROD_DIR": folder})
        found = _joined(ups, table, {**known, "PROD_DIR": folder, "UPS_DIR": ups})
        # EUPS itself writes some relative to the stack, and so looks there too.
        of_stack = os.path.join(self._stack, table)
        return of_stack if not os.path.exists(found) and os.path.exists(of_stack) else found


def _joined(folder: str, path: str, known: Mapping[str, str]) -> str:
    if path == _NONE:
        return folder
    return os.path.join(folder, re.sub(_MACRO, lambda macro: known.get(macro[1], macro[0]), path))


def _groups(path: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the flavors of a version file or a chain file, each with its fields.

    A chain file has Group and End behind number signs, and an End may be left out: it is a flavor that begins a group.
    """
    text = _read(path)
    if strange := re.search(_NO_FIELD, text):
        raise CollectorError(f"{path}: {strange[0][:80]!r} is no field")
    flavor, fields = "", dict[str, str]()
    for name, value in re.findall(_FIELD, text):
        known = name.upper()
        if known == "FLAVOR":
            if flavor:
                yield flavor, fields
            flavor, fields = value, {}
        elif known == "QUALIFIERS":
            flavor = f"{flavor}:{value}" if value else flavor
        else:
            fields[known] = value
    if flavor:
        yield flavor, fields


def _read(path: str) -> str:
    try:
        return read_bounded(path, MAX_FILE).decode("utf-8")
    except OSError as err:
        raise CollectorError(f"{path}: {err.strerror or err}") from err
    except UnicodeDecodeError as err:
        raise CollectorError(f"{path}: {err}") from err
