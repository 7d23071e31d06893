# SPDX-License-Identifier: Apache-2.0
"""An image recipe: what goes into the image of a job's environment, and the name that follows from it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envcap.digest import canonical_json, digest_of
from envcap.model.components import Distribution, OsPackages
from envcap.redact import has_scrubbed

from .. import grammar
from ..build.eups import eups_folders, eups_variables
from ..conda.packages import LockedPackage, locked_packages
from ..debs.gathering import LockedDeb, locked_debs
from ..debs.used import os_packages_of, used_packages
from ..grammar import checked
from ..jobs.base import CapturedJob
from ..wheels.wanted import wanted_wheels

__all__ = ("CODE", "GENERATOR", "PREFIX", "REPOSITORY", "USER", "ImageRecipe", "recipe_of")

GENERATOR = "replay image 2"
"""Version of what is generated: other text for the same manifest is another image."""
REPOSITORY = "envcap/job"
PREFIX = "/opt/envcap/python"
CODE = "/opt/envcap/source"
USER = "1000:1000"
_LENGTH = 24


@dataclass(frozen=True)
class ImageRecipe:
    """What an image is built from. Every value has been checked against its grammar.

    Attributes
    ----------
    base : `str`
        The base image: by digest where a registry has it, else by id.
    base_id : `str`
        Digest of its configuration.
    python : `str`
        Version of CPython.
    debs : sequence of `LockedDeb`
        Packages of the operating system that the base lacks.
    conda : sequence of `LockedPackage`
        Of the prefix that the interpreter is in; none if it is the base's.
    distributions : sequence of `Distribution`
        Those that pip, uv and the like brought.
    variables : mapping
    eups : mapping
        Variables that EUPS had set; of lists of paths, the members that lie in products.
    products : sequence of `str`
        Directories of the products.
    code : `str` or `None`
        Digest of the captured `Source` document; `None` if no code goes in.
    """

    base: str
    base_id: str
    python: str
    debs: Sequence[LockedDeb]
    conda: Sequence[LockedPackage]
    distributions: Sequence[Distribution]
    variables: Mapping[str, str]
    eups: Mapping[str, str]
    products: Sequence[str]
    code: str | None

    @property
    def minor(self) -> str:
        """Major and minor version of Python."""
        return ".".join(self.python.split(".")[:2])

    @property
    def digest(self) -> str:
        """Digest of all inputs of the build, and of the version of what generates it."""
        inputs = {
            "generator": GENERATOR,
            "base": self.base_id,
            "python": self.minor,
            "debs": [one.file_name for one in self.debs],
            "conda": [[one.file_name, one.subdir, one.sha256 or one.md5, one.url, one.channel] for one in self.conda],
            "distributions": [one.data for one in self.distributions],
            "variables": dict(self.variables),
            "eups": dict(self.eups),
            "products": list(self.products),
            "code": self.code,
        }
        return digest_of(canonical_json(inputs))

    @property
    def tag(self) -> str:
        """Name of the image: an existing one needs no build."""
        return f"{REPOSITORY}:{self.digest.partition(':')[2][:_LENGTH]}"


def recipe_of(
    job: CapturedJob, base: str, base_id: str, base_packages: OsPackages | None, *, with_code: bool
) -> ImageRecipe:
    """Return the recipe of a job's environment.

    Parameters
    ----------
    job : `CapturedJob`
    base, base_id : `str`
    base_packages : `OsPackages` or `None`
        What the base has, if it has dpkg.
    with_code : `bool`
        Whether the captured code goes in, or today's is mounted.

    Raises
    ------
    ReplayRefusedError
        Naming the field whose value has no place in an image.
    """
    wanted = wanted_wheels(job)
    for number, one in enumerate(wanted):
        field = f"python_dists.distributions[{number}]"
        checked(f"{field}.name", one.name, grammar.DISTRIBUTION)
        checked(f"{field}.version", one.version, grammar.VERSION)
        if one.record is not None:
            checked(f"{field}.record", one.record, grammar.DIGEST)
    code = job.attempt.recipe.software.get("source") if with_code else None
    return ImageRecipe(
        base=checked("base image", base, grammar.IMAGE),
        base_id=checked("base image", base_id, grammar.DIGEST),
        python=checked("interpreter.version", job.interpreter.version, grammar.PYTHON_VERSION),
        debs=_lacking_debs(job, base_packages),
        conda=locked_packages(job),
        distributions=wanted,
        variables=_in_image("process_env", {**job.process_env.variables, **job.numerics.variables}),
        eups=_in_image("eups", eups_variables(job)),
        products=eups_folders(job),
        code=checked("software.source.digest", code.digest, grammar.DIGEST) if code is not None else None,
    )


def _in_image(kind: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables for an image. What is given again is handed to the process, and stays out of it."""
    found = {}
    for name, value in sorted(variables.items()):
        if not has_scrubbed(value):
            checked(f"{kind}.variables: {name!r:.80}", name, grammar.VARIABLE)
            found[name] = checked(f"{kind}.variables[{name}]", value, grammar.VARIABLE_VALUE)
    return found


def _lacking_debs(job: CapturedJob, base: OsPackages | None) -> list[LockedDeb]:
    """Return the packages that the job used and the base has not, if both are of one release of Debian's kind.

    Of another release, packages would not fit together: then the base's own do instead, and the layer says so.
    """
    there = os_packages_of(job)
    if base is None or there is None or there.manager != "dpkg":
        return []
    kept = {(one.name, one.version, one.architecture) for one in base.packages}
    if not _releases(base) & _releases(there):
        return []
    wanted = (one for one in used_packages(job) if (one.name, one.version, one.architecture) not in kept)
    return locked_debs(wanted, base)


def _releases(packages: OsPackages) -> set[str]:
    """Return the release as its ``base-files`` numbers it: 12 of ``12.4+deb12u11``, 12ubuntu of ``12ubuntu4.4``."""
    versions = (one.version for one in packages.packages if one.name == "base-files")
    return {found[0] for version in versions if (found := re.match("[0-9]+[a-z]*", version))}
