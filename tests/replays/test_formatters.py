# SPDX-License-Identifier: Apache-2.0
"""Datasets in files that no comparator knows are read by their repository's own formatter, and compared by value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.observatory import Observatory

_OUTPUTS = """    {name} = connectionTypes.Output(
        doc="", name="{name}", storageClass="Summary", dimensions=("instrument", "exposure", "detector")
    )
"""
_MADE = """        import os
        import time
        x = catalog["x"]
        shuffled = sorted(range(20), key=lambda _: os.urandom(8))
        timed = {"n": len(x), "x": x.data, "made": {"seconds": time.time(), "by": "measure"}}
        return Struct(catalog=catalog, timed=timed, shuffled={f"k{key}": float(key) for key in shuffled})
"""


@pytest.fixture
def pickled(own: Observatory) -> Observatory:
    """The task writes two pickles besides: one of other values each time, one of the same in another order."""
    measure = own.world.stack / "starfield" / "measure.py"
    outputs = "".join(_OUTPUTS.format(name=name) for name in ("timed", "shuffled"))
    last = '        doc="Sources of one detector of one exposure.",'
    before = "    catalog = connectionTypes.Output(\n" + last
    own.world.edit(measure, before, outputs + before)
    own.world.edit(measure, "        return Struct(catalog=catalog)\n", _MADE)
    own.world.commit("Pickles")
    config = own.world.repo / "butler.yaml"
    text = config.read_text(encoding="utf-8")
    assert text.count("datastore:\n") == 1
    assert text.count("  formatters:\n") == 1
    formatter = "    Summary: lsst.daf.butler.formatters.pickle.PickleFormatter\n"
    text = text.replace("  formatters:\n", f"  formatters:\n{formatter}")
    text = text.replace("storageClasses:\n", "storageClasses:\n  Summary:\n    pytype: builtins.dict\n")
    config.write_text(text, encoding="utf-8")
    own.observe(where="detector = 0 AND exposure = 2026031400001")
    return own


def comparison(verdict: Any, dataset_type: str) -> Any:
    """Return how one output of a verdict compares."""
    (found,) = [one for one in verdict["outputs"] if one["dataset_type"] == dataset_type]
    return found


def test_what_is_in_them_is_compared(pickled: Observatory) -> None:
    attempt = pickled.attempt("measure {")
    verdict = pickled.json("replay", "run", attempt.manifest.attempt, status=1)
    assert comparison(verdict, "catalog")["verdict"] == "identical"
    shuffled = comparison(verdict, "shuffled")
    assert (shuffled["verdict"], shuffled["comparison"]["comparator"]) == ("equal", "formatter")
    assert shuffled["comparison"]["original"]["digest"] != shuffled["comparison"]["remade"]["digest"]
    timed = comparison(verdict, "timed")
    assert (timed["verdict"], timed["comparison"]["comparator"]) == ("different", "formatter")
    (difference,) = timed["comparison"]["differences"]
    assert difference["where"] == "array value['made']['seconds']"
    assert not timed["note"]


@pytest.mark.slow
def test_so_it_is_in_a_campaign_which_keeps_no_registry(pickled: Observatory, tmp_path: Path) -> None:
    variables = {**pickled.world.variables(job=False), "ENVCAP_CAMPAIGNS": str(tmp_path / "campaigns")}
    for words in (["create", "pickles", "--repo", str(pickled.world.repo)], ["run", "pickles"]):
        pickled.world.run(["replay", "campaign", *words], variables=variables)
    lines = [line for path in tmp_path.glob("campaigns/*/judged/*") for line in path.read_text().splitlines()]
    entries = [json.loads(line)["entry"] for line in lines if "entry" in line]
    assert [one["verdict"] for one in entries].count("different") == 1
    (verdict,) = [one["document"] for one in entries if one["task"] == "measure"]
    assert comparison(verdict, "shuffled")["verdict"] == "equal"
    (difference,) = comparison(verdict, "timed")["comparison"]["differences"]
    assert difference["where"] == "array value['made']['seconds']"
