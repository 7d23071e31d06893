# SPDX-License-Identifier: Apache-2.0
"""A notebook in a real kernel: the page of the documentation, cells that fail, and what a browser makes of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from envcap.model.components import PythonDists
from envcap.store.index import Attempt, Index
from envcap.store.local import LocalStore
from envcap.store.selector import resolve
from examples.notebook import PAGE, Notebooks, cells_of_page, html_of, text_of
from examples.pictures import PICTURES, as_page
from tests.services.chromium import see
from tests.shown import Shown, is_harmless

GREEN, RED = "#1a7f37", "#cf222e"
LISTENING = """
import os
places = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
links = [os.readlink(place) for place in places if os.path.lexists(place)]
rows = [line.split() for table in ("tcp", "tcp6") for line in open(f"/proc/self/net/{table}").readlines()[1:]]
print([row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in links])
"""
CAPTURE = "!envcap run --job-id {} --input frames.npy --output {} -- python stack.py frames.npy {}"


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory: pytest.TempPathFactory) -> Notebooks:
    """Give a directory for notebooks, with a job environment."""
    made = Notebooks(tmp_path_factory.mktemp("notebooks"))
    made.make()
    made.make_environment()
    return made


@pytest.fixture(scope="module")
def page(notebooks: Notebooks) -> list[NotebookNode]:
    """Give the cells of the page, run."""
    return notebooks.run(cells_of_page())


@pytest.fixture
def find(notebooks: Notebooks) -> Callable[[str], Attempt]:
    """Give a function that returns the attempt that a selector names."""
    return lambda selector: resolve(Index(LocalStore.existing(str(notebooks.store))), selector)


Find = Callable[[str], Attempt]


def shown_by(page: list[NotebookNode], mark: str) -> Shown:
    """Return what the cell with some text in it shows at last."""
    (cell,) = [one for one in page if mark in one.source and html_of(one)]
    html = html_of(cell)[-1]
    assert is_harmless(html)
    return Shown(html)


class TestPage:
    """What the documentation says is so."""

    def test_its_cells_do_what_it_says(self, page: list[NotebookNode], notebooks: Notebooks, find: Find) -> None:
        first, second = (find(f"path:{notebooks.work / name / 'stack.npy'}") for name in ("first", "second"))
        assert {first.state, second.state} == {"ok"}
        assert first.manifest.recipe != second.manifest.recipe
        assert first.recipe.software == second.recipe.software
        assert first.manifest.job.activator == "%%capture_job"
        whole = find(f"path:{notebooks.work / 'coadd.npy'}")
        assert whole.manifest.job.kind == "command"
        (replay,) = Index(LocalStore(str(notebooks.store))).attempts("replay_of = ?", (whole.manifest.attempt,))
        stored = Index(LocalStore(str(notebooks.store))).verdict(replay.manifest.attempt)
        assert isinstance(stored, dict)
        assert stored["verdict"] == "identical"

    def test_the_kernels_own_environment_is_captured(
        self, page: list[NotebookNode], notebooks: Notebooks, find: Find
    ) -> None:
        found = find(f"path:{notebooks.work / 'first' / 'stack.npy'}")
        assert found.store is not None
        dists = PythonDists.from_bytes(found.store.get(found.recipe.software["python_dists"].digest))
        assert {"ipykernel", "numpy"} <= {one.name for one in dists.distributions}
        assert not found.degraded

    @pytest.mark.parametrize(
        ("mark", "badge", "told"),
        [
            ("-o first", "ok", "np.save(\"first/stack.npy\", np.nanmean(frames, axis=0))"),
            ("envcap.diff", "different", "frames[abs(frames - middle) > 2.5 * noise] = np.nan"),
            ("replay.compare", "different", "of 4096 values differ"),
            ("replay.plan", "rebuilt", "python stack.py {input:frames.npy} {output:coadd.npy}"),
            ("replay.rerun", "identical", "how close the replay came: rebuilt"),
        ],
    )  # fmt: skip
    def test_its_cells_show_it(self, page: list[NotebookNode], mark: str, badge: str, told: str) -> None:
        found = shown_by(page, mark)
        assert found.badges[0] == badge
        assert told in found.text

    def test_what_a_console_would_show_is_short(self, page: list[NotebookNode]) -> None:
        told = "".join(map(text_of, page))
        for line in ("<block stack: ok, attempt ", ": code, outputs>", "<plan of python: engine venv, captured code, "
                     "rebuilt>", "<verdict on python: identical, replay "):  # fmt: skip
            assert line in told

    def test_its_pictures_are_there_and_small(self) -> None:
        linked = re.findall(r"\(pictures/([a-z]+)\.png\)", PAGE.read_text())
        assert linked == list(PICTURES)
        for name in linked:
            assert 2_000 < (PAGE.parent / "pictures" / f"{name}.png").stat().st_size < 150_000


class TestKernel:
    """Cells in a kernel."""

    def test_cells_that_end_badly(self, notebooks: Notebooks, find: Find) -> None:
        interrupt = "asyncio.get_running_loop().call_later(0.2, os.kill, os.getpid(), signal.SIGINT)"
        cells = [
            "%load_ext envcap\nimport asyncio, os, signal, time",
            "%%capture_job --job-id error\nprint('before')\n1 / 0",
            "%%capture_job --job-id await\nawait asyncio.sleep(0)\n'slept'",
            f"%%capture_job --job-id cancelled\n{interrupt}\nawait asyncio.sleep(60)",
            "%%capture_job --job-id interrupted\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)",
            "%%capture_job --nonsense\n1",
            "%%capture_job --job-id last\n!envcap run --job-id child -- true",
        ]
        ran = notebooks.run(cells, allow_errors=True)
        errors = [[one.ename for one in cell.outputs if one.output_type == "error"] for cell in ran]
        assert errors[1] == ["ZeroDivisionError"]
        assert errors[2] == errors[6] == []
        assert len(errors[3]) == len(errors[4]) == 1
        assert errors[4] == ["KeyboardInterrupt"]
        assert "%%capture_job: unrecognized arguments: --nonsense" in text_of(ran[5])
        assert "'slept'" in text_of(ran[2])
        states = {name: find(f"job:{name}").state for name in ("error", "await", "cancelled", "interrupted", "last")}
        assert states == {
            "error": "failed", "await": "ok", "cancelled": "failed", "interrupted": "failed", "last": "ok"
        }  # fmt: skip
        assert find("job:last").manifest.job.parent is None
        assert find("job:child").manifest.job.parent == find("job:last").manifest.attempt

    def test_a_failing_cell_stops_a_notebook(self, notebooks: Notebooks) -> None:
        with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
            notebooks.run(["%load_ext envcap", "%%capture_job\n1 / 0", "open('never', 'w').close()"])
        assert not (notebooks.work / "never").exists()

    def test_it_listens_on_no_network(self, notebooks: Notebooks) -> None:
        before = "import socket\nheard = socket.create_server(('127.0.0.1', 0))"
        quiet, _, loud = notebooks.run([LISTENING, before, LISTENING])
        ports = [json.loads(text_of(cell).replace("'", '"')) for cell in (quiet, loud)]
        assert all(port.startswith("0100007F:") for port in ports[0]), "the debugger's, on loopback, if any"
        assert len(ports[1]) == len(ports[0]) + 1, "the tamper case: what listens is seen"

    def test_a_changed_output_is_no_green_verdict(self, notebooks: Notebooks, find: Find) -> None:
        cells = ["import replay", CAPTURE.format("tampered", "mine.npy", "mine.npy")]
        changing = "import numpy as np\nx = np.load('mine.npy')\nx[3, 4] += 1e-9\nnp.save('mine.npy', x)"
        *_, cell = notebooks.run([*cells, changing, "replay.rerun('job:tampered', quiet=True)"])
        (html,) = html_of(cell)
        assert Shown(html).badges[:2] == ["different", "different"]
        assert "the original was changed since; the re-run is, byte for byte, what the job wrote" in Shown(html).text
        assert "first at (3, 4)" in Shown(html).text


class TestBrowser:
    """What Chromium makes of it."""

    @pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
    def test_all_is_seen_and_nothing_is_fetched(self, page: list[NotebookNode], dark: bool, tmp_path: Path) -> None:
        every = "".join(html_of(cell)[-1] for cell in page if html_of(cell))
        seen = see(as_page("cells", every, dark=dark), tmp_path)
        assert seen.asked_for == []
        assert seen.colours > 100
        assert seen.count(GREEN) > 1000, "badges of what is good"
        assert seen.count(RED) > 500, "badges of what is different"
        ground, text = ("#111418", "#e4e6ea") if dark else ("#ffffff", "#1f2328")
        assert seen.count(ground) > seen.pixels[..., 0].size / 2
        assert seen.count(text) > 1000, "text has the colour of the notebook"

    def test_the_check_sees_a_blank_page_and_what_is_fetched(self, tmp_path: Path) -> None:
        blank = see("<!DOCTYPE html><html><body></body></html>", tmp_path)
        assert (blank.colours, blank.asked_for) == (1, [])
        fetching = see('<img src="http://elsewhere.invalid/x.png"><img src="http://127.0.0.1:9/y.png">', tmp_path)
        assert sorted(fetching.asked_for) == ["http://127.0.0.1:9/y.png", "http://elsewhere.invalid/x.png"]


def test_the_page_is_run_cell_by_cell() -> None:
    assert len(cells_of_page()) == PAGE.read_text().count("```python\n") >= 8
    assert all(cell.strip() for cell in cells_of_page())
