# SPDX-License-Identifier: Apache-2.0
"""Reads the RECORD of a wheel on a server, and of that only the pieces of the archive that lead to it.

Where a server takes no ranges (RFC 9110, 14), the whole file comes.
"""

from __future__ import annotations

import io
import re
import urllib.error
import urllib.request
import zipfile

from ..errors import CollectorError
from ..redact import scrub
from .wheel_record import record_as_installed

__all__ = ("remote_record",)

_SECONDS = 60
_PIECE = 1 << 16
_MAX_WHOLE = 1 << 32
_MAX_RECORD = 1 << 26
_TOTAL = re.compile(r"bytes [0-9]+-[0-9]+/([0-9]+)")


def remote_record(url: str) -> tuple[str, int]:
    """Return the RECORD of a wheel as it would be once installed, and the wheel's size in bytes.

    Parameters
    ----------
    url : `str`
        http, https or file.

    Raises
    ------
    CollectorError
        If it can't be read, or is no wheel.
    """
    try:
        with _opened(url) as stream:
            size = stream.seek(0, io.SEEK_END)
            with zipfile.ZipFile(stream) as archive:
                (name,) = [n for n in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/RECORD", n)]
                points = name.removesuffix("RECORD") + "entry_points.txt"
                text = _text(archive, name)
                return record_as_installed(text, _text(archive, points) if points in archive.namelist() else None), size
    except (urllib.error.URLError, TimeoutError, ConnectionError) as err:
        raise CollectorError(f"{scrub(url)}: {getattr(err, 'reason', err)}") from err
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as err:
        raise CollectorError(f"{scrub(url)}: no wheel that can be read: {err}") from err


def _text(archive: zipfile.ZipFile, name: str) -> str:
    if archive.getinfo(name).file_size > _MAX_RECORD:
        raise ValueError(f"its {name} is too large")
    return archive.read(name).decode("utf-8")


def _opened(url: str) -> io.BufferedIOBase | io.BytesIO:
    scheme = url.partition(":")[0].lower()
    if scheme not in ("http", "https", "file"):
        raise CollectorError(f"{scrub(url)}: neither http nor https nor file")
    if scheme == "file":
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310
            return io.BytesIO(answer.read(_MAX_WHOLE))
    first = urllib.request.Request(url, headers={"Range": f"bytes=0-{_PIECE - 1}"})  # noqa: S310
    with urllib.request.urlopen(first, timeout=_SECONDS) as answer:  # noqa: S310
        total = _TOTAL.fullmatch(answer.headers.get("Content-Range", ""))
        if answer.status != 206 or total is None:
            return io.BytesIO(answer.read(_MAX_WHOLE))
        head = answer.read(_PIECE)
    return io.BufferedReader(_Ranges(url, int(total[1]), head), _PIECE)  # type: ignore[type-var]


class _Ranges(io.RawIOBase):
    """A file on a server that takes ranges.

    Parameters
    ----------
    url : `str`
    size : `int`
    head : `bytes`
        Its beginning.
    """

    def __init__(self, url: str, size: int, head: bytes) -> None:
        self._url = url
        self._size = size
        self._head = head
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        data = self._piece(self._at, min(self._at + len(buffer), self._size))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _piece(self, start: int, end: int) -> bytes:
        if start >= end:
            return b""
        if end <= len(self._head):
            return self._head[start:end]
        request = urllib.request.Request(self._url, headers={"Range": f"bytes={start}-{end - 1}"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            if answer.status != 206:
                raise OSError("the server takes ranges no more")
            return bytes(answer.read(end - start))
