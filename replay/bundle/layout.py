# SPDX-License-Identifier: Apache-2.0
"""A bundle's file: a tar archive in OCI image layout (OCI image specification, "Image Layout"), and its safe reading.

``oci-layout``, ``index.json`` and ``blobs/sha256/…``, uncompressed, so that nothing in it is larger than it looks. The
index names one artifact: its configuration is the bundle's table of contents, its layers are the contents.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from envcap.digest import canonical_json, digest_of
from envcap.errors import EnvcapError
from envcap.model.parsing import parse_json

from ..errors import ReplayRefusedError

__all__ = ("SEAL", "BundleReader", "BundleWriter")

ARTIFACT = "application/vnd.envcap.bundle.v1+json"
SEAL = "io.envcap.seal"
"""The annotation that has the seal of the table of contents."""

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})", re.ASCII)
_MAX_JSON = 64 << 20
_MAX_BLOBS = 1_000_000
_CHUNK = 1 << 20
_NO_BUNDLE = (tarfile.TarError, EOFError, OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError)
_EPOCH = 315_532_800


class BundleWriter:
    """Writes a bundle. The same contents give the same bytes.

    Parameters
    ----------
    stream : binary stream
        Empty and open for writing.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._written: dict[str, int] = {}
        self._add("oci-layout", io.BytesIO(b'{"imageLayoutVersion":"1.0.0"}'))

    def add(self, data: bytes) -> tuple[str, int]:
        """Add a blob and return its digest and size."""
        return self.add_stream(io.BytesIO(data))

    def add_stream(self, stream: IO[bytes]) -> tuple[str, int]:
        """Add a blob from a seekable stream, from where it stands."""
        start = stream.tell()
        found = hashlib.sha256()
        while data := stream.read(_CHUNK):
            found.update(data)
        size = stream.tell() - start
        stream.seek(start)
        digest = f"sha256:{found.hexdigest()}"
        if digest not in self._written:
            self._written[digest] = size
            self._add(f"blobs/sha256/{found.hexdigest()}", stream, size)
        return digest, size

    def finish(self, contents: Mapping[str, Any], seal: str | None) -> None:
        """Write the table of contents and the index, and end the archive."""
        config = canonical_json(dict(contents))
        self.add(config)
        layers: list[Any] = [
            {"mediaType": "application/octet-stream", "digest": digest, "size": size}
            for digest, size in sorted(self._written.items())
            if digest != digest_of(config)
        ]
        manifest = canonical_json(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "artifactType": ARTIFACT,
                "config": {"mediaType": ARTIFACT, "digest": digest_of(config), "size": len(config)},
                "layers": layers,
            }
        )
        self.add(manifest)
        described: dict[str, Any] = {"mediaType": _MANIFEST, "artifactType": ARTIFACT}
        described |= {"digest": digest_of(manifest), "size": len(manifest)}
        if seal is not None:
            described["annotations"] = {SEAL: seal}
        index: dict[str, Any] = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [described]}
        self._add("index.json", io.BytesIO(canonical_json(index)))
        self._tar.close()

    def _add(self, name: str, stream: IO[bytes], size: int | None = None) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(stream.getbuffer()) if size is None and isinstance(stream, io.BytesIO) else size or 0
        info.mtime = _EPOCH
        self._tar.addfile(info, stream)


class BundleReader:
    """Reads a bundle that anybody may have made. Nothing of it is written anywhere, and no blob is believed unchecked.

    Parameters
    ----------
    path : `pathlib.Path`

    Attributes
    ----------
    contents : `dict`
        The table of contents.
    digest : `str`
        Of the table of contents.
    seal : `str` or `None`

    Raises
    ------
    ReplayRefusedError
        If it is no bundle, with what is wrong.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._stream = open(path, "rb")  # noqa: SIM115
        except OSError as err:
            raise ReplayRefusedError(f"{path}: {err.strerror}") from err
        self._places: dict[str, tuple[int, int]] = {}
        self._small: dict[str, tuple[int, int]] = {}
        try:
            self._scan()
            self.seal, self.digest, self.contents = self._read_index()
        except (*_NO_BUNDLE, EnvcapError) as err:
            self._stream.close()
            told = "" if isinstance(err, ReplayRefusedError) else f"it is no bundle: {type(err).__name__}: "
            reason = f"{told}{err}"
            raise ReplayRefusedError(f"{path}: {' '.join(reason.split())[:300]}") from err

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _scan(self) -> None:
        """Note where each blob is. Only what a bundle holds may be in it: no link, no device, no other name."""
        with tarfile.open(fileobj=self._stream, mode="r:") as archive:
            for number, member in enumerate(archive):
                blob = _BLOB.fullmatch(member.name)
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or number > _MAX_BLOBS:
                    raise ReplayRefusedError(f"{member.name[:80]!r} is no regular file")
                if member.sparse is not None:
                    raise ReplayRefusedError(f"{member.name[:80]!r} is sparse")
                place = (member.offset_data, member.size)
                name = f"sha256:{blob[1]}" if blob else member.name
                target = self._places if blob else self._small
                if not blob and name not in ("oci-layout", "index.json"):
                    raise ReplayRefusedError(f"{member.name[:80]!r} has no place in a bundle")
                if name in target:
                    raise ReplayRefusedError(f"{name} is in it twice")
                target[name] = place

    def _read_index(self) -> tuple[str | None, str, dict[str, Any]]:
        index = parse_json(self._bytes(*self._small["index.json"]))
        (described,) = (one for one in index["manifests"] if one.get("artifactType") == ARTIFACT)
        manifest = parse_json(self.blob(described["digest"]))
        digest = str(manifest["config"]["digest"])
        contents = parse_json(self.blob(digest))
        if not isinstance(contents, dict):
            raise ReplayRefusedError("its table of contents is none")
        seal = (described.get("annotations") or {}).get(SEAL)
        return (str(seal) if seal is not None else None), digest, contents

    def has(self, digest: str) -> bool:
        """Whether a blob is in it."""
        return digest in self._places

    def blob(self, digest: str) -> bytes:
        """Return a blob of moderate size, checked.

        Raises
        ------
        ReplayRefusedError
            If it is missing, too large, or not of that digest.
        """
        if digest not in self._places:
            raise ReplayRefusedError(f"the blob {str(digest)[:80]!r} is not in it")
        data = self._bytes(*self._places[digest])
        if digest_of(data) != digest:
            raise ReplayRefusedError(f"the blob {digest} is not of that digest")
        return data

    def extract(self, digest: str, target: Path) -> None:
        """Write a blob to a new file, checked.

        Raises
        ------
        ReplayRefusedError
            If it is missing or not of that digest; then the file is gone again.
        """
        if digest not in self._places:
            raise ReplayRefusedError(f"the blob {str(digest)[:80]!r} is not in it")
        start, left = self._places[digest]
        self._stream.seek(start)
        found = hashlib.sha256()
        with open(target, "xb") as out:
            while left and (data := self._stream.read(min(left, _CHUNK))):
                found.update(data)
                out.write(data)
                left -= len(data)
        if left or f"sha256:{found.hexdigest()}" != digest:
            target.unlink()
            raise ReplayRefusedError(f"the blob {digest} is not of that digest")

    def _bytes(self, start: int, size: int) -> bytes:
        if size > _MAX_JSON:
            raise ReplayRefusedError(f"a document of {size} bytes is too large to be one")
        self._stream.seek(start)
        data = self._stream.read(size)
        if len(data) != size:
            raise ReplayRefusedError("it is cut short")
        return data
