# SPDX-License-Identifier: Apache-2.0
"""What EUPS has set up, as environment variables tell it: ``SETUP_AFW="afw 2.1 -f Linux64 -Z /stack"``, ``AFW_DIR``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from ..errors import CollectorError
from ..redact import is_secret_name, scrub

__all__ = ("LOCAL", "SetUp", "changed_variables", "in_order", "set_up")

LOCAL = "LOCAL:"
"""What the version of a product begins with that is set up from a directory (``setup -r``)."""

_PREFIX = "SETUP_"
_ITSELF = "eups"
_OWN = ("EUPS_PATH", "EUPS_DIR", "EUPS_SHELL")
_SHELL = frozenset({"PWD", "OLDPWD", "_"})
_OPTIONS = {"-f": "flavor", "-Z": "stack", "-z": "stack", "-m": "table"}
# A new product's directories come first in these, so the last is what was set up first.
_ORDERED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LSST_LIBRARY_PATH")


class SetUp:
    """One product that is set up.

    Attributes
    ----------
    name, version, flavor : `str`
    folder : `str` or `None`
        Where it stands, if anywhere.
    stack : `str` or `None`
        The stack whose database declares it.
    table : `str` or `None`
        The table file, if one was named (``setup -m``).
    """

    __slots__ = ("flavor", "folder", "name", "stack", "table", "version")

    def __init__(self, variable: str, environ: Mapping[str, str]) -> None:
        words = environ[variable].split()
        self.name = words.pop(0) if words else ""
        # EUPS takes a variable of any case for the product's.
        if self.name.upper() != variable.removeprefix(_PREFIX).upper():
            raise CollectorError(f"the variable {variable} names no product as EUPS does: {scrub(environ[variable])!r}")
        self.version = words.pop(0) if words and words[0] not in _OPTIONS else "setup"
        found = dict(zip(words[::2], words[1::2], strict=False))
        if len(words) % 2 or not found.keys() <= _OPTIONS.keys() or "-f" not in found:
            raise CollectorError(f"the variable {variable} is not as EUPS writes it: {scrub(environ[variable])!r}")
        members = {_OPTIONS[option]: _decoded(value) for option, value in found.items()}
        self.flavor = members["flavor"]
        self.stack = _absolute(members.get("stack"))
        self.table = _absolute(members.get("table"))
        self.folder = _absolute(environ.get(f"{self.name.upper()}_DIR"))

    @property
    def is_local(self) -> bool:
        """Whether it is set up from a directory, not from a stack."""
        return self.version.startswith(LOCAL)


def set_up(environ: Mapping[str, str]) -> list[SetUp]:
    """Return the products that are set up, without EUPS itself, by variable.

    Raises
    ------
    CollectorError
        If a variable can't be parsed.
    """
    # Others begin names of variables so too.
    eups = any(name in environ for name in _OWN)
    found = []
    for variable in sorted(name for name in environ if name.startswith(_PREFIX)):
        try:
            found.append(SetUp(variable, environ))
        except CollectorError:
            if eups:
                raise
    return [one for one in found if one.name != _ITSELF]


def in_order(found: Iterable[SetUp], environ: Mapping[str, str]) -> list[SetUp]:
    """Return products in the order in which they were probably set up."""
    products = {one.name: one for one in found}
    last_first = _merged(_orders(products.values(), environ))
    first = sorted(products.keys() - set(last_first))
    return [products[name] for name in (*first, *reversed(last_first))]


def changed_variables(
    products: Iterable[SetUp], environ: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return what EUPS made of the environment.

    Returns
    -------
    variables : `dict` [ `str`, `str` ]
        Those that are wholly EUPS's.
    paths : `dict` [ `str`, `list` [ `str` ] ]
        Of lists of paths that have others besides, the members that lie in products.
    """
    owners = _owners(products, environ)
    variables, paths = {}, {}
    for name, value in environ.items():
        if name.startswith(_PREFIX) or name in _OWN:
            variables[name] = scrub(value)
        elif os.sep in value and not _is_others(name):
            members = value.split(os.pathsep)
            inside = [scrub(member) for member in members if _owner(member, owners)]
            if len(inside) == len(members):
                variables[name] = os.pathsep.join(inside)
            elif inside:
                paths[name] = inside
    return dict(sorted(variables.items())), dict(sorted(paths.items()))


def _is_others(name: str) -> bool:
    return name in _SHELL or name.startswith("ENVCAP_") or is_secret_name(name)


def _decoded(path: str) -> str:
    return path.replace("-+-", " ")


def _absolute(path: str | None) -> str | None:
    """Return a path; `None` for what EUPS writes where there is none."""
    return os.path.normpath(path) if path is not None and os.path.isabs(path) else None


def _owners(products: Iterable[SetUp], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the products by directory, EUPS among them."""
    own = _absolute(environ.get("EUPS_DIR"))
    return {**({own: _ITSELF} if own else {}), **{one.folder: one.name for one in products if one.folder}}


def _owner(path: str, owners: Mapping[str, str]) -> str | None:
    """Return the product that a path lies in, the innermost if there are several."""
    if not os.path.isabs(path):
        return None
    path = os.path.normpath(path)
    while path not in owners:
        outer = os.path.dirname(path)
        if outer == path:
            return None
        path = outer
    return owners[path]


def _orders(products: Iterable[SetUp], environ: Mapping[str, str]) -> Iterator[list[str]]:
    owners = {one.folder: one.name for one in products if one.folder}
    for variable in _ORDERED:
        found = [_owner(member, owners) for member in environ.get(variable, "").split(os.pathsep)]
        yield list(dict.fromkeys(name for name in found if name))


def _merged(orders: Iterable[list[str]]) -> list[str]:
    """Return one order that keeps all others (C3, as for base classes); where they contradict, the first wins."""
    merged = []
    waiting = [order for order in orders if order]
    while waiting:
        later = set[str]().union(*(order[1:] for order in waiting))
        name = next((order[0] for order in waiting if order[0] not in later), waiting[0][0])
        merged.append(name)
        waiting = [rest for order in waiting if (rest := [other for other in order if other != name])]
    return merged
