# SPDX-License-Identifier: Apache-2.0
"""Whether the files that packages brought are still what they brought, and which files nobody brought.

RECORD has the hashes of a distribution's files, ``conda-meta`` those of conda's packages (``sha256_in_prefix`` where
the prefix was put in). Distributions may share a file, and conda rewrites some: any claim that holds is as good.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping

from ..errors import CollectorError
from ..fingerprint import Fingerprint, fingerprint
from ..model.components import InstalledFiles
from ..target import Target
from .base import NO_PYTHON, Absent
from .bounded import read_bounded
from .conda import MAX_RECORD, conda_prefix
from .python_dists import InstalledDistribution, installed_distributions, record_rows

__all__ = ("CONTENT", "STAT", "Installation", "has_digest")

STAT = "stat"
CONTENT = "content"

_MAX_NAMED = 1000
_BY_INSTALLERS = frozenset({"_virtualenv.py", "_virtualenv.pth", "README.txt"})
_WITHOUT_CONTENT = frozenset({"pyc_file", "unix_python_entry_point", "windows_python_entry_point_script"})


class _Claim:
    """What packages say of one file: its owner, when it was installed, its size, and any of its hashes."""

    __slots__ = ("hashes", "installed", "owner", "required", "size")

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.installed = 0
        self.size: set[int] = set()
        self.hashes: set[tuple[str, str]] = set()
        self.required = False


Claims = dict[str, _Claim]


class Installation:
    """All files that packages installed for an interpreter, by their records.

    Parameters
    ----------
    target : `Target`

    Raises
    ------
    Absent
        If the target is no Python program.
    CollectorError
        If a record can't be read.
    """

    def __init__(self, target: Target) -> None:
        if not target.executable:
            raise Absent(NO_PYTHON)
        self._prefix = target.prefix
        self._claims: Claims = {}
        self._unrecorded: set[str] = set()
        self._libraries = list(dict.fromkeys(folder for folder in target.path if folder.endswith("site-packages")))
        for found in installed_distributions(self._libraries):
            text = found.read_record()
            if text is None:
                self._unrecorded |= _roots_of(found)
            else:
                _claim_rows(self._claims, found, text)
        if (prefix := conda_prefix(target)) is not None:
            _claim_packages(self._claims, prefix)
        self._strays = sorted(path for folder in self._libraries for path in self._strays_in(folder))

    def state(self) -> Fingerprint:
        """Return the fingerprint of all files, those that nobody installed among them."""
        return fingerprint([*self._claims, *self._strays])

    def check(self, method: str = STAT) -> InstalledFiles:
        """Look at every file.

        Parameters
        ----------
        method : `str`
            ``stat``: a file is read only if its size differs, or it was changed (``ctime``) after its package had been
            installed. ``content``: all are read.
        """
        modified: dict[str, str] = {}
        missing: dict[str, str] = {}
        for path, claim in self._claims.items():
            verdict = _judge(path, claim, method)
            if verdict is not None:
                (missing if verdict else modified)[self._portable(path)] = claim.owner
        return InstalledFiles(
            method=method,
            files=len(self._claims),
            modified=_first(modified),
            missing=_first(missing),
            stray=[self._portable(path) for path in self._strays[:_MAX_NAMED]],
        )

    def _portable(self, path: str) -> str:
        return path[len(self._prefix) + 1 :] if path.startswith(self._prefix + "/") else path

    def _strays_in(self, library: str) -> Iterator[str]:
        """Yield the files of a library directory that no package brought: anything there can be imported."""
        for folder, folders, names in os.walk(library):
            folders[:] = [n for n in folders if n != "__pycache__" and os.path.join(folder, n) not in self._unrecorded]
            for name in names:
                path = os.path.join(folder, name)
                if path in self._claims or path in self._unrecorded:
                    continue
                if folder != library or name not in _BY_INSTALLERS:
                    yield path


def _first(named: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(named.items())[:_MAX_NAMED])


def _roots_of(found: InstalledDistribution) -> set[str]:
    """Return what belongs to a distribution that has no RECORD: its metadata, and its top-level modules."""
    folder = os.path.dirname(found.info)
    roots = {found.info}
    try:
        names = read_bounded(os.path.join(found.info, "top_level.txt"), MAX_RECORD).decode("utf-8", "replace").split()
    except (FileNotFoundError, NotADirectoryError):
        return roots
    return roots.union(*({os.path.join(folder, name), os.path.join(folder, f"{name}.py")} for name in names))


def _claim_rows(claims: Claims, found: InstalledDistribution, text: str) -> None:
    folder = os.path.dirname(found.info)
    installed = _changed_at(os.path.join(found.info, "RECORD"))
    for row, digest, size in record_rows(text):
        path = os.path.normpath(os.path.join(folder, row))
        claim = claims.setdefault(path, _Claim(f"python {found.name}"))
        if digest and not path.endswith(".pyc"):
            algorithm, _, value = digest.partition("=")
            claim.hashes.add((algorithm, value))
            claim.installed = max(claim.installed, installed)
            claim.required = True
            if size.isdecimal():
                claim.size.add(int(size))


def _claim_packages(claims: Claims, prefix: str) -> None:
    meta = os.path.join(prefix, "conda-meta")
    for name in sorted(os.listdir(meta)):
        if name.endswith(".json"):
            record = os.path.join(meta, name)
            installed = _changed_at(record)
            owner, entries = _entries(record)
            for entry in entries:
                path = os.path.join(prefix, str(entry.get("_path")))
                claim = claims.setdefault(path, _Claim(f"conda {owner}"))
                claim.installed = max(claim.installed, installed)
                _claim_entry(claim, entry)


def _claim_entry(claim: _Claim, entry: Mapping[str, object]) -> None:
    kind = entry.get("path_type")
    claim.required |= kind != "pyc_file"
    if kind in _WITHOUT_CONTENT or kind == "softlink":
        return
    in_prefix = entry.get("sha256_in_prefix")
    digest = in_prefix or (None if entry.get("prefix_placeholder") else entry.get("sha256"))
    if isinstance(digest, str):
        claim.hashes.add(("sha256", base64.urlsafe_b64encode(bytes.fromhex(digest)).rstrip(b"=").decode("ascii")))
    if isinstance(size := entry.get("size_in_bytes"), int) and not entry.get("prefix_placeholder"):
        claim.size.add(size)


def _entries(record: str) -> tuple[str, list[Mapping[str, object]]]:
    try:
        found = json.loads(read_bounded(record, MAX_RECORD))
        entries = found["paths_data"]["paths"] if "paths_data" in found else [{"_path": p} for p in found["files"]]
        return str(found["name"]), [entry for entry in entries if isinstance(entry, dict)]
    except (KeyError, TypeError, ValueError, RecursionError) as err:
        raise CollectorError(f"{record}: it does not tell its files: {type(err).__name__}: {err}") from err


def _changed_at(path: str) -> int:
    try:
        return os.stat(path).st_ctime_ns
    except OSError as err:
        raise CollectorError(f"{path}: {err.strerror or err}") from err


def _judge(path: str, claim: _Claim, method: str) -> bool | None:
    """Return whether a file is missing (true) or modified (false); `None` if it is as installed."""
    try:
        state = os.lstat(path)
    except OSError:
        return True if claim.required else None
    if not claim.hashes:
        return None
    suspicious = state.st_ctime_ns > claim.installed or bool(claim.size and state.st_size not in claim.size)
    if method == STAT and not suspicious:
        return None
    return None if any(has_digest(path, algorithm, value) for algorithm, value in claim.hashes) else False


def has_digest(path: str, algorithm: str, value: str) -> bool:
    """Whether a file has a RECORD's hash: URL-safe base64 without padding (PEP 376, PEP 427)."""
    import hashlib  # only where a file is suspicious: OpenSSL takes its time

    try:
        with open(path, "rb") as stream:
            found = hashlib.file_digest(stream, algorithm).digest()
    except (OSError, ValueError):
        return False
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode("ascii") == value
