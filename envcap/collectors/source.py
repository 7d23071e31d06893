# SPDX-License-Identifier: Apache-2.0
"""Code that no distribution's RECORD covers: editable installs, ``PYTHONPATH``, the script's own directory.

In git, the commit names almost all of it; the patch against it and the small importable files that git doesn't know
are kept. Elsewhere the files themselves are kept.
"""

from __future__ import annotations

import os
from binascii import crc32
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from ..digest import digest_of, digest_of_file
from ..errors import CollectorError
from ..model.components import CodeRoot, Source
from ..model.descriptor import Descriptor
from ..model.document import Document
from ..redact import is_secret_file, scrub, scrubbed, scrubbed_kinds
from ..target import CodePlace, Target, find_program
from .base import NO_PYTHON, Absent, Collected, Collector, Keep
from .git import DIFF, ask_git, own_index
from .source_state import repository_above, state_files

__all__ = ("FILE_MEDIA_TYPE", "MAX_FILE", "MAX_FILES", "PATCH_MEDIA_TYPE", "SourceCollector", "reason_against")

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
_SLOTS = 64
_OF_A_VENV = "pyvenv.cfg"
_MAX_HASHED = 1 << 26


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
            raise Absent("all code belongs to distributions" if target.executable else NO_PYTHON)
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
    if top is not None and find_program("git", os.environ) is not None:
        return state_files(place.path, top)
    names = list(islice(_loose_files(place), MAX_FILES + 1))
    if len(names) > MAX_FILES:
        raise CollectorError(f"{place.path}: more than {MAX_FILES} files of code outside git")
    return (os.path.join(place.path, name) for name in names)


def _code_root(place: CodePlace, keep: Keep) -> tuple[CodeRoot | None, dict[str, str]]:
    name = os.path.basename(place.path)
    asked = ("rev-parse", "--show-toplevel", "--show-prefix", "HEAD", "--git-path", "index")
    head = ask_git(place.path, *asked, tolerated=128) if repository_above(place.path) is not None else None
    if head is None:
        files, left_out = _keep_files(place.path, _loose_files(place), keep)
        return (CodeRoot(name=name, files=files, left_out=left_out) if files else None), {}
    top, prefix, commit, its_index = head.decode("utf-8", "surrogateescape").splitlines()
    with own_index(place.path, its_index) as index:
        patch = ask_git(place.path, *DIFF, index=index) or b""
    kept_patch, left_out = _keep_patch(patch, keep)
    listed = ask_git(place.path, "ls-files", "--others", "--exclude-standard", "-z", "--", ".") or b""
    paths = listed.decode("utf-8", "surrogateescape").split("\0")
    # As among loose files, a virtual environment that happens to stand here is none of the code.
    environments = tuple(path.removesuffix(_OF_A_VENV) for path in paths if os.path.basename(path) == _OF_A_VENV)
    untracked = [p for p in paths if p and "__pycache__/" not in p and not p.startswith(environments)]
    files, too_much = _keep_files(place.path, iter(untracked), keep, importable_only=True)
    root = CodeRoot(
        name=name,
        commit=commit,
        subdir=prefix.rstrip("/") or None,
        patch=kept_patch,
        files=files,
        left_out={**left_out, **too_much},
    )
    remote = ask_git(place.path, "config", "--get", "remote.origin.url", tolerated=1)
    facts = {"work_tree": top}
    if remote:
        facts["remote"] = scrub(remote.decode("utf-8", "replace").strip())
    return root, facts


def _keep_patch(patch: bytes, keep: Keep) -> tuple[Descriptor | None, dict[str, str]]:
    """Keep the patch of all files that may be kept; of the others, note the reason."""
    kept, left_out = [], {}
    for name, change in _changes(patch):
        reason = _BY_CUSTOM if is_secret_file(name) else reason_against(name, change)
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


def reason_against(name: str, data: bytes) -> str | None:
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
        if _OF_A_VENV in names:
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
                reason = reason_against(path, data)
            if reason is None:
                files[path] = keep(FILE_MEDIA_TYPE, data)
            else:
                left_out[path] = reason
    return files, left_out


def _told(path: str) -> str:
    """Return a file's size, and its digest if that takes no more than a moment."""
    size = os.path.getsize(path)
    return f"{size} bytes" + (f", {digest_of_file(path)[0]}" if size <= _MAX_HASHED else "")
