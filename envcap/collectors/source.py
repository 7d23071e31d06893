# SPDX-License-Identifier: Apache-2.0
"""Code that no distribution's RECORD covers: editable installs, ``PYTHONPATH``, the script's own directory.

In git, the commit names almost all of it; the patch against it and the small importable files that git doesn't know
are kept. Elsewhere the files themselves are kept.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

from ..digest import digest_of_file
from ..errors import CollectorError
from ..model.components import CodeRoot, Source
from ..model.descriptor import Descriptor
from ..redact import scrub
from ..target import CodePlace, Target
from .base import Absent, Collected, Collector, Keep

__all__ = ("FILE_MEDIA_TYPE", "MAX_FILE", "MAX_FILES", "PATCH_MEDIA_TYPE", "SourceCollector")

PATCH_MEDIA_TYPE = "text/x-diff"
FILE_MEDIA_TYPE = "application/octet-stream"
MAX_FILE = 1 << 20
"""Largest file that is kept, in bytes."""
MAX_FILES = 2000
"""Most files that are kept of one root; a root with more is too large to be somebody's loose code."""

_IMPORTABLE = (".py", ".so", ".pth")
_DATA = (".yaml", ".yml", ".json", ".toml", ".cfg", ".ini", ".txt", ".csv", ".ecsv", ".sh")
_GIT_SECONDS = 60
# Nothing of a repository's own configuration may run here, and a look must not write to its index.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
_GIT_DIFF = ("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--binary", "--full-index", "HEAD", "--", ".")


class SourceCollector(Collector):
    """Asks git about each code root, and keeps what git can't give back."""

    kind = "source"

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


def _code_root(place: CodePlace, keep: Keep) -> tuple[CodeRoot | None, dict[str, str]]:
    name = os.path.basename(place.path)
    head = _git(place.path, "rev-parse", "--show-toplevel", "--show-prefix", "HEAD", tolerated=128)
    if head is None:
        files, left_out = _keep_files(place.path, _loose_files(place), keep)
        return (CodeRoot(name=name, files=files, left_out=left_out) if files else None), {}
    top, prefix, commit = head.decode("utf-8", "surrogateescape").splitlines()
    patch = _git(place.path, *_GIT_DIFF) or b""
    kept_patch, left_out = _keep_patch(patch, keep)
    listed = _git(place.path, "ls-files", "--others", "--exclude-standard", "-z", "--", ".") or b""
    untracked = [path for path in listed.decode("utf-8", "surrogateescape").split("\0") if path]
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


def _git(folder: str, *arguments: str, tolerated: int = 0) -> bytes | None:
    """Return what a git command prints; `None` for the exit status that means there is nothing."""
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
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
    if not patch:
        return None, {}
    if _has_secret(patch):
        return None, {"(patch)": "it seems to hold a secret; commit the rest, or take the secret out"}
    return keep(PATCH_MEDIA_TYPE, patch), {}


def _has_secret(data: bytes) -> bool:
    text = data.decode("utf-8", "surrogateescape")
    return scrub(text) != text


def _loose_files(place: CodePlace) -> Iterator[str]:
    """Yield the files of a root outside git; beside a script, only its modules and packages count."""
    for folder, folders, names in os.walk(place.path):
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
    for count, path in enumerate(paths):
        if count == MAX_FILES:
            raise CollectorError(f"{top}: more than {MAX_FILES} files of code outside git; commit them")
        full = os.path.join(top, path)
        if not os.path.isfile(full):
            continue
        size = os.path.getsize(full)
        if size > MAX_FILE:
            left_out[path] = f"{size} bytes"
        elif importable_only and not path.endswith(_IMPORTABLE):
            left_out[path] = digest_of_file(full)[0]
        else:
            with open(full, "rb") as stream:
                data = stream.read()
            if _has_secret(data):
                left_out[path] = "it seems to hold a secret"
            else:
                files[path] = keep(FILE_MEDIA_TYPE, data)
    return files, left_out
