# SPDX-License-Identifier: Apache-2.0
"""The files that decide what is told of a code root: while they are the same, git need not be asked again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice

from ..errors import CollectorError
from .bounded import read_bounded

__all__ = ("repository_above", "state_files")

_MAX_FILES = 2000
"""Most files and directories of a root: git, which looks at them with many threads, is the faster one beyond."""

_MAX_TEXT = 1 << 16
_MAX_INDEX = 1 << 22
_MAX_LINKS = 5
_IN_GIT = ("HEAD", "index", "packed-refs", "config", "info/exclude", "info/attributes")
_BESIDE_CODE = (".gitignore", ".gitattributes")
_ELSEWHERE = (b"excludesfile", b"attributesfile", b"include", b"worktree", b"refstorage")
"""Settings by which other files than those that are looked at decide, too (git-config(1))."""
_COMPRESSED = b"DIRC\0\0\0\x04"
"""How an index begins that doesn't hold whole paths (gitformat-index(5))."""


def repository_above(folder: str) -> str | None:
    """Return the directory, this or one above it, that holds a repository's ``.git``; `None` if none does.

    By its physical path, as git does.
    """
    folder = os.path.realpath(folder)
    while not _is_git(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return folder


def _is_git(path: str) -> bool:
    # git passes over a directory without a HEAD.
    return os.path.lexists(os.path.join(path, "HEAD")) or os.path.isfile(path)


def state_files(folder: str, top: str) -> Iterator[str]:
    """Yield the files that decide what git tells of a directory: all that lie in it, and git's own.

    What lies in virtual environments, in caches that tell git to ignore all of them, and byte code does not decide, as
    long as git has nothing of it.

    Parameters
    ----------
    folder : `str`
        The code root.
    top : `str`
        The directory that holds its ``.git``.

    Raises
    ------
    CollectorError
        If others may decide as well: then only git can tell.
    """
    git = os.path.join(top, ".git")
    configs = [*_settings_of_users(), os.path.join(git, "config")]
    for path in configs:
        if any(word in _text(path).lower() for word in _ELSEWHERE):
            raise CollectorError(f"{path}: names other files")
    if not os.path.isdir(git):
        raise CollectorError(f"{git}: its repository is elsewhere")
    yield from configs
    yield from (os.path.join(git, name) for name in _IN_GIT)
    yield from _branch(git)
    folder = os.path.realpath(folder)
    above = folder
    while above != top:
        above = os.path.dirname(above)
        yield from (os.path.join(above, name) for name in _BESIDE_CODE)
    yield from _files(folder, top)


def _branch(git: str) -> Iterator[str]:
    """Yield the files that say which commit HEAD is."""
    path = os.path.join(git, "HEAD")
    for _ in range(_MAX_LINKS):
        text = _text(path).decode("utf-8", "surrogateescape")
        if not text.startswith("ref: "):
            if text or _is_packed(git, os.path.relpath(path, git)):
                return
            raise CollectorError(f"{git}: no commit yet")
        path = os.path.join(git, text.removeprefix("ref: ").strip())
        yield path
    raise CollectorError(f"{git}/HEAD: too many references")


def _is_packed(git: str, reference: str) -> bool:
    """Whether a reference is among the packed ones."""
    return f" {reference}\n".encode("utf-8", "surrogateescape") in _text(os.path.join(git, "packed-refs"), _MAX_INDEX)


def _files(folder: str, top: str) -> Iterator[str]:
    waiting, left = [folder], _MAX_FILES
    index = _text(os.path.join(top, ".git", "index"), _MAX_INDEX)
    while waiting:
        inside = waiting.pop()
        with os.scandir(inside) as entries:
            found = list(islice(entries, left + 1))
        left -= len(found)
        if left < 0:
            raise CollectorError(f"{folder}: more than {_MAX_FILES} files")
        for entry in sorted(found, key=lambda one: one.name):
            if entry.name == ".git":
                if inside != top:
                    raise CollectorError(f"{entry.path}: a repository of its own")
            elif not entry.is_dir(follow_symlinks=False):
                yield entry.path
            elif not _is_derived(entry):
                waiting.append(entry.path)
            elif index.startswith(_COMPRESSED) or os.fsencode(os.path.relpath(entry.path, top) + "/") in index:
                raise CollectorError(f"{entry.path}: git may have files of it")


def _is_derived(entry: os.DirEntry[str]) -> bool:
    """Whether a directory holds what others made of code: byte code, a virtual environment, a tool's cache."""
    if entry.name == "__pycache__" or os.path.exists(os.path.join(entry.path, "pyvenv.cfg")):
        return True
    lines = _text(os.path.join(entry.path, ".gitignore")).split(b"\n")
    ignored = [line for line in lines if line[:1] not in (b"", b"#")] == [b"*"]
    return ignored and os.path.exists(os.path.join(entry.path, "CACHEDIR.TAG"))


def _settings_of_users() -> Iterator[str]:
    home = os.path.expanduser("~")
    of_user = os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "git")
    yield from ("/etc/gitconfig", os.path.join(home, ".gitconfig"))
    yield from (os.path.join(of_user, name) for name in ("config", "ignore", "attributes"))


def _text(path: str, limit: int = _MAX_TEXT) -> bytes:
    """Return the bytes of a file, none if it isn't there."""
    try:
        return read_bounded(path, limit)
    except (FileNotFoundError, NotADirectoryError):
        return b""
