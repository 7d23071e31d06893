# SPDX-License-Identifier: Apache-2.0
"""`%%capture_job` where capture goes wrong, and the extension's coming and going."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from envcap.hooks.notebook import CellCapture
from envcap.store.index import Attempt
from envcap.store.local import LocalStore

SECRET = "ghp_" + "a1B2" * 9
Run = Callable[[str], Any]
Jobs = Callable[[], list[Attempt]]


class TestUnrecorded:
    """What goes wrong with capture."""

    def test_the_cell_runs_and_it_is_said_once(
        self, run_cell: Run, tmp_path: Path, shell: InteractiveShell, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "file").write_text("")
        ran = run_cell("%%capture_job --store file/store -o job\n5")
        assert ran.result.result == 5
        assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["this job is not recorded"]
        assert shell.user_ns["job"] is None
        assert not any(ran.html)

    def test_a_store_that_is_gone_when_it_ends(
        self, run_cell: Run, store: LocalStore, shell: InteractiveShell, caplog: pytest.LogCaptureFixture
    ) -> None:
        ran = run_cell(f"%%capture_job -o job\nimport shutil; shutil.rmtree({store.root!r})\n6")
        assert ran.result.result == 6
        assert "this job can't be read back" in caplog.text
        assert shell.user_ns["job"] is None

    def test_of_code_that_holds_a_secret_nothing_is_kept(
        self, run_cell: Run, jobs: Jobs, store: LocalStore, stored_bytes: Callable[[LocalStore], bytes]
    ) -> None:
        name = f"name_{os.getpid()}_of_the_cell"  # this file is code of the job, too
        for threshold in (5, 5, 7):
            run_cell(f"%%capture_job\nkey = '{SECRET}'\n{name} = {threshold}")
        kept = stored_bytes(store)
        assert SECRET.encode() not in kept
        assert name.encode() not in kept
        first, again, other = jobs()
        assert first.recipe.task.code is None
        assert "it holds a secret, <scrubbed:github-token>" in (first.recipe.task.code_left_out or "")
        assert (first.manifest.scrubbed or {})["code"] == "github-token"
        assert first.manifest.recipe == again.manifest.recipe != other.manifest.recipe
        assert first.state == "ok"


class TestExtension:
    """`%load_ext envcap`."""

    def test_it_is_unloaded_and_loaded_again(self, run_cell: Run, jobs: Jobs, shell: InteractiveShell) -> None:
        shell.run_line_magic("unload_ext", "envcap")
        assert "not found" in run_cell("%%capture_job\n1").printed
        assert not any(isinstance(one, CellCapture) for one in shell.input_transformers_cleanup)
        assert jobs() == []
        shell.run_line_magic("load_ext", "envcap")
        run_cell("%%capture_job\n1")
        assert len(jobs()) == 1

    def test_a_second_time_changes_nothing(self, run_cell: Run, jobs: Jobs) -> None:
        assert "already loaded" in run_cell("%load_ext envcap").printed
        run_cell("%%capture_job\n1")
        assert len(jobs()) == 1

    def test_a_notebook_that_was_made_a_script(self, shell: InteractiveShell, jobs: Jobs, run_cell: Run) -> None:
        with capture_output():
            shell.run_cell_magic("capture_job", "--job-id script", "value = 8")
            with pytest.raises(ZeroDivisionError):
                shell.run_cell_magic("capture_job", "", "1 / 0")
        assert shell.user_ns["value"] == 8
        assert [one.state for one in jobs()] == ["ok", "failed"]

    def test_inside_another_magic(self, run_cell: Run, jobs: Jobs) -> None:
        run_cell("%%capture seen\n%%capture_job stack\nprint('x')")
        run_cell("%%capture_job stack\n%%capture seen\nprint('x')")
        assert [one.state for one in jobs()] == ["ok", "ok"]

    def test_its_help_shows_how_it_is_used(self, shell: InteractiveShell) -> None:
        told: Any = shell.object_inspect("%%capture_job")
        assert "[--job-id ID]" in told["docstring"]

    def test_it_is_not_imported_before(self, clean_environ: dict[str, str]) -> None:
        code = (
            "import envcap.hooks.python_api, sys; before = 'IPython' in sys.modules; "
            "print(before, hasattr(envcap, 'load_ipython_extension'), 'IPython' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], env=clean_environ, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ["False", "True", "True"]
