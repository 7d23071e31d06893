# SPDX-License-Identifier: Apache-2.0
"""The images of a job's environment: the very one, or the base with the one that is rebuilt on it; layer by layer."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, Any

from envcap.errors import EnvcapError
from envcap.model.parsing import parse_json

from ... import grammar
from ...errors import BuildError, ReplayRefusedError
from ...grammar import checked
from ...image.builder import ImageBuilder
from ...image.client import EngineClient, Image, connect
from ...image.ladder import Ladder
from ..places import note_base
from .base import Entry, Packing, Part, Unpacking

__all__ = ("ImagePart",)

_MAX_LAYERS = 512


class ImagePart(Part):
    """Configurations and layers by digest; ``image`` entries say which make an image, and what it is called."""

    kinds = ("image", "image-blob", "base")

    def pack(self, packing: Packing) -> None:
        """Put the images in, if they were asked for."""
        if not packing.with_image or not packing.job.has_python:
            return
        client = connect(packing.engine)
        builder = ImageBuilder(client, packing.wheelhouse, offline=packing.options.offline)
        rung = Ladder(client, builder, packing.job, packing.options, "captured").climb(packing.progress)
        images = [image for image in (rung.base, rung.image) if image is not None]
        for image in images:
            with packing.progress.step(f"save {image.id[:19]}…"):
                self._pack_image(packing, client, image, rung.recipe.tag if rung.recipe and image is rung.image else "")
        if rung.base is not None:
            packing.add("base", rung.base.id, rung.base.id.encode())

    def _pack_image(self, packing: Packing, client: EngineClient, image: Image, name: str) -> None:
        with tempfile.TemporaryFile() as saved:
            for chunk in client.save(image.id):
                saved.write(chunk)
            saved.seek(0)
            with tarfile.open(fileobj=saved) as archive:
                (entry,) = json.load(_member(archive, "manifest.json"))
                config = _member(archive, entry["Config"]).read()
                packing.add("image-blob", "configuration", config)
                layers = []
                for path in entry["Layers"]:
                    digest, size = packing.writer.add_stream(_member(archive, path))
                    packing.entries.append(Entry("image-blob", "layer", digest, size))
                    layers.append(digest)
        described = {"config": packing.entries[-1 - len(layers)].digest, "layers": layers, "name": name}
        packing.add("image", image.id, json.dumps(described, sort_keys=True).encode())

    def unpack(self, entries: Sequence[Entry], unpacking: Unpacking) -> None:
        """Load the images into an engine, if one answers; without one, they stay in the bundle."""
        images = [one for one in unpacking.present(entries) if one.kind == "image"]
        if not images:
            return
        try:
            client = connect("docker")
        except EnvcapError as err:
            unpacking.notes.append(f"the images stay in the bundle: {err}")
            return
        for entry in images:
            _load(client, parse_json(unpacking.reader.blob(entry.digest)), entry.name, unpacking)
        for entry in entries:
            if entry.kind == "base":
                note_base(unpacking.folder, checked("bundle: base", entry.name, grammar.DIGEST))


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    stream = archive.extractfile(name)
    if stream is None:
        raise BuildError(f"the engine saved an image without {name}")
    return stream


def _load(client: EngineClient, described: Any, image: str, unpacking: Unpacking) -> None:
    """Give an image to the engine as the archive that it takes, which has other names than the bundle."""
    if not isinstance(described, Mapping) or not isinstance(described.get("layers"), list):
        raise ReplayRefusedError("the bundle's image is none")
    digests = [checked("bundle: layer", one, grammar.DIGEST) for one in described["layers"][:_MAX_LAYERS]]
    config = checked("bundle: image configuration", described.get("config"), grammar.DIGEST)
    if config != checked("bundle: image", image, grammar.DIGEST):
        raise ReplayRefusedError(f"the bundle's image {image[:19]}… has another configuration")
    missing = [one for one in (config, *digests) if not unpacking.reader.has(one)]
    if missing:
        unpacking.lacking.append(f"a part of the image {image[:19]}…")
        return
    name = described.get("name")
    tags = [checked("bundle: image name", name, grammar.IMAGE)] if name else []
    with tempfile.TemporaryFile(dir=unpacking.scratch) as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for digest, suffix in [(config, "json"), *((one, "tar") for one in dict.fromkeys(digests))]:
                path = unpacking.scratch / "blob"
                unpacking.reader.extract(digest, path)
                archive.add(path, f"{digest.partition(':')[2]}.{suffix}")
                path.unlink()
            names = [f"{one.partition(':')[2]}.tar" for one in digests]
            manifest = [{"Config": f"{config.partition(':')[2]}.json", "RepoTags": tags, "Layers": names}]
            data = json.dumps(manifest).encode()
            info = tarfile.TarInfo("manifest.json")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        out.seek(0)
        client.load(out)
    if client.find(image) is None:
        raise ReplayRefusedError(f"the engine made another image of {image[:19]}…")
