# SPDX-License-Identifier: Apache-2.0
"""What the sources find in a repository that pipetask left, and what they refuse of one that was tampered with."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from envcap.errors import AmbiguousSelectorError, EnvcapError, UnknownSelectorError, UsageError
from envcap.pexconfig import parse_config
from replay.errors import ReplayRefusedError
from replay.rubin.sources.base import Reconstruction
from replay.rubin.sources.registry import reconstruct
from tests.uncaptured import RUN, Uncaptured


def _refusal(repo: Path, uuid: str, kind: type[EnvcapError] = ReplayRefusedError, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        reconstruct(str(repo), uuid, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def _metadata(repo: Path, label: str) -> Iterator[Path]:
    return repo.glob(f"{RUN}/*/{label}_metadata/**/*.json")


def _outputs(path: Path, change: list[str]) -> None:
    """Let a metadata dataset list other outputs. Its size stays the same: the Butler holds files against that only."""
    size = path.stat().st_size
    document = json.loads(path.read_text())
    document["metadata"]["quantum"]["arrays"] = {"outputs": change}
    path.write_text(json.dumps(document).ljust(size))


def _listing(repo: Path, label: str, uuid: str) -> Path:
    """Return the metadata that lists a dataset."""
    return next(path for path in _metadata(repo, label) if uuid in path.read_text())


def _rows(found: Reconstruction) -> dict[str, set[str]]:
    groups = (*found.inputs, *found.init_inputs, *found.outputs)
    return {group.dataset_type: {row[0] for row in group.rows} for group in groups}


@pytest.mark.parametrize("dataset_type", ["coadd", "catalog"])
def test_run_provenance_and_the_graph_agree_on_everything(uncaptured: Uncaptured, dataset_type: str) -> None:
    uuid, _ = uncaptured.find(dataset_type)
    provenance = reconstruct(str(uncaptured.provenance), uuid)
    graph = reconstruct(str(uncaptured.world.repo), uuid, qgraph=str(uncaptured.graph))
    assert (provenance.source, graph.source) == ("run_provenance", "qgraph")
    for name in ("task_class", "label", "init", "quantum", "run", "data_id", "inputs", "init_inputs", "outputs",
                 "config", "unavailable", "argv", "packages"):  # fmt: skip
        assert getattr(provenance, name) == getattr(graph, name), name
    assert provenance.made.keys() == graph.made.keys() >= {uuid}


@pytest.fixture
def code(uncaptured: Uncaptured, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the pipeline's code importable in this process."""
    monkeypatch.syspath_prepend(str(uncaptured.world.stack))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "starfield"]:
        del sys.modules[name]


@pytest.mark.usefixtures("code")
@pytest.mark.parametrize("dataset_type", ["coadd", "catalog", "calibrated"])
def test_headers_agree_with_the_graph_where_all_inputs_were_read(uncaptured: Uncaptured, dataset_type: str) -> None:
    uuid, _ = uncaptured.find(dataset_type)
    graph = reconstruct(str(uncaptured.world.repo), uuid, qgraph=str(uncaptured.graph))
    headers = reconstruct(str(uncaptured.world.repo), uuid)
    assert headers.source == "headers"
    for name in ("task_class", "label", "init", "quantum", "run", "data_id", "unavailable", "packages"):
        assert getattr(headers, name) == getattr(graph, name), name
    assert _rows(headers) == _rows(graph)
    assert parse_config(headers.config).fields == parse_config(graph.config).fields


def test_init_outputs_are_in_graphs_and_not_in_headers(uncaptured: Uncaptured) -> None:
    uuid, _ = uncaptured.find("catalog_schema")
    found = reconstruct(str(uncaptured.provenance), uuid)
    assert (found.label, found.init, found.data_id, list(found.inputs)) == ("measure", True, {}, [])
    graph = reconstruct(str(uncaptured.world.repo), uuid, qgraph=str(uncaptured.graph))
    assert (found.quantum, found.outputs, found.config) == (graph.quantum, graph.outputs, graph.config)
    assert [group.dataset_type for group in found.outputs] == ["catalog_schema"]
    assert "names no quantum (init-outputs never do)" in _refusal(uncaptured.world.repo, uuid)


def test_what_the_middleware_writes_is_no_output_of_a_task(uncaptured: Uncaptured) -> None:
    uuid, _ = uncaptured.find("measure_config")
    for repo, options in ((uncaptured.provenance, {}), (uncaptured.world.repo, {"qgraph": str(uncaptured.graph)})):
        assert "is a configuration" in _refusal(repo, uuid, **options)
    uuid, _ = uncaptured.find("packages")
    assert "no quantum of the graph makes" in _refusal(
        uncaptured.world.repo, uuid, UnknownSelectorError, qgraph=str(uncaptured.graph)
    )


def test_a_raw_frame_was_made_by_nothing(uncaptured: Uncaptured) -> None:
    from lsst.daf.butler import Butler

    with Butler.from_config(str(uncaptured.world.repo), writeable=False) as butler:
        uuid = str(min(butler.query_datasets("raw", collections="StarCam/raw/all")).id)
    assert "carries no provenance; pass the quantum graph: --qgraph FILE" in _refusal(uncaptured.world.repo, uuid)


def test_an_unknown_dataset(uncaptured: Uncaptured) -> None:
    unknown = "00000000-0000-7000-8000-000000000000"
    assert unknown in _refusal(uncaptured.world.repo, unknown, UnknownSelectorError)


def test_a_graph_of_another_run(uncaptured: Uncaptured) -> None:
    uuid, _ = uncaptured.find("catalog")
    told = _refusal(uncaptured.world.repo, uuid, UnknownSelectorError, qgraph=str(uncaptured.other_graph))
    assert f"no quantum of the graph makes dataset {uuid}; it is of RUN u/me/other" in told
    # For an input of an input it is no wish, so what the repository itself says is asked then.
    found = reconstruct(str(uncaptured.provenance), uuid, qgraph=str(uncaptured.other_graph), only_qgraph=False)
    assert found.source == "run_provenance"


@pytest.mark.parametrize("kept", [0, 100, 0.5, -40, "text"])
def test_a_graph_that_is_cut_short_or_none(uncaptured: Uncaptured, tmp_path: Path, kept: float | str) -> None:
    uuid, _ = uncaptured.find("catalog")
    data = uncaptured.graph.read_bytes()
    size = kept if isinstance(kept, int) else int(kept * len(data)) if isinstance(kept, float) else 0
    path = tmp_path / "cut.qg"
    path.write_bytes(b"task: measure\n" if kept == "text" else data[:size])
    assert f"{path} can't be read" in _refusal(uncaptured.world.repo, uuid, qgraph=str(path))


def test_a_graph_with_flipped_bits(uncaptured: Uncaptured, tmp_path: Path) -> None:
    uuid, _ = uncaptured.find("catalog")
    data = bytearray(uncaptured.graph.read_bytes())
    place = data.index(b"quantum_datasets") + 60
    data[place : place + 200] = bytes(200)
    path = tmp_path / "flipped.qg"
    path.write_bytes(data)
    assert f"{path} can't be read" in _refusal(uncaptured.world.repo, uuid, qgraph=str(path))


def test_a_graph_of_another_kind_or_none_at_all(uncaptured: Uncaptured, tmp_path: Path) -> None:
    uuid, _ = uncaptured.find("catalog")
    (provenance,) = uncaptured.provenance.glob(f"{RUN}/*/run_provenance/*.qg")
    assert "not 'predicted' graph" in _refusal(uncaptured.world.repo, uuid, qgraph=str(provenance))
    told = _refusal(uncaptured.world.repo, uuid, UsageError, qgraph=str(tmp_path / "gone.qg"))
    assert "no such file" in told


def test_a_graph_with_another_configuration_than_the_run_keeps(uncaptured: Uncaptured, tmp_path: Path) -> None:
    repo = uncaptured.copied(tmp_path)
    uuid, _ = uncaptured.find("catalog", repo)
    _, config = uncaptured.find("measure_config", repo)
    config.write_text(config.read_text().replace("config.n_bootstrap=64", "config.n_bootstrap=65"))
    told = _refusal(repo, uuid, qgraph=str(uncaptured.graph))
    assert re.search(r"otherwise than measure_config of RUN u/me/plain/\w+: n_bootstrap$", told)


@pytest.mark.parametrize("source", ["qgraph", "headers"])
def test_an_output_that_the_metadata_does_not_list(uncaptured: Uncaptured, tmp_path: Path, source: str) -> None:
    repo = uncaptured.copied(tmp_path)
    uuid, _ = uncaptured.find("catalog", repo)
    _outputs(_listing(repo, "measure", uuid), [])
    options = {"qgraph": str(uncaptured.graph)} if source == "qgraph" else {}
    told = _refusal(repo, uuid, **options)
    assert ("its quantum did not make it" if source == "qgraph" else f"lists dataset {uuid}") in told


def test_an_input_that_its_quantum_did_not_make_is_not_asked_for(uncaptured: Uncaptured, tmp_path: Path) -> None:
    from lsst.daf.butler import Butler

    repo = uncaptured.copied(tmp_path)
    coadd, _ = uncaptured.find("coadd", repo)
    lost, _ = uncaptured.find("calibrated", repo)
    path = _listing(repo, "calibrate", lost)
    with Butler.from_config(str(repo), writeable=True) as butler:
        ref = min(butler.query_datasets("calibrated", collections=RUN))
        butler.pruneDatasets([ref], disassociate=True, unstore=True, purge=True)
    # It was made and is gone: then it has to be made again.
    assert reconstruct(str(repo), coadd, qgraph=str(uncaptured.graph)).unavailable == frozenset()
    _outputs(path, [])
    assert reconstruct(str(repo), coadd, qgraph=str(uncaptured.graph)).unavailable == {lost}


def test_a_file_without_a_header(uncaptured: Uncaptured, tmp_path: Path) -> None:
    repo = uncaptured.copied(tmp_path)
    uuid, path = uncaptured.find("coadd", repo)
    with fits.open(path, mode="update") as hdus:
        for name in [name for name in hdus[0].header if name.startswith("LSST BUTLER")]:
            del hdus[0].header[name]
    told = _refusal(repo, uuid)
    assert "carries no provenance; pass the quantum graph" in told


def test_a_header_of_another_dataset(uncaptured: Uncaptured, tmp_path: Path) -> None:
    repo = uncaptured.copied(tmp_path)
    uuid, path = uncaptured.find("coadd", repo)
    other = "00000000-0000-7000-8000-000000000000"
    fits.setval(path, "LSST BUTLER ID", value=other)
    assert f"says that it is dataset {other}" in _refusal(repo, uuid)


def test_a_header_that_leaves_inputs_out(uncaptured: Uncaptured, tmp_path: Path) -> None:
    repo = uncaptured.copied(tmp_path)
    uuid, path = uncaptured.find("coadd", repo)
    with fits.open(path, mode="update") as hdus:
        hdus[0].header["LSST BUTLER N_INPUTS"] = 3001
    assert "names 6 of 3001 inputs; pass the quantum graph" in _refusal(repo, uuid)


def test_metadata_that_lists_an_output_of_another_quantum(uncaptured: Uncaptured, tmp_path: Path) -> None:
    repo = uncaptured.copied(tmp_path)
    uuid, _ = uncaptured.find("catalog", repo)
    other, _ = uncaptured.find("coadd", repo)
    _outputs(_listing(repo, "measure", uuid), [uuid, other])
    told = _refusal(repo, uuid)
    assert re.search(rf"lists coadd {other} among the outputs of quantum \S+, but its header names quantum", told)


def test_a_dataset_that_two_quanta_list_is_ambiguous(uncaptured: Uncaptured, tmp_path: Path) -> None:
    repo = uncaptured.copied(tmp_path)
    uuid, _ = uncaptured.find("coadd", repo)
    _outputs(next(_metadata(repo, "measure")), [uuid])
    told = _refusal(repo, uuid, AmbiguousSelectorError)
    assert "coadd_metadata {" in told
    assert "measure_metadata {" in told


def test_what_is_gone_can_not_be_read(uncaptured: Uncaptured, tmp_path: Path) -> None:
    repo = uncaptured.copied(tmp_path)
    uuid, _ = uncaptured.find("catalog", repo)
    _, config = uncaptured.find("measure_config", repo)
    config.unlink()
    assert re.search(r"RUN u/me/plain/\w+ has no file of measure_config", _refusal(repo, uuid))
    coadd, path = uncaptured.find("coadd", repo)
    path.unlink()
    assert f"the file of coadd {coadd} is gone" in _refusal(repo, coadd)


def test_a_configuration_that_holds_code(uncaptured: Uncaptured, tmp_path: Path) -> None:
    repo = uncaptured.copied(tmp_path)
    uuid, _ = uncaptured.find("catalog", repo)
    _, config = uncaptured.find("measure_config", repo)
    trap = tmp_path / "trap"
    config.write_text(config.read_text() + f"\nopen({str(trap)!r}, 'w')\n")
    assert "holds code that is no field assignment" in _refusal(repo, uuid, EnvcapError)
    assert not trap.exists()


def test_provenance_that_is_damaged_is_not_passed_over(uncaptured: Uncaptured, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    shutil.copytree(uncaptured.provenance, repo)
    uuid, _ = uncaptured.find("catalog", repo)
    (path,) = repo.glob(f"{RUN}/*/run_provenance/*.qg")
    path.write_bytes(path.read_bytes()[:-1000])
    assert "run_provenance of RUN u/me/plain/" in _refusal(repo, uuid)
