# SPDX-License-Identifier: Apache-2.0
"""Causes in quanta of the example pipeline, each among changes that don't matter.

Each second run is another RUN, whose intermediate datasets are made anew, in an environment with three newer packages
that no task imports, with another file in the code and another variable.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.world import World

from .cause import Cause
from .world import Side, Workshop

__all__ = ("quantum_causes",)

_EXPOSURES = "exposure IN (2026031400001, 2026031400002)"
_STRICT = '''
# SPDX-License-Identifier: Apache-2.0
"""Another way to find stars."""

from .detect import DetectTask


class StrictDetectTask(DetectTask):
    """Find fewer stars."""

    def run(self, image):
        found = super().run(image)
        found.x, found.y = found.x[::2], found.y[::2]
        return found
'''
_RETARGET = "from starfield.strict import StrictDetectTask\n\nconfig.detect.retarget(StrictDetectTask)\n"
_SWAP = """
import sys
from lsst.daf.butler import Butler, CollectionType, Timespan
butler = Butler.from_config(sys.argv[1], writeable=True)
flats = [ref for ref in butler.registry.queryDatasets("flat", collections="StarCam/calib/flat/20260316")]
butler.collections.register("swapped", CollectionType.CALIBRATION)
butler.registry.certify("swapped", flats, Timespan(None, None))
"""


@dataclass(frozen=True)
class _Variant:
    """What is otherwise on the second side, and the task whose quantum is looked at."""

    task: str
    arguments: Sequence[str] = ()
    inputs: str = "StarCam/defaults"


class Pipeline:
    """The example pipeline, in two environments, on one repository.

    Parameters
    ----------
    workshop : `Workshop`
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._world = World(workshop.root / "observatory")
        self._world.root.mkdir()
        self._world.make_environment(*workshop.wheels("a"))
        self._second = World(workshop.root / "second")
        self._second.root.mkdir()
        self._second.make_environment(*workshop.wheels("b"))
        self._world.make_stack()
        (self._world.stack / "starfield" / "strict.py").write_text(_STRICT, encoding="utf-8")
        (self._world.stack / "config" / "strict.py").write_text(_RETARGET, encoding="utf-8")
        self._world.commit("Another way to find stars")
        self._world.make_repo()
        self._world.run([str(self._world.env / "bin" / "python"), "-c", _SWAP, str(self._world.repo)])
        self._count = 0

    def run(self, variant: _Variant, side: Side) -> str:
        """Run the pipeline as far as it is needed, and return the attempt of a task's first quantum."""
        world, own = self._world, side == "b"
        (world.stack / "unrelated.py").write_text(f"SIDE = {side!r}\n", encoding="utf-8")
        self._count += 1
        output = f"u/drift/{self._count}"
        variables = {**world.variables(), "ENVCAP_STORE": self._workshop.store.root,
                     "ENVCAP_CACHE": os.environ["ENVCAP_CACHE"], "ENVCAP_KEY": os.environ["ENVCAP_KEY"]}  # fmt: skip
        if own:
            variables["PATH"] = os.pathsep.join((str(self._second.env / "bin"), os.defpath))
            variables |= {"LC_MEASUREMENT": "C", "LC_PAPER": "C"}
        where = f"detector = 0 AND {_EXPOSURES}"
        command = world.pipetask(output, "-d", where, *(variant.arguments if own else ()))
        if own:
            command[command.index("-i") + 1] = variant.inputs
        self._workshop.run(["envcap", "run", "--", *command], environ=variables)
        return self._workshop.last(f"{variant.task} {{")


def quantum_causes(workshop: Workshop) -> Iterator[Cause]:
    """Yield the causes."""
    pipeline = Pipeline(workshop)

    def cause(name: str, layer: str, pattern: str, variant: _Variant) -> Cause:
        def run(folder: str) -> tuple[str, str]:
            return pipeline.run(variant, "a"), pipeline.run(variant, "b")

        return Cause(name, layer, pattern, run)

    strict = ("-C", f"measure:{Path(workshop.root, 'observatory', 'stack', 'config', 'strict.py')}")
    kernel = ("-c", "coadd:kernel=[0.2, 0.6, 0.2]", "-c", "coadd:min_matches=4")
    yield cause("config field", "configuration", "kernel", _Variant("coadd", kernel))
    yield cause(
        "nested subtask field",
        "configuration",
        "detect.threshold",
        _Variant("measure", ("-c", "measure:detect.threshold=25.0")),
    )
    yield cause("seed of a quantum", "configuration", "seed", _Variant("measure", ("-c", "measure:seed=8")))
    yield cause("retargeted subtask", "configuration", "detect", _Variant("measure", strict))
    yield cause("calibration swapped", "inputs", "flat .*", _Variant("calibrate", inputs="StarCam/raw/all,swapped"))
