# SPDX-License-Identifier: Apache-2.0
"""The sandbox of the engines that run containers.

No network, a read-only root, no capabilities and no way to gain any, an ordinary user, the engine's own seccomp
profile, and limits on memory, processes, processors and time. What is mounted is read-only but for one directory.
"""

from __future__ import annotations

import os
import select
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from envcap.ids import uuid7

from ..errors import BuildError, ReplayRefusedError
from ..image.client import EngineClient, translated
from .base import Ended, Limits, Mount, Process, Program, Sandbox

__all__ = ("ContainerSandbox", "confinement")

_FRAME = struct.Struct(">BxxxL")
_STDERR = 2
_GRACE = 10.0
_ORDINARY = 1000
_MODEST = 1024
_ENGINES_UMASK = 0o022
# What is there belongs to the image, and an ordinary user can't enter the home of root.
_THE_IMAGES = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/opt/envcap", "/proc", "/root", "/run", "/sbin",
               "/sys", "/usr", "/var")  # fmt: skip


class ContainerSandbox(Sandbox):
    """Runs each program in a container of its own.

    Parameters
    ----------
    client : `EngineClient`
    image : `str`
        Digest of the image.
    limits : `Limits`
    """

    alone = True

    def __init__(self, client: EngineClient, image: str, limits: Limits) -> None:
        super().__init__(limits)
        self._client = client
        self._image = image

    @property
    def user(self) -> tuple[int, int]:
        """The user and the group that programs run as: this one, but never root."""
        return _ordinary_user()

    def own(self, folder: str) -> None:
        """Give a file or directory to that user; what is in it was made by that user."""
        if os.getuid() == 0 and os.path.exists(folder):
            os.chown(folder, *self.user)

    def start(self, program: Program) -> Process:
        """Start a program in a new container."""
        if program.network:
            told = "a part of the repository is on no directory of this host, and the container has no network"
            raise ReplayRefusedError(f"{told}; --engine venv, or put what it needs into a bundle")
        try:
            with translated():
                return ContainerProcess(self._create(program), program.log, self.limits)
        except BuildError as err:
            raise ReplayRefusedError(f"the payload can't be started: {err}") from err

    def _create(self, program: Program) -> Any:
        return self._client.sdk.containers.create(
            self._image,
            _command(program),
            name=f"envcap-replay-{uuid7()}",
            environment=dict(program.variables),
            working_dir=program.folder,
            stdin_open=True,
            mounts=[_mount(one) for one in program.mounts],
            **self.options(),
        )

    def place_of(self, folder: str, wanted: str, mounts: Sequence[Mount]) -> str:
        """Return the wanted place, unless that hides something."""
        taken = (*_THE_IMAGES, *(one.target for one in mounts))
        hides = any(place == wanted or place.startswith(f"{wanted}/") for place in taken)
        inside = any(wanted.startswith(f"{place}/") for place in _THE_IMAGES)
        return folder if hides or inside or wanted == "/" else wanted

    def options(self) -> dict[str, Any]:
        """Return what confines a container, as the docker SDK has it."""
        limits = self.limits
        return {
            "user": f"{self.user[0]}:{self.user[1]}",
            "network_mode": "none",
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "pids_limit": limits.pids,
            "mem_limit": limits.memory,
            "memswap_limit": limits.memory,
            "nano_cpus": limits.cpus * 1_000_000_000,
            "tmpfs": {"/tmp": f"rw,nosuid,nodev,noexec,size={limits.scratch}"},  # noqa: S108
            "ipc_mode": "private",
            "hostname": "replay",
            "init": True,
            "log_config": {"Type": "none"} if self._client.kind == "docker" else None,
            "ulimits": _modest_limits() if self._client.kind == "podman" else None,
        }

    def describe(self) -> str:
        """Return what it holds a payload to."""
        return confinement(self._client.kind, self.limits)


def _command(program: Program) -> list[str]:
    """Return a program's words; an engine starts them with its own mask, which only a shell can change."""
    if program.umask is None or int(program.umask, 8) == _ENGINES_UMASK:
        return list(program.command)
    return ["/bin/sh", "-c", f'umask {program.umask} && exec "$@"', "sh", *program.command]


def confinement(kind: str, limits: Limits) -> str:
    """Return in a few words what containers of an engine hold a payload to."""
    return (
        f"{kind}: no network, read-only root, no capabilities, user {_ordinary_user()[0]}, "
        f"{limits.memory >> 20} MiB, {limits.cpus} processors, {limits.pids} processes, {limits.seconds} s"
    )


def _modest_limits() -> list[Any]:
    """Return limits that anybody may set: Podman asks for as much as there is, and is refused where it may not."""
    from docker.types import Ulimit

    return [Ulimit(name=name, soft=_MODEST, hard=_MODEST) for name in ("nofile", "nproc")]


def _ordinary_user() -> tuple[int, int]:
    return (os.getuid(), os.getgid()) if os.getuid() else (_ORDINARY, _ORDINARY)


def _mount(one: Mount) -> Any:
    from docker.types import Mount as EngineMount

    return EngineMount(one.target, one.source, type="bind", read_only=not one.writable)


class ContainerProcess(Process):
    """The program of one container.

    Parameters
    ----------
    container : `docker.models.containers.Container`
        Created, and not started.
    log : `str`
        Takes the standard error.
    limits : `Limits`
    """

    def __init__(self, container: Any, log: str, limits: Limits) -> None:
        self._container = container
        self._limits = limits
        self._log = open(log, "ab", buffering=0)  # noqa: SIM115
        self._frames = b""
        self._read = b""
        try:
            # Attached before it starts, so that nothing that it writes is lost.
            options = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            stream = container.client.api.attach_socket(container.id, params=options)
            self._stream = stream
            self._socket = getattr(stream, "_sock", stream)
            container.start()
        except BaseException:
            self._log.close()
            container.remove(force=True)
            raise

    def send(self, line: str) -> None:
        """Write a line."""
        self._socket.sendall(line.encode() + b"\n")

    def receive(self, seconds: float) -> str | None:
        """Return the next line."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._read:
            if not select.select([self._socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            data = self._socket.recv(1 << 16)
            if not data:
                return None
            self._take(data)
        line, _, self._read = self._read.partition(b"\n")
        return line.decode("utf-8", "replace")

    def _take(self, data: bytes) -> None:
        """Take frames apart: a byte for the stream, three of nothing, four for the length (Docker API, attach)."""
        self._frames += data
        while len(self._frames) >= _FRAME.size:
            number, length = _FRAME.unpack_from(self._frames)
            end = _FRAME.size + length
            if len(self._frames) < end:
                return
            text, self._frames = self._frames[_FRAME.size : end], self._frames[end:]
            if number == _STDERR:
                self._log.write(text)
            else:
                self._read += text

    def interrupt(self) -> None:
        """Send SIGINT to the container's first process, which hands it on."""
        with suppress(BuildError), translated():
            self._container.kill(signal="SIGINT")

    def wait(self, seconds: float) -> Ended:
        """Wait for it: whoever kills the client only leaves the container running, so that is what is killed."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if self.receive(max(0.0, deadline - time.monotonic())) is None:
                    break
            except TimeoutError:
                self._kill()
                return Ended(-9, f"it took more than {seconds:.0f} s, and was killed")
        with translated():
            status = int(self._container.wait(timeout=_GRACE)["StatusCode"])
            self._container.reload()
            out_of_memory = bool(self._container.attrs["State"].get("OOMKilled"))
        if out_of_memory:
            return Ended(status, f"it took more than {self._limits.memory >> 20} MiB of memory, and was killed")
        return Ended(status if status <= 128 else 128 - status)

    def _kill(self) -> None:
        with suppress(BuildError), translated():
            self._container.kill()

    def close(self) -> None:
        """Take the container away, whatever runs in it."""
        with suppress(BuildError), translated():
            self._container.remove(force=True, v=True)
        with suppress(OSError):
            self._stream.close()
        self._log.close()
