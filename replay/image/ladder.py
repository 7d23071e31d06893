# SPDX-License-Identifier: Apache-2.0
"""The ladder of images: the very image by digest, else one that is rebuilt. It is never descended silently.

The very image is one that the engine has, or that a registry gives by digest. A rebuilt one needs a base: the image
that the user names, else the one that the job's image was built on, else the official Python image of the captured
version.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace

from envcap.model.components import OsPackages

from .. import grammar
from ..build.base import EngineOptions
from ..bundle.places import bundled_base
from ..debs.base_image import packages_in
from ..debs.gathering import DebGatherer, kept_debs
from ..debs.used import used_packages
from ..errors import BuildError
from ..fidelity import Fidelity
from ..grammar import checked
from ..jobs.base import CapturedJob
from ..progress import Progress
from .builder import ImageBuilder
from .client import EngineClient, Image
from .facts import ImageFacts, image_facts
from .recipe import PREFIX, ImageRecipe, recipe_of

__all__ = ("Ladder", "Rung", "captured_python", "official_base")

_PYTHON = posixpath.join(PREFIX, "bin", "python")


@dataclass(frozen=True)
class Rung:
    """Where on the ladder a replay stands.

    Attributes
    ----------
    fidelity : `Fidelity`
        ``exact`` is the very image that the job ran in.
    detail : `str`
    python : `str`
        The interpreter in the image.
    image : `Image` or `None`
        If the engine has it.
    pull : `str` or `None`
        What has to be fetched first: the image, or the base.
    base : `Image` or `None`
    recipe : `ImageRecipe` or `None`
        Of a rebuilt one.
    """

    fidelity: Fidelity
    detail: str
    python: str
    image: Image | None = None
    pull: str | None = None
    base: Image | None = None
    recipe: ImageRecipe | None = None


class Ladder:
    """The images that one job can be replayed in.

    Parameters
    ----------
    client : `EngineClient`
    builder : `ImageBuilder`
    job : `CapturedJob`
    options : `EngineOptions`
    code : `str`
    """

    def __init__(
        self, client: EngineClient, builder: ImageBuilder, job: CapturedJob, options: EngineOptions, code: str
    ) -> None:
        self._client = client
        self._builder = builder
        self._job = job
        self._options = options
        self._code = code
        self._facts = image_facts(job)
        self._debs = DebGatherer(kept_debs(), offline=options.offline)

    def rung(self) -> Rung:
        """Return the highest rung that can be reached, without side effects.

        Raises
        ------
        BuildError
            If there is none.
        ReplayRefusedError
            Naming the field of the manifest that is not what it should be.
        """
        if self._facts is None:
            return self.rebuilt("the job ran in no container that is known")
        return self._very(self._facts)

    def climb(self, progress: Progress) -> Rung:
        """Return the rung that was reached, whose image the engine has.

        Raises
        ------
        BuildError
            If none can be.
        """
        rung = self.rung()
        if rung.fidelity is Fidelity.EXACT and rung.pull:
            try:
                rung = self._pulled(rung, progress)
            except BuildError as err:
                rung = self.rebuilt(str(err))
        if rung.image is None and rung.pull:
            with progress.step(f"pull {rung.pull}"):
                rung = self._on_base(self._client.pull(rung.pull), rung.pull, rung.detail)
        if rung.image is None and rung.recipe and rung.recipe.debs and rung.base:
            with progress.step(f"gather {len(rung.recipe.debs)} packages of the system"):
                self._debs.gather(rung.recipe.debs)
            rung = self._on_base(rung.base, self._base_name(), rung.detail)
        if rung.image is None and rung.recipe and rung.base:
            rung = replace(rung, image=self._builder.make(rung.recipe, rung.base, self._job, progress))
        return rung

    def _very(self, facts: ImageFacts) -> Rung:
        python = captured_python(self._job)
        name = f"the very image {facts.id[:19]}…, as {facts.source} says"
        image = self._client.find(facts.id)
        if image is not None:
            return Rung(Fidelity.EXACT, name, python, image=image)
        if facts.references and not self._options.offline:
            return Rung(Fidelity.EXACT, f"{name}, from {facts.references[0]}", python, pull=facts.references[0])
        return self.rebuilt(f"the image {facts.id[:19]}… is neither here nor in a known registry")

    def _pulled(self, rung: Rung, progress: Progress) -> Rung:
        assert rung.pull is not None
        assert self._facts is not None
        with progress.step(f"pull {rung.pull}"):
            image = self._client.pull(rung.pull)
        if image.id != self._facts.id:
            raise BuildError(f"the registry has {image.id[:19]}… at {rung.pull}")
        return replace(rung, image=image, pull=None)

    def rebuilt(self, why: str) -> Rung:
        """Return the rung of the image that is rebuilt, for a reason.

        Raises
        ------
        BuildError
            If no base can be had.
        ReplayRefusedError
            Naming the field of the manifest that has no place in an image.
        """
        name = self._base_name()
        base = self._client.find(name)
        if base is not None:
            return self._on_base(base, name, why)
        if self._options.offline:
            raise BuildError(f"{why}; the base {name} is not here either, and nothing is fetched (--offline)")
        return Rung(Fidelity.REBUILT, f"{why}: rebuilt on {name}, to be pulled first", _PYTHON, pull=name)

    def _on_base(self, base: Image, name: str, why: str) -> Rung:
        reference = next(iter(base.references), None) or name
        with_code = self._code == "captured" and self._job.source is not None
        recipe = recipe_of(self._job, reference, base.id, self._packages_in(base), with_code=with_code)
        recipe = replace(recipe, debs=self._debs.without_gone(recipe.debs))
        image = self._client.find(recipe.tag)
        told = f"{why.partition(': rebuilt on ')[0]}: rebuilt on {name} as {recipe.tag}"
        return Rung(Fidelity.REBUILT, told, _PYTHON, image=image, base=base, recipe=recipe)

    def _packages_in(self, base: Image) -> OsPackages | None:
        """Return the packages of the base; a job that used none of the system's needs not know."""
        return packages_in(self._client, base) if used_packages(self._job) else None

    def _base_name(self) -> str:
        if self._options.base:
            return checked("--base", self._options.base, grammar.IMAGE)
        if (bundled := bundled_base(self._job.manifest.attempt)) and self._client.has(bundled):
            return bundled
        if self._facts is not None and self._facts.base is not None:
            return self._facts.base
        return official_base(self._job)


def official_base(job: CapturedJob) -> str:
    """Return the name of the official Python image for a job: of the same version, on the same release of Debian.

    Raises
    ------
    BuildError
        If there is none for the job's operating system.
    ReplayRefusedError
        Naming the field that is not what it should be.
    """
    release = job.operating_system.distribution
    if release.get("id") != "debian" or "version_codename" not in release:
        raise BuildError("no base image is known for this job's operating system; name one: --base IMAGE")
    field = "operating_system.distribution.version_codename"
    codename = checked(field, release["version_codename"], grammar.MACHINE)
    version = checked("interpreter.version", job.interpreter.version, grammar.PYTHON_VERSION)
    return f"python:{version}-slim-{codename}"


def captured_python(job: CapturedJob) -> str:
    """Return where the job's interpreter is in its image.

    Raises
    ------
    ReplayRefusedError
        If that is no path.
    """
    return checked("interpreter.executable", job.place("interpreter", "executable"), grammar.ABSOLUTE_PATH)
