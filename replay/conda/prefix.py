# SPDX-License-Identifier: Apache-2.0
"""Makes a prefix from package files, by rattler: no solve, no network, no script of a package's is run."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from ..errors import BuildError
from ..kept import KeptFiles
from .packages import LockedPackage

__all__ = ("make_prefix",)

_PLACES = ("extracted_package_dir", "package_tarball_full_path", "requested_specs", "requested_spec", "link")


def make_prefix(
    kept: KeptFiles, packages: Mapping[LockedPackage, str], folder: Path, stands_at: str | None = None
) -> None:
    """Make a prefix that holds some packages and nothing else.

    Parameters
    ----------
    kept : `KeptFiles`
    packages : mapping
        Digests of the packages' files.
    folder : `pathlib.Path`
        Must not exist yet.
    stands_at : `str`, optional
        Where the prefix will stand, if that is elsewhere: it is written into files.

    Raises
    ------
    BuildError
        If rattler isn't installed, or can't do it.
    """
    try:
        import rattler
        from rattler.exceptions import ExtractError, InstallerError, IoError, LinkError, TransactionError
    except ImportError:
        raise BuildError("a conda prefix is made by rattler: pip install 'envcap[conda]'") from None
    scratch = folder.with_name(f"{folder.name}.packages")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    files = {}
    try:
        for one, digest in packages.items():
            files[one] = scratch / one.file_name
            kept.export(digest, files[one])

        async def install() -> None:
            records = [await rattler.RepoDataRecord.from_package_archive(path) for path in files.values()]
            for record, one in zip(records, files, strict=True):
                record.subdir = one.subdir
            # What it unpacks is linked into the prefix, and must not be shared with another prefix.
            await rattler.install(
                records,
                target_prefix=folder,
                cache_dir=scratch / "cache",
                show_progress=False,
                execute_link_scripts=False,
                alternative_target_prefix=stands_at,
            )

        try:
            asyncio.run(install())
        except (ExtractError, InstallerError, IoError, LinkError, TransactionError, OSError) as err:
            raise BuildError(f"the conda prefix can't be made: {err}") from err
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for one in packages:
        _write_origin(folder, one)


def _write_origin(folder: Path, one: LockedPackage) -> None:
    """Let a record say where its package came from before it was kept, and nothing of this machine."""
    path = folder / "conda-meta" / f"{one.name}-{one.version}-{one.build}.json"
    try:
        record = json.loads(path.read_bytes())
    except OSError as err:
        raise BuildError(f"{path}: {err.strerror}; the package {one.file_name} is another one inside") from err
    for name in _PLACES:
        record.pop(name, None)
    origin = {"url": one.url, "channel": one.channel, "md5": one.md5, "sha256": one.sha256, "fn": one.file_name}
    record.update({name: value for name, value in origin.items() if value is not None})
    path.write_text(json.dumps(record, indent=2, sort_keys=True), encoding="utf-8")
    path.chmod(0o644)
