# SPDX-License-Identifier: Apache-2.0
"""What a step is, and the first one: the image to build on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from envcap import __version__

from ...conda.packages import LockedPackage
from ...debs.gathering import LockedDeb
from ...kept import KeptFiles
from ...wheels.wheelhouse import Wheel, Wheelhouse
from ..recipe import ImageRecipe

__all__ = ("BaseStep", "Ingredients", "Step", "template")


@dataclass(frozen=True)
class Ingredients:
    """What steps copy into an image.

    Attributes
    ----------
    wheelhouse : `Wheelhouse`
    wheels : sequence of `Wheel`
    pip : `Wheel`
        What installs them.
    kept_debs : `KeptFiles`
    debs : mapping
        Digests of the files of Debian packages, which `kept_debs` has.
    packages : `KeptFiles`
    conda : mapping
        Digests of the files of conda's packages, which `packages` has.
    code : sequence of `pathlib.Path`
        Restored code roots, in order.
    """

    wheelhouse: Wheelhouse
    wheels: Sequence[Wheel]
    pip: Wheel
    kept_debs: KeptFiles
    debs: Mapping[LockedDeb, str]
    packages: KeptFiles
    conda: Mapping[LockedPackage, str]
    code: Sequence[Path]


class Step(ABC):
    """One part of a Dockerfile.

    Attributes
    ----------
    name : `str`
        Of its template, without ``.dockerfile``.
    """

    name: str

    def applies(self, recipe: ImageRecipe) -> bool:
        """Whether an image has this step."""
        return True

    @abstractmethod
    def values(self, recipe: ImageRecipe) -> Mapping[str, str]:
        """Return what is filled into the template. All of it comes from the recipe, which is checked."""

    def write(self, recipe: ImageRecipe, ingredients: Ingredients, folder: Path) -> None:
        """Write what the step copies beside the Dockerfile."""
        return  # most copy nothing

    def text(self, recipe: ImageRecipe) -> str:
        """Return the step's lines."""
        return Template(template(self.name)).substitute(self.values(recipe))


def template(name: str) -> str:
    """Return the template of a step: installed beside the package, or in the project's own tree."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "containers", package.parent / "containers"):
        path = folder / "job" / f"{name}.dockerfile"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise FileNotFoundError(f"containers/job/{name}.dockerfile is not installed")


class BaseStep(Step):
    """The base image, by digest."""

    name = "base"

    def values(self, recipe: ImageRecipe) -> Mapping[str, str]:
        """Return the base."""
        return {"base": recipe.base, "version": __version__}
