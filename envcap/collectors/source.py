# SPDX-License-Identifier: Apache-2.0
"""Code that no distribution's RECORD covers: editable installs, ``PYTHONPATH``, the script's own directory.

In git, the commit names almost all of it; the patch against it and the small importable files that git doesn't know
are kept. Elsewhere the files themselves are kept.
"""

from __future__ import annotations

import contextlib
import os
from binascii import crc32
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice

from ..digest import digest_of, digest_of_file
from ..errors import CollectorError
from ..ids import uuid7
from ..model.components import CodeRoot, Source
from ..model.descriptor import Descriptor
from ..model.document import Document
from ..redact import is_secret_file, scrub, scrubbed, scrubbed_kinds
from ..target import CodePlace, Target
from .base import Absent, Collected, Collector, Keep
from .source_state import repository_above, state_files

__all__ = ("FILE_MEDIA_TYPE", "MAX_FILE", "MAX_FILES", "PATCH_MEDIA_TYPE", "SourceCollector", "work_tree_state")

PATCH_MEDIA_TYPE = "text/x-diff"
FILE_MEDIA_TYPE = "application/octet-stream"
MAX_FILE = 1 << 20
"""Largest file that is kept, in bytes."""
MAX_FILES = 2000
"""Most files that are kept of one root; a root with more is too large to be somebody's loose code."""

_IMPORTABLE = (".py", ".so", ".pth")
_CODE = (
    ".py",
    ".pyi",
    ".pyx",
    ".pxd",
    ".c",
    ".cc",
    ".cpp",
    ".h",
    ".hpp",
    ".f90",
    ".jl",
    ".r",
    ".R",
    ".js",
    ".md",
    ".rst",
)
_DATA = (".yaml", ".yml", ".json", ".toml", ".cfg", ".ini", ".txt", ".csv", ".ecsv", ".sh")
_BY_CUSTOM = "it holds secrets by custom"
_TO_COMMIT = "; commit what is meant to stay"
_CHANGE = b"\ndiff --git "
_GIT_SECONDS = 60
_SLOTS = 64
_MAX_HASHED = 1 << 26
# Nothing that a repository configures may run here: no monitor, hook, external diff or text conversion. Its clean
# filters do run: without them git can't tell what has changed (LFS), and they come with the code that the job imports.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false",
        "-c", "diff.suppressBlankEmpty=false")  # fmt: skip
# All that a user's settings could change in a patch is fixed.
_GIT_DIFF = (
    "diff", "--no-color", "--no-ext-diff", "--no-textconv", "--binary", "--full-index", "--relative", "--no-renames",
    "--src-prefix=a/", "--dst-prefix=b/", "--diff-algorithm=myers", "--unified=3", "--inter-hunk-context=0",
    "--no-indent-heuristic", "--submodule=short", "-O/dev/null", "HEAD", "--", ".",
)  # fmt: skip


class SourceCollector(Collector):
    """Asks git about each code root, and keeps what git can't give back."""

    kind = "source"

    def looked_at(self, target: Target) -> Iterable[str] | None:
        """Return all files of the roots and what git knows of them; `None` without roots."""
        places = target.code_places()
        return [path for place in places for path in _state_files(place)] or None

    def facts(self, target: Target) -> Iterable[str]:
        """Return the roots."""
        return [f"{place.path} {place.deep}" for place in target.code_places()]

    def slot(self, target: Target) -> int:
        """Return a number by the roots: jobs of one interpreter run code in many of them."""
        return crc32("\n".join(self.facts(target)).encode("utf-8", "surrogateescape")) % _SLOTS

    def steady(self, component: Document) -> Mapping[str, object]:
        """Return what is imported: what a job writes beside its code is no change of it."""
        roots = []
        for root in Source.checked(component.data).roots:
            files = {name: kept.data for name, kept in root.files.items() if name.endswith(_IMPORTABLE)}
            left_out = {
                name: why
                for name, why in root.left_out.items()
                if name.endswith(_IMPORTABLE) or why.endswith(_TO_COMMIT)
            }
            roots.append({**root.data, "files": files, "left_out": left_out})
        return {"roots": roots}

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return the code roots in search order."""
        places = target.code_places()
        if not places:
            raise Absent(
                "all code belongs to distributions" if target.executable else "the command is no Python program"
            )
        roots = []
        where = []
        for place in places:
            root, facts = _code_root(place, keep)
            if root is not None:
                roots.append(root)
                where.append({"path": place.path, **facts})
        if not roots:
            raise Absent("the code roots hold no code")
        return Collected(Source(roots=roots), {"roots": where})


def _state_files(place: CodePlace) -> Iterator[str]:
    top = repository_above(place.path)
    if top is not None:
        return state_files(place.path, top)
    return (os.path.join(place.path, name) for name in _loose_files(place))


def _code_root(place: CodePlace, keep: Keep) -> tuple[CodeRoot | None, dict[str, str]]:
    name = os.path.basename(place.path)
    asked = ("rev-parse", "--show-toplevel", "--show-prefix", "HEAD", "--git-path", "index")
    head = _git(place.path, *asked, tolerated=128) if repository_above(place.path) is not None else None
    if head is None:
        files, left_out = _keep_files(place.path, _loose_files(place), keep)
        return (CodeRoot(name=name, files=files, left_out=left_out) if files else None), {}
    top, prefix, commit, its_index = head.decode("utf-8", "surrogateescape").splitlines()
    with _own_index(place.path, its_index) as index:
        patch = _git(place.path, *_GIT_DIFF, index=index) or b""
    kept_patch, left_out = _keep_patch(patch, keep)
    listed = _git(place.path, "ls-files", "--others", "--exclude-standard", "-z", "--", ".") or b""
    paths = listed.decode("utf-8", "surrogateescape").split("\0")
    untracked = [path for path in paths if path and "__pycache__/" not in path]
    files, too_much = _keep_files(place.path, iter(untracked), keep, importable_only=True)
    root = CodeRoot(
        name=name,
        commit=commit,
        subdir=prefix.rstrip("/") or None,
        patch=kept_patch,
        files=files,
        left_out={**left_out, **too_much},
    )
    remote = _git(place.path, "config", "--get", "remote.origin.url", tolerated=1)
    facts = {"work_tree": top}
    if remote:
        facts["remote"] = scrub(remote.decode("utf-8", "replace").strip())
    return root, facts


def work_tree_state(folder: str) -> tuple[str, bool] | None:
    """Return the commit of the work tree that a directory lies in, and whether the directory differs from it.

    `None` if it is in no repository, or in one without a commit.

    Raises
    ------
    CollectorError
        If git doesn't say.
    """
    found = _git(folder, "rev-parse", "HEAD", "--git-path", "index", tolerated=128)
    if found is None:
        return None
    commit, its_index = found.decode("utf-8", "surrogateescape").splitlines()
    with _own_index(folder, its_index) as index:
        changed = _git(folder, "status", "--porcelain", "--", ".", index=index)
    return commit, bool(changed)


@contextmanager
def _own_index(folder: str, its_index: str) -> Iterator[str]:
    """Give a copy of a repository's index, since git refreshes the one that it compares with: a look must not write."""
    index = os.path.join(folder, its_index)
    copy = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"envcap-{uuid7()}.index")  # noqa: S108  (a UUID is no guess)
    try:
        with contextlib.suppress(FileNotFoundError):
            import shutil

            # With its time: a file that was changed in the second in which the index was written counts as changed
            # only if the index is not younger than the file (git's "racy git").
            shutil.copy2(index, copy)
        yield copy
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(copy)


def _git(folder: str, *arguments: str, tolerated: int = 0, index: str | None = None) -> bytes | None:
    """Return what a git command prints; `None` for the exit status that means there is nothing."""
    # Inside a git hook, GIT_DIR and its like name another repository.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    import subprocess

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


def _keep_patch(patch: bytes, keep: Keep) -> tuple[Descriptor | None, dict[str, str]]:
    """Keep the patch of all files that may be kept; of the others, note the reason."""
    kept, left_out = [], {}
    for name, change in _changes(patch):
        reason = _BY_CUSTOM if is_secret_file(name) else _reason_against(name, change)
        if reason is None:
            kept.append(change)
        else:
            left_out[name] = reason + _TO_COMMIT
    whole = b"".join(kept)
    if len(whole) > MAX_FILE:
        return None, {**left_out, "(patch)": f"{len(whole)} bytes, {digest_of(whole)}{_TO_COMMIT}"}
    return (keep(PATCH_MEDIA_TYPE, whole) if whole else None), left_out


def _changes(patch: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a patch file by file, as name and change. Within a change, no line begins as its header does."""
    start = 0
    while start < len(patch):
        end = patch.find(_CHANGE, start) + 1 or len(patch)
        change, start = patch[start:end], end
        both = change.partition(b"\n")[0].removeprefix(_CHANGE[1:]).decode("utf-8", "surrogateescape")
        # It names the file twice, "a/NAME b/NAME", in quotes if the name has unusual characters.
        yield both[: len(both) // 2].strip('"').removeprefix("a/"), change


def _reason_against(name: str, data: bytes) -> str | None:
    """Return why a file or its change can't be kept, with a digest that tells two apart; `None` if it can."""
    if len(data) > MAX_FILE:
        return f"{len(data)} bytes, {digest_of(data)}"
    text = data.decode("utf-8", "surrogateescape")
    clean = scrub(text, code=name.endswith(_CODE))
    if clean != text:
        # Of what is left once the secret is out: a digest of a short secret could be guessed.
        kinds = " ".join(map(scrubbed, scrubbed_kinds(clean)))
        return f"it holds a secret, {kinds}; without it {digest_of(clean.encode('utf-8', 'surrogateescape'))}"
    return None


def _loose_files(place: CodePlace) -> Iterator[str]:
    """Yield the files of a root outside git; beside a script, only its modules and packages count."""
    for folder, folders, names in os.walk(place.path):
        if "pyvenv.cfg" in names:
            folders.clear()  # a virtual environment that happens to stand here
            continue
        inside = os.path.relpath(folder, place.path)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in ("__pycache__", "node_modules"))
        if not place.deep:
            folders[:] = [f for f in folders if os.path.exists(os.path.join(folder, f, "__init__.py"))]
        for name in sorted(names):
            if name.endswith(_IMPORTABLE if inside == "." and not place.deep else (*_IMPORTABLE, *_DATA)):
                yield os.path.normpath(os.path.join(inside, name))


def _keep_files(
    top: str, paths: Iterator[str], keep: Keep, importable_only: bool = False
) -> tuple[dict[str, Descriptor], dict[str, str]]:
    """Keep small files that look free of secrets; of the others, note the digest or the reason."""
    files: dict[str, Descriptor] = {}
    left_out: dict[str, str] = {}
    listed = list(islice(paths, MAX_FILES + 1))
    if len(listed) > MAX_FILES:
        raise CollectorError(f"{top}: more than {MAX_FILES} files of code outside git; commit them")
    for path in listed:
        full = os.path.join(top, path)
        if path.endswith("/"):
            left_out[path] = "a git repository of its own"
        elif is_secret_file(path):
            left_out[path] = _BY_CUSTOM
        elif os.path.isfile(full):
            if importable_only and not path.endswith(_IMPORTABLE):
                left_out[path] = _told(full)
                continue
            reason = _told(full) if os.path.getsize(full) > MAX_FILE else None
            if reason is None:
                with open(full, "rb") as stream:
                    data = stream.read()
                reason = _reason_against(path, data)
            if reason is None:
                files[path] = keep(FILE_MEDIA_TYPE, data)
            else:
                left_out[path] = reason
    return files, left_out


def _told(path: str) -> str:
    """Return a file's size, and its digest if that takes no more than a moment."""
    size = os.path.getsize(path)
    return f"{size} bytes" + (f", {digest_of_file(path)[0]}" if size <= _MAX_HASHED else "")
