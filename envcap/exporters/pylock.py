# SPDX-License-Identifier: Apache-2.0
"""The lock file of the standard: ``pylock.toml`` (PEP 751), written by packaging and tomli-w."""

from __future__ import annotations

from ..errors import UsageError
from ..model.components import Artifact, Interpreter
from ..store.base import ObjectStore
from ..store.index import Attempt
from .artifacts import artifacts_of, captured, why_left_out
from .base import Exported, Exporter

__all__ = ("PylockExporter",)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class PylockExporter(Exporter):
    """Each distribution by the very wheel that it was installed from, or by its commit."""

    format = "pylock"
    suffix = ".toml"

    def export(self, attempt: Attempt, store: ObjectStore) -> Exported:
        """Return the lock; conda's distributions are left to the locks of conda's."""
        try:
            import tomli_w
            from packaging.pylock import Pylock
            from packaging.specifiers import SpecifierSet
            from packaging.version import Version
        except ImportError as err:
            raise UsageError(
                f"pylock.toml is written by packaging and tomli-w: pip install 'envcap[export]' ({err})"
            ) from err
        minor = ".".join(captured(attempt, store, "interpreter", Interpreter).version.split(".")[:2])
        packages, left_out = [], {}
        for one in artifacts_of(attempt, store).artifacts:
            package = _package(one)
            if package is not None:
                packages.append(package)
            elif one.origin != "conda":
                left_out[f"{one.name} {one.version}"] = why_left_out(one)
        lock = Pylock(
            lock_version=Version("1.0"),
            requires_python=SpecifierSet(f"=={minor}.*"),
            created_by="envcap",
            packages=packages,
        )
        return Exported(tomli_w.dumps(lock.to_dict()), left_out)


def _package(one: Artifact) -> Any:
    from packaging.pylock import Package, PackageArchive, PackageVcs, PackageWheel
    from packaging.utils import NormalizedName
    from packaging.version import Version

    name, version = NormalizedName(one.name), Version(one.version)
    if one.origin == "index" and one.sha256:
        wheel = PackageWheel(name=one.file_name, url=one.url, size=one.size, hashes={"sha256": one.sha256})
        return Package(name=name, version=version, wheels=[wheel])
    if one.origin == "archive" and one.sha256:
        archive = PackageArchive(url=one.url, hashes={"sha256": one.sha256})
        return Package(name=name, version=version, archive=archive)
    if one.commit:
        return Package(name=name, version=version, vcs=PackageVcs(type=one.origin, url=one.url, commit_id=one.commit))
    return None
