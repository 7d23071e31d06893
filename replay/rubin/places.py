# SPDX-License-Identifier: Apache-2.0
"""Where a Butler repository keeps its parts: what a sandbox must show of this host, or that it takes a network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from ..errors import ReplayRefusedError

__all__ = ("RepositoryPlaces", "absolute", "is_here", "local_path", "repository_places")

_CONFIG = "butler.yaml"
_LOCAL = ("", "file", "sqlite")


@dataclass(frozen=True)
class RepositoryPlaces:
    """The places of a repository.

    Attributes
    ----------
    paths : `tuple` of `str`
        Directories and files of this host.
    remote : `bool`
        Whether a part of it is somewhere else.
    """

    paths: tuple[str, ...]
    remote: bool


def local_path(uri: str) -> str | None:
    """Return the path that a URI names on this host, `None` if it names another place."""
    parts = _split(uri)
    if parts is None:
        return None
    if parts.scheme == "file":
        return unquote(parts.path)
    return os.path.abspath(uri) if not parts.scheme else None


def absolute(uri: str) -> str:
    """Return the URI of a repository so that it names the same one from any directory; a label stays as it is."""
    path = local_path(uri)
    return path if path is not None and os.path.exists(path) else uri


def is_here(uri: str) -> bool:
    """Whether a repository may be there: one that is named by a path of this host must exist."""
    path = local_path(uri)
    return path is None or os.path.exists(path)


def repository_places(uri: str) -> RepositoryPlaces:
    """Return the places of a repository, as its configuration names them.

    Raises
    ------
    ReplayRefusedError
        If its configuration can't be read.
    """
    path = local_path(uri)
    if path is None or not os.path.exists(path):
        return RepositoryPlaces((), remote=True)  # on a server, or a label of the repository index
    root, config = (path, os.path.join(path, _CONFIG)) if os.path.isdir(path) else (os.path.dirname(path), path)
    paths, remote = [root], False
    for text in _texts(_read(config)):
        parts = _split(text)
        if parts is None:
            continue
        if parts.scheme.partition("+")[0] not in _LOCAL:
            remote = remote or "://" in text
        elif parts.path.startswith("/") and os.path.exists(parts.path.replace("//", "/")):
            paths.append(parts.path.replace("//", "/"))
    return RepositoryPlaces(tuple(dict.fromkeys(paths)), remote)


def _split(text: str) -> SplitResult | None:
    """Return the parts of a URI, `None` of what can't be one (``file://[``)."""
    try:
        return urlsplit(text)
    except ValueError:
        return None


def _read(config: str) -> object:
    import yaml

    try:
        with open(config, encoding="utf-8") as stream:
            return yaml.safe_load(stream)
    except FileNotFoundError:
        return None  # the middleware says it better
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as err:
        raise ReplayRefusedError(f"{config}: {' '.join(str(err).split())}") from err


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
