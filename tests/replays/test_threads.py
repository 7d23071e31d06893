# SPDX-License-Identifier: Apache-2.0
"""A quantum re-runs with threads if its pipetask allowed them, and without if not, in one session too."""

from __future__ import annotations

import os

from envcap.store.index import Attempt
from tests.elsewhere import effective
from tests.observatory import Observatory

_ONE = "detector = 0 AND exposure = 2026031400001"


def _threads(own: Observatory, attempt: Attempt) -> set[int | None]:
    (process,) = effective(own.index().store, attempt).processes
    return {one.threads for one in process.libraries if one.kind == "openblas"}


def test_quanta_with_and_without_threads(own: Observatory) -> None:
    own.observe(output="u/me/one", where=_ONE)
    own.observe("--enable-implicit-threading", output="u/me/several", where=_ONE)
    quanta = {
        str(one.manifest.job.run).split("/")[2]: one
        for one in own.index().attempts("kind = 'quantum'")
        if one.manifest.job.name.startswith("calibrate")
    }
    assert _threads(own, quanta["one"]) == {1}
    assert _threads(own, quanta["several"]) == {len(os.sched_getaffinity(0))}
    asked = [f"attempt:{quanta[name].manifest.attempt}" for name in ("one", "several")]
    # A job that is named twice is run once.
    judged = own.json("replay", "run", *asked, *asked)["verdicts"]
    assert [found["replay_of"] for found in judged] == [word.removeprefix("attempt:") for word in asked]
    for found in judged:
        assert found["verdict"] in ("identical", "equal")
        (layer,) = [layer for layer in found["layers"] if layer["layer"] == "numerics"]
        assert layer["fidelity"] == "exact", layer
