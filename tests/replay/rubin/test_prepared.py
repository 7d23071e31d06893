# SPDX-License-Identifier: Apache-2.0
"""An output was made if it was put and is there; a quantum's inputs are known for it alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lsst.daf.butler import Butler, DataCoordinate, DatasetRef, DatasetType, Quantum

from replay.rubin.inside import opened
from replay.rubin.inside.prepared import Prepared, found_outputs
from replay.rubin.inside.repositories import inputs_in_place


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Any]:
    """A user's repository with one dataset, an isolated one, and a request about both."""
    for name in ("user", "isolated"):
        Butler.makeRepo(str(tmp_path / name))
    butler = Butler.from_config(str(tmp_path / "user"), writeable=True, run="u/r")
    butler.registry.registerDatasetType(dataset_type("given", butler))
    ref = butler.put({"a": 1}, "given")
    asked = {"id": str(ref.id), "dataset_type": "given", "available": True, "digest": None}
    folders = {"repository": str(tmp_path / "user"), "isolated": str(tmp_path / "isolated")}
    return {**folders, "new_run": False, "inputs": [asked], "init_inputs": []}


def dataset_type(name: str, butler: Any) -> DatasetType:
    return DatasetType(name, (), "StructuredDataDict", universe=butler.dimensions)


def output(name: str, butler: Any) -> DatasetRef:
    return DatasetRef(dataset_type(name, butler), DataCoordinate.make_empty(butler.dimensions), run="u/r")


def butler_for(places: dict[str, Any], inputs: list[DatasetRef], outputs: list[DatasetRef], records: Any) -> Any:
    quantum = Quantum(
        taskName="t",
        inputs={ref.datasetType: [ref] for ref in inputs},
        outputs={ref.datasetType: [ref] for ref in outputs},
    )
    types = {ref.datasetType.name: ref.datasetType for ref in (*inputs, *outputs)}
    return opened.quantum_butler(places, quantum, records, types)


def test_a_file_that_nobody_put_is_no_output(places: dict[str, Any]) -> None:
    source = opened.source_butler(places)
    made = output("made", source)
    butler = butler_for(places, [], [made], {})
    butler.put({"b": 2}, made)
    prepared = Prepared(None, None, [made], [None], butler, None)
    (found,) = found_outputs(prepared, [made])
    assert found["made"]
    # As a quantum of that name would find it that never puts anything.
    (found,) = found_outputs(prepared, [])
    assert not found["made"]
    Path(butler.getURI(made).ospath).unlink()
    (found,) = found_outputs(prepared, [made])
    assert not found["made"]


def test_inputs_are_read_where_they_are(places: dict[str, Any]) -> None:
    source = opened.source_butler(places)
    inputs, records = inputs_in_place(source, places)
    (ref,) = inputs["given"]
    butler = butler_for(places, [ref], [], records)
    assert butler.get(ref) == {"a": 1}
    assert butler.getURI(ref) == source.getURI(ref)
    assert not list(Path(places["isolated"]).rglob("*given*"))


def test_the_input_of_one_quantum_may_be_the_output_of_the_next(places: dict[str, Any]) -> None:
    source = opened.source_butler(places)
    inputs, records = inputs_in_place(source, places)
    (ref,) = inputs["given"]
    assert butler_for(places, [ref], [], records).stored(ref)
    maker = butler_for(places, [], [ref], {})
    assert not maker.stored(ref)
    maker.put({"a": 2}, ref)
    assert maker.get(ref) == {"a": 2}
    assert source.get(ref) == {"a": 1}
