# SPDX-License-Identifier: Apache-2.0
"""A wheel's RECORD as it stands once the wheel is installed ("Recording installed projects", PEP 427 for ``.data``)."""

from __future__ import annotations

from collections.abc import Iterator

from ..collectors.python_dists import record_rows

__all__ = ("entry_scripts", "record_as_installed")


def record_as_installed(text: str, entry_points: str | None) -> str:
    """Return a RECORD with what is in ``.data`` where it goes, and the programs that an installer makes.

    Parameters
    ----------
    text : `str`
        The wheel's RECORD.
    entry_points : `str` or `None`
        The wheel's ``entry_points.txt``, if it has one.

    Raises
    ------
    ValueError
        If the second is none.
    """
    lines = [f"../../../bin/{name},," for name in entry_scripts(entry_points or "")]
    for path, digest, size in record_rows(text):
        place = _place(path)
        lines.append(f'"{place}",{digest},{size}' if "," in place else f"{place},{digest},{size}")
    return "\n".join(lines)


def _place(path: str) -> str:
    top, _, rest = path.partition("/")
    if not top.endswith(".data"):
        return path
    scheme, _, inside = rest.partition("/")
    if scheme in ("purelib", "platlib"):
        return inside
    return {"scripts": f"../../../bin/{inside}", "data": f"../../../{inside}"}.get(scheme, path)


def entry_scripts(text: str) -> Iterator[str]:
    """Yield the names of the programs that an installer makes for an ``entry_points.txt``.

    Raises
    ------
    ValueError
        If it is none.
    """
    import configparser

    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error as err:
        raise ValueError(f"entry_points.txt: {err}") from err
    for group in ("console_scripts", "gui_scripts"):
        yield from parser.options(group) if parser.has_section(group) else ()
