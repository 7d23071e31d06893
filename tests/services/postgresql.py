# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server on loopback: its own data folder and port, without what makes a real one safe and slow."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.packages import need

__all__ = ("running_postgresql",)

_SECONDS = 60.0
_USER = "postgres"


@contextmanager
def running_postgresql() -> Iterator[str]:
    """Start it, give its URL, and stop it by its process id."""
    need("PostgreSQL")
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    folder = Path(tempfile.mkdtemp(prefix="envcap-postgresql-"))
    user = {"user": _USER, "group": _USER} if os.geteuid() == 0 else {}  # it refuses to run as root
    try:
        if user:
            shutil.chown(folder, _USER, _USER)
        data = folder / "data"
        initdb = [programs / "initdb", "--pgdata", data, "--username", _USER, "--auth", "trust", "--no-sync"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)  # type: ignore[call-overload]
        port = _free_port()
        settings = (f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")
        command = [programs / "postgres", "-D", data, *(word for one in settings for word in ("-c", one))]
        with open(folder / "log", "wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **user)  # type: ignore[call-overload]
        try:
            deadline = time.monotonic() + _SECONDS
            while subprocess.run([programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode:
                assert server.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.1)
            yield f"postgresql://{_USER}@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # it ends at once; after SIGTERM it would wait for its clients
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
