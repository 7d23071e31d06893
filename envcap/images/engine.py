# SPDX-License-Identifier: Apache-2.0
"""Asks a container engine about its images, by Docker's interface, which Podman has too."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from ..errors import EngineError, EnvcapError, UnknownImageError, UsageError
from ..model.document import parse_json
from ..redact import scrub
from .facts import ImageFacts, Step

__all__ = ("ImageEngine",)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BAKED = "/etc/envcap/image.json"
_MAX_BAKED = 1 << 16
_SECONDS = 60
_MAX_REASON = 200


class ImageEngine:
    """The engine at ``DOCKER_HOST``, else at Docker's usual socket.

    Raises
    ------
    EngineError
        If none answers.
    UsageError
        If docker's Python package isn't installed.
    """

    def __init__(self) -> None:
        try:
            import docker
        except ImportError:
            raise UsageError("to ask an engine takes docker's Python package: pip install 'envcap[docker]'") from None
        address = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
        try:
            self._api = docker.APIClient(base_url=address, version="auto", timeout=_SECONDS)
        except (docker.errors.DockerException, ValueError, OSError) as err:
            reason = " ".join(str(err).split())[:_MAX_REASON]
            told = f"no engine answers at {scrub(address)}; start it, or name another with DOCKER_HOST"
            raise EngineError(f"{told} ({scrub(reason)})") from err

    def container(self, name: str) -> tuple[str, str] | None:
        """Return id and image id of a container; `None` if there is none of that id or name."""
        from docker.errors import NotFound

        with _translated():
            try:
                found = self._api.inspect_container(name)
            except NotFound:
                return None
        return found["Id"], _digest(found["Image"])

    def image(self, name: str) -> ImageFacts:
        """Return an image by name, digest or id.

        Raises
        ------
        UnknownImageError
            If the engine has none.
        """
        from docker.errors import NotFound

        with _translated():
            try:
                found = self._api.inspect_image(name)
            except NotFound:
                raise UnknownImageError(
                    f"the engine has no image or container {name!r}; 'docker images' lists them"
                ) from None
            steps = self._api.history(found["Id"])
        return ImageFacts(
            id=_digest(found["Id"]),
            layers=tuple(found["RootFS"].get("Layers") or ()),
            history=tuple(_step(step) for step in reversed(steps)),
            references=tuple(found.get("RepoDigests") or ()),
            names=tuple(found.get("RepoTags") or ()),
            labels=dict((found.get("Config") or {}).get("Labels") or {}),
            platform="/".join(filter(None, (found["Os"], found["Architecture"], found.get("Variant")))),
            baked=self._baked(found["Id"]),
        )

    def images(self) -> Iterator[ImageFacts]:
        """Yield all images of the engine, those without a name too."""
        with _translated():
            found = self._api.images(all=True, quiet=True)
        for name in dict.fromkeys(found):
            with suppress(UnknownImageError):  # it may go meanwhile
                yield self.image(name)

    def _baked(self, image: str) -> Mapping[str, str]:
        """Return what an image holds of itself, from a container that is never started."""
        from docker.errors import NotFound

        with _translated():
            # An image without a command of its own needs one to be named.
            made = self._api.create_container(image, command=["-"], network_disabled=True)["Id"]
            try:
                chunks, _ = self._api.get_archive(made, _BAKED)
                data = b""
                for chunk in chunks:
                    data += chunk
                    if len(data) > 2 * _MAX_BAKED:
                        return {}
            except NotFound:
                return {}
            finally:
                self._api.remove_container(made, force=True, v=True)
        return _texts(data)


def _texts(archive: bytes) -> Mapping[str, str]:
    """Return the members of the file in an archive, if it is an object of texts."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            member = opened.next()
            stream = opened.extractfile(member) if member is not None and member.isreg() else None
            found = parse_json(stream.read(_MAX_BAKED)) if stream is not None else None
    except (tarfile.TarError, EnvcapError, KeyError, OSError):
        return {}
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        return {}
    return {name: scrub(str(value)) for name, value in found.items()}


def _step(found: Mapping[str, Any]) -> Step:
    return Step(str(found["Created"]), scrub(found.get("CreatedBy") or ""))


def _digest(text: str) -> str:
    return text if text.startswith("sha256:") else f"sha256:{text}"


@contextmanager
def _translated() -> Iterator[None]:
    from docker.errors import DockerException, NotFound
    from requests.exceptions import RequestException

    try:
        yield
    except NotFound:
        raise
    except (DockerException, RequestException, OSError) as err:
        raise EngineError(
            f"the engine does not do as asked: {scrub(' '.join(str(err).split()))[:_MAX_REASON]}"
        ) from err
