# SPDX-License-Identifier: Apache-2.0
"""The Python distributions that the job's interpreter can import, each with its normalised RECORD digest.

RECORD ("Recording installed projects", packaging.python.org) lists every installed file with its hash. Installers
differ in the bookkeeping they add, and scripts carry the prefix in their first line; the normalised form leaves both
out, so pip and uv, in two prefixes, at two times, give one digest.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping

from ..digest import digest_of
from ..errors import CollectorError
from ..model.components import Distribution, PythonDists
from ..redact import scrub_document
from ..target import Target
from .base import NO_PYTHON, Absent, Collected, Collector, Keep
from .bounded import read_bounded
from .conda import conda_prefix, owned_metadata

__all__ = (
    "InstalledDistribution",
    "PythonDistsCollector",
    "installed_distributions",
    "normalised_record",
    "record_rows",
)

_BOOKKEEPING = frozenset({"INSTALLER", "REQUESTED", "RECORD", "RECORD.jws", "RECORD.p7s", "direct_url.json",
                          "uv_cache.json", "uv_build.json"})  # fmt: skip
_SCRIPTS = ("bin/", "Scripts/")
_MOVED = ("../", *_SCRIPTS)
_METADATA = (".dist-info", ".egg-info")
_LIBRARIES = ("site-packages", "dist-packages")
_STARTUP = (".pth", "sitecustomize.py", "usercustomize.py")
_MAX_STARTUP = 1 << 22
_IMPORTS = (b"import ", b"import\t")
_OF_THE_VENV = frozenset({"_virtualenv.pth"})
"""What virtualenv and uv put into every environment that they make: bookkeeping, like INSTALLER."""


class InstalledDistribution:
    """A distribution as it stands in a directory of the search path.

    Attributes
    ----------
    name, version : `str`
        The name normalised (PEP 503).
    info : `str`
        Its ``.dist-info`` directory, or its ``.egg-info`` directory or file.
    """

    __slots__ = ("info", "name", "version")

    def __init__(self, info: str) -> None:
        stem, _, _ = os.path.basename(info).rpartition(".")
        name, _, version = stem.partition("-")
        self.name = re.sub(r"[-_.]+", "-", name).lower()
        self.version = version.partition("-py")[0] if info.endswith(".egg-info") else version
        self.info = info

    def direct_url(self) -> dict[str, object]:
        """Return its ``direct_url.json`` (PEP 610), empty if it came from an index."""
        try:
            with open(os.path.join(self.info, "direct_url.json"), "rb") as stream:
                found = json.load(stream)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except ValueError as err:
            raise CollectorError(f"{self.info}/direct_url.json: {err}") from err
        return found if isinstance(found, dict) else {}

    def read_record(self) -> str | None:
        """Return the text of its RECORD; `None` if it has none."""
        try:
            with open(f"{self.info}/RECORD", "rb", buffering=0) as stream:
                return stream.read().decode("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None


class PythonDistsCollector(Collector):
    """Reads every ``.dist-info`` on the target's search path; nothing is imported or run."""

    kind = "python_dists"

    def looked_at(self, target: Target) -> Iterator[str]:
        """Return the directories of the search path, and in them all records and what runs at Python's start."""
        yield os.path.join(target.prefix, "conda-meta")
        for folder in target.path:
            yield folder
            for name in _listed(folder):
                if name.endswith(_METADATA):
                    # An installer writes it last and anew, whatever else of the metadata changes.
                    yield f"{folder}/{name}/RECORD"
                elif name.endswith(_STARTUP):
                    yield f"{folder}/{name}"

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return all distributions with their normalised RECORD digests."""
        if not target.executable:
            raise Absent(NO_PYTHON)
        distributions = []
        origins = {}
        candidates = _startup_files(target)
        prefix = conda_prefix(target)
        of_conda = owned_metadata(prefix) if prefix is not None else frozenset()
        folders = {folder: os.path.realpath(folder) for folder in target.path}
        for found in installed_distributions(target.path):
            origin = found.direct_url()
            if origin.get("url"):
                origins[found.name] = str(origin["url"])
            editable = is_editable(origin)
            text = found.read_record()
            folder, info = os.path.split(found.info)
            by_conda = bool(of_conda) and os.path.join(folders[folder], info) in of_conda
            for name in [name for name, path in candidates.items() if os.path.dirname(path) == folder]:
                if text is not None and (text.startswith(f"{name},") or f"\n{name}," in text):
                    del candidates[name]
            digest = None if editable or text is None else normalised_record(text)
            distributions.append(
                Distribution(
                    name=found.name,
                    version=found.version,
                    record=digest,
                    editable=editable or None,
                    manager="conda" if by_conda else None,
                )
            )
        distributions.sort(key=lambda d: d.name)
        startup = {name: digest for name, path in candidates.items() if (digest := _executed(path)) is not None}
        component = PythonDists(
            distributions=distributions, startup={k: v for k, v in startup.items() if k not in _OF_THE_VENV} or None
        )
        place = {"prefix": target.prefix, "origins": scrub_document(origins)[0]}
        return Collected(component, {**place, "startup": startup} if startup else place)


def _startup_files(target: Target) -> dict[str, str]:
    """Return what Python executes at its start from its library directories (documentation of `site`), by name."""
    found: dict[str, str] = {}
    for folder in target.path:
        if folder.endswith(_LIBRARIES):
            for name in _listed(folder):
                if name.endswith(_STARTUP):
                    found.setdefault(name, os.path.join(folder, name))
    return found


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as err:
        raise CollectorError(f"{folder}: {err.strerror or err}") from err


def _executed(path: str) -> str | None:
    """Return the digest of what Python executes at its start; `None` of a ``.pth`` that only names directories."""
    try:
        data = read_bounded(path, _MAX_STARTUP)
    except FileNotFoundError:
        return None
    if path.endswith(".pth") and not data.startswith(_IMPORTS) and not any(b"\n" + word in data for word in _IMPORTS):
        return None
    return digest_of(data)


def is_editable(origin: Mapping[str, object]) -> bool:
    """Whether a ``direct_url.json`` says that its distribution only points at a source tree."""
    info = origin.get("dir_info")
    return isinstance(info, dict) and info.get("editable") is True


def installed_distributions(path: list[str]) -> Iterator[InstalledDistribution]:
    """Yield the distributions on a search path; of one name, the first counts, as for an import.

    Raises
    ------
    CollectorError
        If a directory on the path can't be read.
    """
    seen = set()
    for folder in path:
        for name in _listed(folder):
            if name.endswith(_METADATA):
                found = InstalledDistribution(os.path.join(folder, name))
                if found.name not in seen:
                    seen.add(found.name)
                    yield found


def record_rows(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, hash and size of each row of a RECORD, as written."""
    yield from _rows(text.splitlines(), quoted='"' in text)


def _rows(lines: list[str], quoted: bool) -> Iterator[tuple[str, str, str]]:
    if quoted:
        import csv

        rows: Iterator[list[str]] = csv.reader(lines)
    else:
        rows = (line.rsplit(",", 2) for line in lines)
    for row in rows:
        if row:
            path, digest, size = (*row, "", "")[:3]
            yield path, digest, size


def normalised_record(text: str) -> str:
    """Return the digest of a RECORD without what differs between installers and prefixes.

    Left out are byte code, the installer's own bookkeeping, and the hashes of scripts, whose first line is a place.
    Files outside the library directory are named from the prefix (``../../../share/x`` becomes ``share/x``).
    """
    lines = []
    special = []
    # Nearly all rows stay as they are; a quotation mark anywhere means that none may be taken for what it looks like.
    quoted = '"' in text
    for line in text.splitlines():
        if quoted or ".dist-info/" in line or ".pyc" in line or line.startswith(_MOVED) or line.count(",") < 2:
            special.append(line)
        else:
            lines.append(line)
    for path, digest, size in _rows(special, quoted):
        folder, _, name = path.rpartition("/")
        if name.endswith(".pyc") or (name in _BOOKKEEPING and folder.endswith(".dist-info")):
            continue
        while path.startswith("../"):
            path = path[3:]
        lines.append(f"{path},," if path.startswith(_SCRIPTS) else f"{path},{digest},{size}")
    return digest_of("\n".join(sorted(lines)).encode("utf-8", "surrogateescape"))
