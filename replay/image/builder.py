# SPDX-License-Identifier: Apache-2.0
"""Makes the image of a recipe, unless the engine has it: fetch, write, build, seal."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from envcap.model.components import Distribution

from ..build.code import code_path
from ..errors import BuildError
from ..jobs.base import CapturedJob
from ..progress import Progress
from ..wheels.fetch import WheelTarget, fetch, fetch_tool
from ..wheels.wheelhouse import Wheel, Wheelhouse
from .client import EngineClient, Image
from .dockerfile import write_context
from .recipe import ImageRecipe
from .sealing import sealed
from .steps.base import Ingredients
from .steps.python import PIP

__all__ = ("ImageBuilder",)

_GLIBC = re.compile(r"glibc 2\.([0-9]{1,3})")
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

    def lacking(self, distributions: Iterable[Distribution]) -> list[str]:
        """Return the distributions whose wheels aren't kept; an editable one is code, and has none."""
        wanted = (one for one in distributions if not one.editable)
        return [f"{one.name} {one.version}" for one in wanted if self._wheelhouse.find(one) is None]

    def make(self, recipe: ImageRecipe, base: Image, job: CapturedJob, progress: Progress) -> Image:
        """Return the image of a recipe.

        Raises
        ------
        BuildError
            If it can't be made, with the reason.
        """
        with tempfile.TemporaryDirectory(prefix="envcap-image-") as scratch:
            with progress.step(f"gather {len(recipe.distributions)} wheels"):
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
        wheels = self._wheels(recipe, job)
        code = code_path(job, "captured", scratch) if recipe.code is not None else []
        return Ingredients(self._wheelhouse, wheels, self._pip(), [Path(path) for path in code])

    def _wheels(self, recipe: ImageRecipe, job: CapturedJob) -> list[Wheel]:
        wanted = [one for one in recipe.distributions if self._wheelhouse.find(one) is None]
        reasons: dict[str, str] = {}
        if wanted and not self._offline:
            origins = job.place("python_dists", "origins")
            elsewhere = origins if isinstance(origins, dict) else {}
            reasons = fetch(
                self._wheelhouse,
                [one for one in wanted if one.name not in elsewhere],
                [one for one in wanted if one.name in elsewhere],
                job.libraries,
                self._target(recipe, job),
            )
        return [self._kept(one, reasons) for one in recipe.distributions]

    def _kept(self, wanted: Distribution, reasons: dict[str, str]) -> Wheel:
        found = self._wheelhouse.find(wanted)
        if found is None:
            why = reasons.get(wanted.name, "its wheel is not here, and nothing is fetched (--offline)")
            raise BuildError(f"python_dists is impossible: {wanted.name} {wanted.version}: {why}")
        return found

    def _pip(self) -> Wheel:
        found = self._wheelhouse.named(*PIP)
        if found is None and not self._offline:
            fetch_tool(self._wheelhouse, *PIP)
            found = self._wheelhouse.named(*PIP)
        if found is None:
            raise BuildError(
                f"the wheel of {PIP[0]} {PIP[1]}, which installs the others, is not here and can't be fetched"
            )
        return found

    def _target(self, recipe: ImageRecipe, job: CapturedJob) -> WheelTarget:
        libc = _GLIBC.fullmatch(job.operating_system.libc)
        if libc is None:
            raise BuildError(
                f"operating_system.libc: {job.operating_system.libc[:40]!r} is no glibc, which wheels are built for"
            )
        return WheelTarget(recipe.python, job.operating_system.machine, int(libc[1]))

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
                saved.seek(0)
                with sealed(saved, base.layers, base.steps, recipe.tag) as image:
                    self._client.load(image.archive)
        finally:
            self._client.remove(built)
        found = self._client.find(recipe.tag)
        if found is None or found.id != image.digest:
            raise BuildError(f"the engine did not take the image {recipe.tag} as it was sealed")
        return found
