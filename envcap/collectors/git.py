# SPDX-License-Identifier: Apache-2.0
"""Asks git about a work tree, and sees to it that the answer comes soon, writes nothing, and runs nobody's program."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import CollectorError
from ..ids import uuid7

__all__ = ("DIFF", "ask_git", "own_index", "work_tree_state")

_GIT_SECONDS = 60
# Nothing that a repository configures may run here: no monitor, hook, external diff or text conversion. Its clean
# filters do run: without them git can't tell what has changed (LFS), and they come with the code that the job imports.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false",
        "-c", "diff.suppressBlankEmpty=false")  # fmt: skip
# All that a user's settings could change in a patch is fixed.
DIFF = (
    "diff", "--no-color", "--no-ext-diff", "--no-textconv", "--binary", "--full-index", "--relative", "--no-renames",
    "--src-prefix=a/", "--dst-prefix=b/", "--diff-algorithm=myers", "--unified=3", "--inter-hunk-context=0",
    "--no-indent-heuristic", "--submodule=short", "-O/dev/null", "HEAD", "--", ".",
)  # fmt: skip


def work_tree_state(folder: str) -> tuple[str, bool] | None:
    """Return the commit of the work tree that a directory lies in, and whether the directory differs from it.

    `None` if it is in no repository, or in one without a commit.

    Raises
    ------
    CollectorError
        If git doesn't say.
    """
    found = ask_git(folder, "rev-parse", "HEAD", "--git-path", "index", tolerated=128)
    if found is None:
        return None
    commit, its_index = found.decode("utf-8", "surrogateescape").splitlines()
    with own_index(folder, its_index) as index:
        changed = ask_git(folder, "status", "--porcelain", "--", ".", index=index)
    return commit, bool(changed)


@contextmanager
def own_index(folder: str, its_index: str) -> Iterator[str]:
    """Give a copy of a repository's index, since git refreshes the one that it compares with: a look must not write."""
    index = os.path.join(folder, its_index)
    copy = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"envcap-{uuid7()}.index")  # noqa: S108  (a UUID is no guess)
    try:
        import shutil

        with contextlib.suppress(FileNotFoundError):
            # With its time: a file that was changed in the second in which the index was written counts as changed
            # only if the index is not younger than the file (git's "racy git").
            shutil.copy2(index, copy)
        yield copy
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(copy)


def ask_git(folder: str, *arguments: str, tolerated: int = 0, index: str | None = None) -> bytes | None:
    """Return what a git command prints; `None` for the exit status that means there is nothing."""
    import subprocess

    # Inside a git hook, GIT_DIR and its like name another repository.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", **({"GIT_INDEX_FILE": index} if index else {})}
    try:
        done = subprocess.run([*_GIT, "-C", folder, *arguments], capture_output=True, env=environ, timeout=_GIT_SECONDS)
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired:
        raise CollectorError(f"{folder}: git {arguments[0]} takes more than {_GIT_SECONDS} s") from None
    if done.returncode == 0:
        return done.stdout
    message = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode == tolerated and (
        "not a git repository" in message or "unknown revision" in message or not message
    ):
        return None
    raise CollectorError(f"{folder}: git {arguments[0]}: {message.splitlines()[0] if message else done.returncode}")
