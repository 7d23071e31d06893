# SPDX-License-Identifier: Apache-2.0
"""A package index on loopback ("Simple repository API", PEPs 503 and 658) of wheels in a directory."""

from __future__ import annotations

import hashlib
import http.server
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ("PackageIndex", "running_index")


class PackageIndex:
    """An index that answers.

    Attributes
    ----------
    wheels : `pathlib.Path`
        The directory; what is put there is served.
    url : `str`
    asked : `list` of `str`
        What was asked for, each with the range.
    sent : `int`
        Bytes of files.
    ranges : `bool`
        Whether ranges are taken.
    """

    def __init__(self, wheels: Path) -> None:
        self.wheels = wheels
        self.url = ""
        self.asked: list[str] = []
        self.sent = 0
        self.ranges = True

    def page(self, name: str) -> bytes | None:
        """Return the page of a project."""
        links = [
            f'<a href="/files/{path.name}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}"'
            f' data-core-metadata="true">{path.name}</a>'
            for path in sorted(self.wheels.glob("*.whl"))
            if re.sub(r"[-_.]+", "-", path.name.split("-")[0]).lower() == name
        ]
        return f"<!DOCTYPE html><html><body>{' '.join(links)}</body></html>".encode() if links else None

    def file(self, path: Path) -> bytes | None:
        """Return a wheel, or of a wheel its metadata (PEP 658)."""
        if path.suffix == ".metadata":
            with zipfile.ZipFile(path.with_suffix("")) as wheel:
                (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
                return wheel.read(name)
        return path.read_bytes() if path.is_file() else None


@contextmanager
def running_index(wheels: Path) -> Iterator[PackageIndex]:
    """Serve a directory of wheels."""
    index = PackageIndex(wheels)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            index.asked.append(f"{self.path} {wanted}".strip())
            found = re.fullmatch(r"/simple/([^/]+)/", self.path)
            path = index.wheels / self.path.rpartition("/")[2]
            body = index.page(found[1]) if found else index.file(path)
            if body is None:
                self.send_error(404)
                return
            span = re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", wanted) if index.ranges and not found else None
            self.send_response(206 if span else 200)
            self.send_header("Content-Type", "text/html" if found else "application/octet-stream")
            if span:
                start, end = int(span[1]), min(int(span[2]), len(body) - 1)
                self.send_header("Content-Range", f"bytes {start}-{end}/{len(body)}")
                body = body[start : end + 1]
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                index.sent += 0 if found else len(body)
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    index.url = f"http://127.0.0.1:{server.server_port}/simple"
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
