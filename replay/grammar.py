# SPDX-License-Identifier: Apache-2.0
"""What a value from a manifest must look like before it reaches a Dockerfile, a command line or a path.

A manifest is hostile until trusted, and a trusted one may still hold nonsense: every value is matched as a whole
against the grammar of what it is said to be, and a refusal names the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import ReplayRefusedError

__all__ = (
    "ABI",
    "ABSOLUTE_PATH",
    "COMMIT",
    "CONDA_FILE",
    "CONDA_NAME",
    "CONDA_VERSION",
    "DEB_FILE",
    "DEB_NAME",
    "DEB_VERSION",
    "DIGEST",
    "DISTRIBUTION",
    "EUPS_WORDS",
    "IMAGE",
    "MACHINE",
    "MD5",
    "PLACEHOLDER",
    "PYTHON_VERSION",
    "RELATIVE_PATH",
    "SHA256",
    "UMASK",
    "URL",
    "UUID",
    "VARIABLE",
    "VARIABLE_VALUE",
    "VERSION",
    "WHEEL",
    "Grammar",
    "checked",
)

_MAX_SHOWN = 60


@dataclass(frozen=True)
class Grammar:
    """A regular language, and what to call its words.

    Attributes
    ----------
    what : `str`
    pattern : `re.Pattern`
        Matched against the whole value.
    longest : `int`
        In characters.
    """

    what: str
    pattern: re.Pattern[str]
    longest: int


def _grammar(what: str, pattern: str, longest: int = 255) -> Grammar:
    return Grammar(what, re.compile(pattern, re.ASCII), longest)


DIGEST = _grammar("digest", r"sha256:[0-9a-f]{64}")
UUID = _grammar("UUID", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
COMMIT = _grammar("commit", r"[0-9a-f]{40}|[0-9a-f]{64}")
# PEP 503 for the name, PEP 440 for the version, local versions and epochs included.
DISTRIBUTION = _grammar("name of a distribution", r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
VERSION = _grammar("version", r"[A-Za-z0-9]([A-Za-z0-9.+!_-]*[A-Za-z0-9])?")
PYTHON_VERSION = _grammar("version of Python", r"[0-9]+\.[0-9]+(\.[0-9]+)?([a-z][a-z0-9]*)?\+?")
# PEP 427. Nothing in it can be an option or a path.
WHEEL = _grammar("file name of a wheel", r"[A-Za-z0-9][A-Za-z0-9_.]*(-[A-Za-z0-9_.+!]+){4,5}\.whl")
# Debian Policy, 5.6.1 and 5.6.12.
DEB_NAME = _grammar("name of a Debian package", r"[a-z0-9][a-z0-9+.-]*", 128)
DEB_VERSION = _grammar("version of a Debian package", r"([0-9]+:)?[0-9][A-Za-z0-9.+~-]*", 128)
DEB_FILE = _grammar("file name of a Debian package", r"[a-z0-9][a-z0-9+.-]*_[0-9][A-Za-z0-9.+~%-]*_[a-z0-9-]+\.deb")
# Of conda's package names, versions and builds (conda's CEP 26), none begins with a dash or holds a separator of paths.
CONDA_NAME = _grammar("name of a conda package", r"[a-z0-9_][a-z0-9_.-]*", 128)
CONDA_VERSION = _grammar("version or build of a conda package", r"[A-Za-z0-9_][A-Za-z0-9_.+!~]*", 128)
CONDA_FILE = _grammar("file name of a conda package", r"[a-z0-9_][A-Za-z0-9_.+!~-]*\.(conda|tar\.bz2)")
URL = _grammar("address", r"(?!.*/\.\./)(https?|file)://[A-Za-z0-9._~:/?#\[\]@%+=,!-]*", 2048)
SHA256 = _grammar("SHA-256", r"[0-9a-f]{64}")
MD5 = _grammar("MD5", r"[0-9a-f]{32}")
ABI = _grammar("ABI tag", r"[A-Za-z0-9][A-Za-z0-9_-]*")
MACHINE = _grammar("machine", r"[a-z0-9][a-z0-9_]*", 32)
# The reference grammar of the distribution project: host and port, path, tag, digest; or an image's id alone.
_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
IMAGE = _grammar(
    "image",
    rf"sha256:[0-9a-f]{{64}}|(?:[A-Za-z0-9.-]+(?::[0-9]{{1,5}})?/)?{_NAME}(?:/{_NAME})*(?::\w[\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?",
    512,
)
VARIABLE = _grammar("name of a variable", r"[A-Za-z_][A-Za-z0-9_]*")
# What stands in quotes in a Dockerfile's ENV: no quote, no backslash, nothing that is expanded, no end of a line; nor
# what ends a command, for whoever pastes it into a shell.
VARIABLE_VALUE = _grammar(
    "value of a variable that can be set in an image", r"(?!.*\.\./)[ !#%*+,\-./0-9:=?@A-Z\[\]^_a-z{}~]*", 4096
)
UMASK = _grammar("file mode mask", r"0?[0-7]{3,4}", 5)
# No component is "..", none begins with a dash or holds what a shell or a Dockerfile would expand.
_PART = r"(?!\.\.?(?:/|$))[\w.+@,=:~%][\w.+@,=:~% -]*"
PLACEHOLDER = _grammar("declared file", r"(config|input|output):[\w.+@,=:~%][\w.+@,=:~% #-]*")
ABSOLUTE_PATH = _grammar("absolute path", rf"/(?:{_PART}(?:/{_PART})*/?)?", 4096)
RELATIVE_PATH = _grammar("relative path", rf"{_PART}(?:/{_PART})*", 4096)

# What EUPS says of a product that is set up: "afw 2.1+3 -f Linux64 -Z /stack"; "LOCAL:/path", "(none)".
EUPS_WORDS = _grammar("words of EUPS's", r"[\w.+@,=:~%/-]+( ([\w.+@,=:~%/-]+|\(none\)))*", 4096)


def checked(field: str, value: object, *grammars: Grammar) -> str:
    """Return a value that a grammar has.

    Parameters
    ----------
    field : `str`
        Where in the manifest the value stands.
    value : `object`
    *grammars : `Grammar`
        One of them must have it.

    Raises
    ------
    ReplayRefusedError
        Naming the field.
    """
    if isinstance(value, str) and any(len(value) <= one.longest and one.pattern.fullmatch(value) for one in grammars):
        return value
    raise ReplayRefusedError(f"{field}: {_shown(value)} is no {_named(grammars)}")


def _shown(value: object) -> str:
    if not isinstance(value, str):
        return f"a {type(value).__name__}"
    return repr(value) if len(value) <= _MAX_SHOWN else f"{value[:_MAX_SHOWN]!r}… ({len(value)} characters)"


def _named(grammars: Iterable[Grammar]) -> str:
    return " and no ".join(grammar.what for grammar in grammars)
