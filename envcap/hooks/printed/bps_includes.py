# SPDX-License-Identifier: Apache-2.0
"""What the files say that a submit file of BPS includes, merged as the middleware merges them.

`lsst.daf.butler.Config`: ``includeConfigs`` may stand in any mapping; later files win over earlier ones, and what the
including file itself says wins over all of them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ...errors import HookError
from .yaml_text import read_mapping

if TYPE_CHECKING:
    from typing import Any

__all__ = ("INCLUDE", "included", "merged", "names_of")

INCLUDE = "includeConfigs"
_DEEPEST = 20


def names_of(data: dict[str, Any]) -> list[str]:
    """Return what a mapping itself includes, as it is spelled there."""
    found = data.get(INCLUDE) or []
    return [str(name) for name in (found if isinstance(found, list) else [found])]


def included(data: dict[str, Any], folder: str, but: str, depth: int = 0) -> dict[str, Any]:
    """Return what all included files say together.

    Parameters
    ----------
    data : `dict`
        What the submit file says.
    folder : `str`
        Where that file is.
    but : `str`
        The name of a file to leave out.
    depth : `int`, optional
        How many files include one another so far.

    Raises
    ------
    HookError
        If one of them can't be found or read here.
    """
    if depth > _DEEPEST:
        raise HookError(f"{folder}: files include one another without an end")
    found: dict[str, Any] = {}
    for name in names_of(data):
        if name != but:
            path = _located(name, folder)
            own = read_mapping(path)
            found = merged(merged(found, included(own, os.path.dirname(path), but, depth + 1)), own)
    for key, value in data.items():
        if isinstance(value, dict) and (nested := included(value, folder, but, depth)):
            found = merged(found, {key: nested})
    return found


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return two mappings as one, at all depths; the second wins."""
    both = {**first, **second}
    for key in first.keys() & second.keys():
        if isinstance(first[key], dict) and isinstance(second[key], dict):
            both[key] = merged(first[key], second[key])
    return both


def _located(name: str, folder: str) -> str:
    expanded = os.path.expandvars(name).removeprefix("file://")
    if "$" in expanded:
        raise HookError(f"{INCLUDE}: {name}: a variable of it is not set here; set up what 'bps submit' will need")
    if "://" in expanded:
        raise HookError(f"{INCLUDE}: {name}: only files can be looked into here; paste 'envcap hook bps'")
    for path in (expanded, os.path.join(folder, expanded)):
        if os.path.isfile(path):
            return path
    raise HookError(f"{INCLUDE}: {name}: no such file, neither here nor beside the file that includes it")
