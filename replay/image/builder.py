# SPDX-License-Identifier: Apache-2.0
"""Makes the image of a recipe, unless the engine has it: fetch, write, build, seal."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO

from ..build.code import code_path
from ..conda.gathering import CondaGatherer, kept_packages
from ..debs.gathering import DebGatherer, kept_debs
from ..errors import BuildError
from ..jobs.base import CapturedJob
from ..progress import Progress
from ..wheels.gathering import WheelGatherer
from ..wheels.wheelhouse import Wheelhouse
from .client import EngineClient, Image
from .dockerfile import write_context
from .recipe import ImageRecipe
from .sealing import sealed
from .steps.base import Ingredients

__all__ = ("ImageBuilder",)

_BUILDING = "envcap/building"
_BASE = "envcap/base"


class ImageBuilder:
    """Makes images in one engine.

    Parameters
    ----------
    client : `EngineClient`
    wheelhouse : `Wheelhouse`
    offline : `bool`
        Fetch nothing.
    """

    def __init__(self, client: EngineClient, wheelhouse: Wheelhouse, *, offline: bool) -> None:
        self._client = client
        self._wheelhouse = wheelhouse
        self._offline = offline

    def make(self, recipe: ImageRecipe, base: Image, job: CapturedJob, progress: Progress) -> Image:
        """Return the image of a recipe.

        Raises
        ------
        BuildError
            If it can't be made, with the reason.
        """
        with tempfile.TemporaryDirectory(prefix="envcap-image-") as scratch:
            with progress.step(f"gather {len(recipe.distributions) + len(recipe.conda)} packages"):
                ingredients = self.gather(recipe, job, scratch)
            folder = Path(scratch, "context")
            folder.mkdir()
            write_context(recipe, ingredients, folder)
            with progress.step(f"build the image {recipe.tag}"):
                return self._build(recipe, base, folder)

    def gather(self, recipe: ImageRecipe, job: CapturedJob, scratch: str) -> Ingredients:
        """Return all that a recipe's image is made of, fetched where it isn't kept.

        Raises
        ------
        BuildError
            Naming what can't be had.
        """
        gatherer = WheelGatherer(self._wheelhouse, offline=self._offline)
        wheels, reasons = gatherer.gather(job)
        for name, why in reasons.items():
            raise BuildError(f"python_dists is impossible: {name}: {why}")
        packages = kept_packages()
        conda, lacking = CondaGatherer(packages, offline=self._offline).gather(recipe.conda)
        for one, why in lacking.items():
            raise BuildError(f"conda is impossible: {one.title}: {why}")
        debs = kept_debs()
        found, gone = DebGatherer(debs, offline=self._offline).gather(recipe.debs)
        for deb, why in gone.items():
            raise BuildError(f"os_packages is impossible: {deb.title}: {why}")
        code = code_path(job, "captured", scratch) if recipe.code is not None else []
        roots = [Path(path) for path in code]
        return Ingredients(self._wheelhouse, wheels, gatherer.pip(), debs, found, packages, conda, roots)

    def _build(self, recipe: ImageRecipe, base: Image, folder: Path) -> Image:
        # By a name of its own, that holds its id: what a tag means may change, and a registry may be gone.
        name = f"{_BASE}:{base.id.partition(':')[2][:24]}"
        self._client.tag(base, name)
        built = f"{_BUILDING}:{recipe.tag.rpartition(':')[2]}"
        self._client.build(str(folder), built, {"BASE": name})
        try:
            with tempfile.TemporaryFile() as saved:
                for chunk in self._client.save(built):
                    saved.write(chunk)
                try:
                    digest = self._load(saved, base, recipe, with_base=self._client.kind != "docker")
                except BuildError:
                    # Docker with containerd's image store wants every layer, as Podman does.
                    digest = self._load(saved, base, recipe, with_base=True)
        finally:
            self._client.remove(built)
        found = self._client.find(recipe.tag)
        if found is None or found.id != digest:
            raise BuildError(f"the engine did not take the image {recipe.tag} as it was sealed")
        return found

    def _load(self, saved: IO[bytes], base: Image, recipe: ImageRecipe, *, with_base: bool) -> str:
        """Seal a saved image, give it to the engine, and return its digest."""
        saved.seek(0)
        with sealed(saved, base.layers, base.steps, recipe.tag, with_base=with_base) as image:
            self._client.load(image.archive)
            return image.digest
