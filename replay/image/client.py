# SPDX-License-Identifier: Apache-2.0
"""A container engine: Docker, or Podman by Docker's interface. Built by its program, run by its socket.

The docker SDK has no BuildKit, so images are built by the program, which must have it: a `docker` without it may stand
first on PATH, so each is asked.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from envcap.redact import scrub

from ..errors import BuildError

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ("EngineClient", "Image", "connect", "translated")

_SECONDS = 120
_BUILD_SECONDS = 3600
_MAX_REASON = 300
_MAX_CAUSE = 120
_DOCKER_SOCKET = "unix:///var/run/docker.sock"
_PODMAN_SOCKET = "/run/podman/podman.sock"
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Image:
    """An image that an engine has.

    Attributes
    ----------
    id : `str`
        Digest of its configuration: what it is.
    layers : `tuple` of `str`
        Diff ids, lowest first.
    steps : `int`
        Entries of its history.
    references : `tuple` of `str`
        ``NAME@DIGEST`` of the registries that it was pulled from or pushed to.
    labels : mapping
    machine : `str`
        As `uname -m` has it.
    """

    id: str
    layers: tuple[str, ...]
    steps: int
    references: tuple[str, ...]
    labels: Mapping[str, str]
    machine: str


class EngineClient:
    """A connection to an engine that answers.

    Parameters
    ----------
    kind : `str`
        ``docker`` or ``podman``.
    sdk : `docker.DockerClient`
    address : `str`
        Where it answers.
    """

    def __init__(self, kind: str, sdk: DockerClient, address: str) -> None:
        self.kind = kind
        self.sdk = sdk
        self.address = address

    def find(self, reference: str) -> Image | None:
        """Return an image by name, by digest or by id; `None` if the engine doesn't have it.

        Raises
        ------
        BuildError
            If the engine doesn't answer.
        """
        from docker.errors import ImageNotFound, NotFound

        with translated():
            try:
                found = self.sdk.api.inspect_image(reference)
            except (ImageNotFound, NotFound):
                return None
            steps = len(self.sdk.api.history(found["Id"]))
        return Image(
            id=found["Id"] if found["Id"].startswith("sha256:") else f"sha256:{found['Id']}",
            layers=tuple(found["RootFS"].get("Layers") or ()),
            steps=steps,
            references=tuple(found.get("RepoDigests") or ()),
            labels=(found.get("Config") or {}).get("Labels") or {},
            machine=_MACHINES.get(found["Architecture"], found["Architecture"]),
        )

    def has(self, reference: str) -> bool:
        """Whether the engine has an image; one question, for what is asked each time."""
        from docker.errors import ImageNotFound, NotFound

        with translated():
            try:
                self.sdk.api.inspect_image(reference)
            except (ImageNotFound, NotFound):
                return False
        return True

    def pull(self, reference: str) -> Image:
        """Fetch an image from its registry.

        Raises
        ------
        BuildError
            If it can't be had.
        """
        from docker.errors import APIError

        with translated():
            try:
                self.sdk.images.pull(reference)
            except APIError as err:
                raise BuildError(f"the image {reference} can't be pulled: {_one_line(err.explanation or err)}") from err
        found = self.find(reference)
        if found is None:
            raise BuildError(f"the image {reference} was pulled and is not there")
        return found

    def read(self, reference: str, path: str) -> bytes | None:
        """Return an archive with one file of an image, which isn't run for that; `None` if it has no such file.

        Raises
        ------
        BuildError
            If the engine doesn't answer.
        """
        from docker.errors import NotFound

        with translated():
            container = self.sdk.api.create_container(reference, command=["-"], network_disabled=True)["Id"]
            try:
                stream, _ = self.sdk.api.get_archive(container, path)
                return b"".join(stream)
            except NotFound:
                return None
            finally:
                self.sdk.api.remove_container(container, force=True)

    def tag(self, image: Image, name: str) -> None:
        """Give an image a name."""
        repository, _, tag = name.rpartition(":")
        with translated():
            self.sdk.api.tag(image.id, repository, tag)

    def save(self, reference: str) -> Iterator[bytes]:
        """Yield the archive of an image, as ``docker save`` writes it."""
        with translated():
            yield from self.sdk.api.get_image(reference)

    def load(self, archive: IO[bytes]) -> None:
        """Take in the images of an archive.

        Raises
        ------
        BuildError
            If the engine refuses it.
        """
        with translated():
            for line in self.sdk.api.load_image(archive, quiet=True):
                if "error" in line:
                    raise BuildError(f"the engine takes no such image: {_one_line(line['error'])}")

    def remove(self, reference: str) -> None:
        """Take a name off an image, and the image away with its last name."""
        with translated():
            self.sdk.api.remove_image(reference)

    def build(self, folder: str, tag: str, arguments: Mapping[str, str]) -> None:
        """Build the Dockerfile of a directory, without a network.

        Raises
        ------
        BuildError
            If it fails, with the last that the builder said.
        """
        program, variables = self._builder()
        options = [f"--build-arg={name}={value}" for name, value in sorted(arguments.items())]
        command = [program, "build", "--network=none", f"--tag={tag}", *options, "--", folder]
        try:
            done = subprocess.run(
                command, env=variables, capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as err:
            raise BuildError(f"{program} build: {err}") from err
        if done.returncode:
            said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise BuildError(f"the image can't be built: {_one_line(' / '.join(said[-6:]))[-_MAX_REASON:]}")

    def _builder(self) -> tuple[str, dict[str, str]]:
        """Return a program that builds with BuildKit, and its environment."""
        if self.kind == "podman":
            program = shutil.which("podman")
            if program is None:
                raise BuildError("podman build: there is no podman on PATH")
            return program, dict(os.environ)
        program = _docker_with_buildkit()
        if program is None:
            raise BuildError("no docker on PATH builds with BuildKit; install docker.io, or docker's buildx plugin")
        return program, {**os.environ, "DOCKER_BUILDKIT": "1", "DOCKER_HOST": self.address}


@functools.cache
def _docker_with_buildkit() -> str | None:
    """Return the first `docker` on PATH that has BuildKit: since 23.0, it is a plugin, and not always there."""
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        program = os.path.join(folder, "docker")
        if os.access(program, os.X_OK) and (_major(program) in range(18, 23) or _answers(program, "buildx", "version")):
            return program
    return None


def connect(kind: str) -> EngineClient:
    """Return a connection to an engine.

    Parameters
    ----------
    kind : `str`
        ``docker`` (at ``DOCKER_HOST``, else its usual socket) or ``podman`` (``CONTAINER_HOST``, likewise).

    Raises
    ------
    BuildError
        If none answers.
    """
    try:
        import docker
    except ImportError:
        raise BuildError(f"the engine {kind} needs docker's Python package: pip install 'envcap[docker]'") from None
    address = _podman_address() if kind == "podman" else os.environ.get("DOCKER_HOST") or _DOCKER_SOCKET
    try:
        sdk = docker.DockerClient(base_url=address, version="auto", timeout=_SECONDS)
    except (docker.errors.DockerException, ValueError, OSError) as err:
        variable = "CONTAINER_HOST" if kind == "podman" else "DOCKER_HOST"
        told = f"no {kind} answers at {scrub(address)}; start it, or name another with {variable}"
        raise BuildError(f"{told} ({_one_line(err)[:_MAX_CAUSE]})") from err
    return EngineClient(kind, sdk, address)


def _podman_address() -> str:
    if named := os.environ.get("CONTAINER_HOST"):
        return named
    own = os.path.join(os.environ.get("XDG_RUNTIME_DIR", ""), "podman", "podman.sock")
    return f"unix://{own if os.path.exists(own) else _PODMAN_SOCKET}"


@contextmanager
def translated() -> Iterator[None]:
    """Make one line of what the SDK raises."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException, OSError) as err:
        raise BuildError(f"the engine does not do as asked: {_one_line(err)}") from err


def _one_line(text: object) -> str:
    return scrub(" ".join(str(text).split()))[:_MAX_REASON]


def _major(program: str) -> int:
    done = _ask(program, "version", "--format", "{{.Client.Version}}")
    head = done.partition(".")[0]
    return int(head) if head.isdecimal() else 0


def _answers(program: str, *words: str) -> bool:
    try:
        return subprocess.run([program, *words], capture_output=True, timeout=_SECONDS).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _ask(program: str, *words: str) -> str:
    try:
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
