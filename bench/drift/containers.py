# SPDX-License-Identifier: Apache-2.0
"""A cause in a container: another base image. All else that differs is as in commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.services.docker_engine import DockerEngine

from ..container import engine_in
from .cause import Cause
from .commands import Runner, Variant
from .world import Side, Workshop

__all__ = ("container_causes",)

_DOCKERFILE = "FROM {base}\nRUN echo {survey} > /etc/survey\n"
_PASSED = ("ENVCAP_", "STARS_", "LANG")


def container_causes(workshop: Workshop) -> Iterator[Cause]:
    """Yield the cause, while an engine runs."""
    with engine_in(workshop.root / "engine") as engine:
        images = {}
        for side, survey in (("a", "first"), ("b", "second")):
            dockerfile = _DOCKERFILE.format(base=engine.base, survey=survey)
            images[side] = engine.docker("build", "--quiet", "-", given=dockerfile.encode())
        runner = _Runner(workshop, engine, images)
        yield Cause("container base", "container", ".*", runner)


class _Runner(Runner):
    """Runs a script in two images, with the environments of this host."""

    def __init__(self, workshop: Workshop, engine: DockerEngine, images: dict[Side, str]) -> None:
        super().__init__(workshop, Variant("survey.py"))
        self._engine = engine
        self._images = images

    def capture(
        self, code: Path, environment: Path, argv: Sequence[str], declared: Sequence[str], variables: dict[str, str]
    ) -> None:
        """Run the job in the image of its side."""
        image = self._images[code.parent.name]
        told = self.workshop.said(["envcap", "container", "inspect", image, "--hand-over"])
        environ = {**self.workshop.variables(environment), **variables}
        kept = [f"--env={name}={value}" for name, value in environ.items() if name.startswith(_PASSED)]
        places = [self.workshop.root, Path(os.path.realpath(sys.base_prefix))]
        self._engine.docker(
            "run", "--rm", "--network=none", f"--env={told}", *kept, f"--env=PATH={environ['PATH']}",
            *(f"--volume={place}:{place}" for place in places), f"--workdir={code}", image,
            "envcap", "run", *declared, "--", *argv,
        )  # fmt: skip
