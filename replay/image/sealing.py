# SPDX-License-Identifier: Apache-2.0
"""Make an image a pure function of its content: the layers that a build added, without the times at which it did.

A builder stamps files, layers and the configuration with the time of the build, so the same build has another image id
each time. Sealing writes these layers and the configuration anew with one fixed time, in one order. The layers of the
base stay as they are, and need not be read where an engine that has them takes a layer's name for its content.

The archive is that of ``docker save`` (moby ``image/spec/v1.2.md``): a configuration, a directory a layer, and
``manifest.json``.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

from envcap.digest import canonical_json, digest_of

from ..errors import BuildError

__all__ = ("EPOCH", "SealedImage", "sealed")

EPOCH = 315_532_800
"""The time that everything in a sealed image bears: 1980-01-01, the earliest that a zip file can hold."""
_CREATED = "1980-01-01T00:00:00Z"
_MANIFEST = "manifest.json"
_CHUNK = 1 << 20
_VOLATILE = ("var/cache/ldconfig/aux-cache", "var/log/dpkg.log", "var/log/alternatives.log", "var/log/apt/history.log",
             "var/log/apt/term.log", "var/log/apt/eipp.log.xz", "run/.containerenv")  # fmt: skip
"""Files that package managers and builders leave behind, with times in them."""


class SealedImage:
    """A sealed image, as an archive that an engine loads.

    Attributes
    ----------
    archive : binary stream
        At its beginning. The layers of the base are named in it, with or without their content.
    digest : `str`
        Of the configuration: the image's id.
    """

    def __init__(self, archive: IO[bytes], digest: str) -> None:
        self.archive = archive
        self.digest = digest


@contextmanager
def sealed(
    saved: IO[bytes], base_layers: Sequence[str], base_steps: int, tag: str, *, with_base: bool = False
) -> Iterator[SealedImage]:
    """Seal a built image.

    Parameters
    ----------
    saved : binary stream
        What ``docker save`` writes. It must be seekable.
    base_layers : sequence of `str`
        The diff ids of the base, lowest first.
    base_steps : `int`
        Entries of the base's history.
    tag : `str`
        The name that the sealed image is to have.
    with_base : `bool`
        Whether the content of the base's layers goes into the archive.

    Raises
    ------
    BuildError
        If the image isn't built on that base, or the archive is no image.
    """
    try:
        with tempfile.TemporaryFile() as out:
            with tarfile.open(fileobj=saved) as archive:
                (entry,) = json.load(_member(archive, _MANIFEST))
                config = json.load(_member(archive, entry["Config"]))
                with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as made:
                    if with_base:
                        _copy_layers(archive, entry["Layers"], base_layers, made)
                    digest = _write(archive, entry, config, base_layers, base_steps, tag, made)
            out.seek(0)
            yield SealedImage(out, digest)
    except (tarfile.TarError, KeyError, TypeError, ValueError) as err:
        raise BuildError(f"the engine saved no image: {type(err).__name__}: {err}") from err


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    stream = archive.extractfile(name)
    if stream is None:
        raise ValueError(f"{name} is no file")
    return stream


def _write(
    archive: tarfile.TarFile,
    entry: Mapping[str, Any],
    config: Mapping[str, Any],
    base_layers: Sequence[str],
    base_steps: int,
    tag: str,
    made: tarfile.TarFile,
) -> str:
    diff_ids = config["rootfs"]["diff_ids"]
    if list(diff_ids[: len(base_layers)]) != list(base_layers):
        raise BuildError("the builder made the image on another base than the one that was asked for")
    names = [_base_name(diff_id) for diff_id in base_layers]
    own = []
    for path in entry["Layers"][len(base_layers) :]:
        with tempfile.TemporaryFile() as layer:
            with tarfile.open(fileobj=_member(archive, path)) as given:
                _normalise(given, layer)
            own.append(_digest(layer))
            names.append(f"{own[-1].partition(':')[2]}.tar")
            _add(made, names[-1], layer)
    data = canonical_json(_sealed_config(config, [*base_layers, *own], base_steps))
    digest = digest_of(data)
    name = f"{digest.partition(':')[2]}.json"
    manifest = [{"Config": name, "RepoTags": [tag], "Layers": names}]
    _add(made, name, io.BytesIO(data))
    _add(made, _MANIFEST, io.BytesIO(json.dumps(manifest).encode()))
    return digest


def _base_name(diff_id: str) -> str:
    return f"base-{diff_id.partition(':')[2]}.tar"


def _copy_layers(
    archive: tarfile.TarFile, paths: Sequence[str], base_layers: Sequence[str], made: tarfile.TarFile
) -> None:
    for path, diff_id in zip(paths, base_layers, strict=False):
        _add(made, _base_name(diff_id), _member(archive, path))


def _sealed_config(config: Mapping[str, Any], diff_ids: Sequence[str], base_steps: int) -> dict[str, Any]:
    """Return an image's configuration without the times of its own steps; the base's history is kept as it is."""
    history = config.get("history", ())
    return {
        "architecture": config["architecture"],
        "os": config["os"],
        "config": config["config"],
        "created": _CREATED,
        "history": [*history[:base_steps], *({**step, "created": _CREATED} for step in history[base_steps:])],
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
    }


def _normalise(given: tarfile.TarFile, out: IO[bytes]) -> None:
    """Write a layer anew: entries by name, one time, numeric owners, no files that hold times of the build."""
    members = {os.path.normpath(member.name): member for member in given}
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as made:
        for name in sorted(members):
            if name in _VOLATILE:
                continue
            member = members[name]
            member.mtime = EPOCH
            member.uname = member.gname = ""
            member.pax_headers = {k: v for k, v in member.pax_headers.items() if k.startswith("SCHILY.xattr.")}
            made.addfile(member, given.extractfile(member) if member.isreg() else None)
    out.seek(0)


def _digest(stream: IO[bytes]) -> str:
    found = hashlib.sha256()
    while data := stream.read(_CHUNK):
        found.update(data)
    stream.seek(0)
    return f"sha256:{found.hexdigest()}"


def _add(made: tarfile.TarFile, name: str, data: IO[bytes]) -> None:
    info = tarfile.TarInfo(name)
    info.size = data.seek(0, os.SEEK_END)
    data.seek(0)
    made.addfile(info, data)
