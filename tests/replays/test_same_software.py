# SPDX-License-Identifier: Apache-2.0
"""The same pipeline through pipetask, `envcap run` and `envcap.capture` has the same software components."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcap.store.index import Attempt
from tests.observatory import Observatory

_ONE = "detector = 0 AND exposure = 2026031400001"
_BLOCK = """
import sys, envcap
with envcap.capture("in a block", job_id="block"):
    from lsst.ctrl.mpexec.cli.pipetask import cli
    cli(sys.argv[1:], standalone_mode=False)
"""


@pytest.fixture
def captured(own: Observatory) -> dict[str, Attempt]:
    """Run the pipeline in two ways, with a script that stands in no directory of its own."""
    own.observe(where=_ONE)
    _, *arguments = own.world.pipetask("u/me/block", "-d", _ONE)
    variables = {**own.world.variables(), "PYTHONHASHSEED": "0"}
    python = str(own.world.env / "bin" / "python")
    own.world.run([python, "-P", "-c", _BLOCK, *arguments], variables=variables)
    quanta = list(own.index().attempts("name LIKE 'measure {%'"))
    (block,) = own.index().attempts("kind = 'block'")
    (command,) = own.index().attempts("kind = 'command'")
    by_parent = {one.manifest.job.parent: one for one in quanta}
    return {
        "envcap run": command,
        "envcap.capture": block,
        "pipetask in envcap run": by_parent[command.manifest.attempt],
        "pipetask in envcap.capture": by_parent[block.manifest.attempt],
    }


def _software(attempt: Attempt) -> dict[str, str]:
    return {kind: component.digest for kind, component in attempt.recipe.software.items()}


def test_the_software_is_the_same(captured: dict[str, Attempt], own: Observatory) -> None:
    assert {one.state for one in captured.values()} == {"ok"}
    expected = _software(captured["envcap run"])
    assert {"interpreter", "python_dists", "source", "operating_system", "process_env", "numerics"} <= expected.keys()
    for way, attempt in captured.items():
        assert _software(attempt) == expected, way
    same, other = (captured[f"pipetask in {way}"] for way in ("envcap run", "envcap.capture"))
    assert same.recipe.work["config"] == other.recipe.work["config"]
    _the_tamper_case(own, expected)


def _the_tamper_case(own: Observatory, expected: dict[str, str]) -> None:
    """With one changed file of the pipeline, one component is another."""
    with open(Path(own.world.stack) / "starfield" / "scaling.py", "a", encoding="utf-8") as stream:
        stream.write("# changed\n")
    own.observe(where=_ONE, output="u/me/changed")
    changed = _software(own.attempt("measure {", "u/me/changed"))
    assert {kind for kind in expected if changed[kind] != expected[kind]} == {"source"}
