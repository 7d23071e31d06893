# SPDX-License-Identifier: Apache-2.0
"""The files that decide what is told of a code root: while they are the same, git need not be asked again."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..errors import CollectorError
from .bounded import read_bounded

__all__ = ("repository_above", "state_files")

_MAX_FILES = 2000
"""Most files of a root: git, which looks at them with many threads, is the faster one beyond."""

_MAX_TEXT = 1 << 16
_IN_GIT = ("HEAD", "index", "packed-refs", "config", "info/exclude", "info/attributes")
_BESIDE_CODE = (".gitignore", ".gitattributes")
_ELSEWHERE = (b"excludesfile", b"attributesfile", b"include", b"worktree", b"refstorage")
"""Settings by which other files than those that are looked at decide, too (git-config(1))."""


def repository_above(folder: str) -> str | None:
    """Return the directory, this or one above it, that holds a ``.git``; `None` if none does."""
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return folder


def state_files(folder: str, top: str) -> Iterator[str]:
    """Yield the files that decide what git tells of a directory: all that lie in it, and git's own.

    What lies in virtual environments and in directories that tell git to ignore all of them does not decide.

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
    head = _text(os.path.join(git, "HEAD")).decode("utf-8", "surrogateescape")
    if head.startswith("ref: "):
        yield os.path.join(git, head.removeprefix("ref: ").strip())
    above = folder
    while above != top:
        above = os.path.dirname(above)
        yield from (os.path.join(above, name) for name in _BESIDE_CODE)
    yield from _files(folder, top)


def _files(folder: str, top: str) -> Iterator[str]:
    waiting, count = [folder], 0
    while waiting:
        inside = waiting.pop()
        with os.scandir(inside) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if entry.name == ".git":
                    if inside != top:
                        raise CollectorError(f"{entry.path}: a repository of its own")
                elif entry.is_dir(follow_symlinks=False):
                    if not _is_derived(entry):
                        waiting.append(entry.path)
                else:
                    count += 1
                    if count > _MAX_FILES:
                        raise CollectorError(f"{folder}: more than {_MAX_FILES} files")
                    yield entry.path


def _is_derived(entry: os.DirEntry[str]) -> bool:
    """Whether a directory holds what others made of code: byte code, a virtual environment, a tool's cache."""
    if entry.name == "__pycache__" or os.path.exists(os.path.join(entry.path, "pyvenv.cfg")):
        return True
    ignored = [
        line for line in _text(os.path.join(entry.path, ".gitignore")).split(b"\n") if line[:1] not in (b"", b"#")
    ]
    return ignored == [b"*"]


def _settings_of_users() -> Iterator[str]:
    home = os.path.expanduser("~")
    of_user = os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "git")
    yield from ("/etc/gitconfig", os.path.join(home, ".gitconfig"))
    yield from (os.path.join(of_user, name) for name in ("config", "ignore", "attributes"))


def _text(path: str) -> bytes:
    try:
        return read_bounded(path, _MAX_TEXT)
    except (FileNotFoundError, NotADirectoryError):
        return b""
