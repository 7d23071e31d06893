# SPDX-License-Identifier: Apache-2.0
"""`%%capture_job`: a cell is a job, and IPython runs it as it would without."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import envcap as envcap_package
from envcap.model.components import PythonBlock
from envcap.store.index import Attempt
from tests.shown import Shown, is_harmless

Run = Callable[[str], Any]
Jobs = Callable[[], list[Attempt]]


def block(attempt: Attempt) -> PythonBlock:
    """Return what a cell was."""
    task = attempt.recipe.task
    assert isinstance(task, PythonBlock)
    return task


class TestCell:
    """A cell that is a job."""

    def test_it_is_recorded_with_what_it_declares(self, run_cell: Run, shell: InteractiveShell, tmp_path: Path) -> None:
        (tmp_path / "in.txt").write_text("in")
        (tmp_path / "c.ini").write_text("[a]\n")
        options = "--job-id night-12 --input in.txt --output out.txt --config c.ini -o job"
        ran = run_cell(f"%%capture_job {options} 'my reduction'\nopen('out.txt', 'w').write('out')\n")
        assert ran.result.success
        assert ran.result.result == 3
        found = envcap_package.find("job:night-12")
        assert (found.state, found.manifest.job.name, found.manifest.job.activator) == (
            "ok", "my reduction", "%%capture_job",
        )  # fmt: skip
        assert found.store is not None
        code = block(found).code
        assert code is not None
        assert found.store.get(code.digest) == b"open('out.txt', 'w').write('out')\n"
        assert list(block(found).inputs) == ["in.txt"]
        assert list(block(found).config) == ["c.ini"]
        assert found.result is not None
        assert [one.file.size for one in found.result.outputs] == [3]
        assert not found.degraded
        assert shell.user_ns["job"].manifest.attempt == found.manifest.attempt
        assert found.result.content_key is None, "nothing records what earlier cells left"

    def test_it_is_shown_after_what_it_shows_itself(self, run_cell: Run) -> None:
        ran = run_cell("%%capture_job stack\nprint('before')\n'the value'")
        assert ran.result.result == "the value"
        assert ran.printed.startswith("before\n")
        (html,) = (one for one in ran.html if one)
        assert is_harmless(html)
        assert Shown(html).text.startswith("block stack ok")

    def test_the_same_cell_is_the_same_recipe_and_a_changed_one_another(self, run_cell: Run, jobs: Jobs) -> None:
        for cell in ("x = 1", "x = 1", "\nx = 1\n", "x = 2"):
            run_cell(f"%%capture_job\n{cell}")
        once, again, spaced, changed = (one.manifest.recipe.digest for one in jobs())
        assert once == again == spaced != changed
        difference = envcap_package.diff(jobs()[0], jobs()[3])
        assert [one.layer for one in difference.layers if not one.identical] == ["code"]
        assert str(difference).startswith("code\n  line 1: x = 1 → x = 2\nidentical: work, ")
        assert "<difference of cell" in repr(difference)

    @pytest.mark.parametrize(
        ("cell", "value"),
        [
            ("import asyncio\nawait asyncio.sleep(0)\n4", 4),
            ("%%time\n4", 4),
            ("\n\n%%time\n4", 4),
            ("%time 4", 4),
            ("  x = 3\n  x + 1", 4),
            ("def f():\n    return 4\nf()", 4),
            ("4;", None),
            ("names = !echo 4\nint(names[0])", 4),
        ],
    )
    def test_what_a_plain_cell_may_hold(self, run_cell: Run, jobs: Jobs, cell: str, value: int | None) -> None:
        captured, plain = run_cell(f"%%capture_job\n{cell}"), run_cell(cell)
        assert captured.result.success
        assert captured.result.result == plain.result.result == value
        assert [one.state for one in jobs()] == ["ok"]

    def test_the_commands_it_starts_are_parts_of_it(self, run_cell: Run) -> None:
        program = Path(sys.executable).parent / "envcap"
        run_cell(f"%%capture_job --job-id whole\n!{program} run --job-id part -- true")
        assert envcap_package.find("job:part").manifest.job.parent == envcap_package.find("job:whole").manifest.attempt
        run_cell("%%capture_job --job-id next\n1")
        assert envcap_package.find("job:next").manifest.job.parent is None

    def test_variables_in_options_are_replaced(self, run_cell: Run) -> None:
        run_cell("night = 12; line = 'hidden'")
        run_cell("%%capture_job --job-id {night}-{line}-{nobody}\n1")
        run_cell("%%capture_job --job-id {night}-{line}\n1")
        assert envcap_package.find("@last").manifest.job_id == "12-hidden"
        assert envcap_package.find("job:{night}-{line}-{nobody}").state == "ok", "as IPython leaves it"

    def test_another_directory_in_it_moves_no_output(self, run_cell: Run, tmp_path: Path) -> None:
        (tmp_path / "below").mkdir()
        run_cell("%%capture_job --output out.txt\nopen('out.txt', 'w').close()\n%cd -q below")
        result = envcap_package.find("@last").result
        assert result is not None
        assert [one.file.uri for one in result.outputs] == [f"file://{tmp_path / 'out.txt'}"]


class TestFailing:
    """A cell that ends badly."""

    def test_an_error_is_recorded_and_shown_once_as_ever(self, run_cell: Run, jobs: Jobs) -> None:
        cell = "def f():\n    return 1 / 0\nf()"
        captured, plain = run_cell(f"%%capture_job\n{cell}"), run_cell(f"# no job\n{cell}")
        assert isinstance(captured.result.error_in_exec, ZeroDivisionError)
        assert captured.printed.count("Traceback") == plain.printed.count("Traceback") == 1
        assert "notebook.py" not in captured.printed
        wanted = plain.printed.replace("In[2]", "In[1]")
        assert captured.printed.startswith(wanted), "to the number of the line"
        (job,) = jobs()
        assert job.state == "failed"
        assert job.result is not None
        assert job.result.error == "ZeroDivisionError: division by zero"
        assert any("failed" in Shown(html).badges for html in captured.html if html)

    def test_a_syntax_error(self, run_cell: Run, jobs: Jobs) -> None:
        ran = run_cell("%%capture_job\nx = = 1")
        assert isinstance(ran.result.error_before_exec, SyntaxError)
        assert ran.printed.count("SyntaxError") == 1
        (job,) = jobs()
        assert job.state == "failed"
        assert job.result is not None
        assert (job.result.error or "").startswith("SyntaxError: invalid syntax")

    def test_an_interrupt(self, run_cell: Run, jobs: Jobs) -> None:
        run_cell("%%capture_job\nimport os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)")
        (job,) = jobs()
        assert job.state == "failed"
        assert job.result is not None
        assert (job.result.error or "").startswith("KeyboardInterrupt")

    @pytest.mark.filterwarnings("ignore:To exit")
    @pytest.mark.parametrize(("code", "state"), [("0", "ok"), ("3", "failed")])
    def test_an_exit_counts_as_the_exit_it_is(self, run_cell: Run, jobs: Jobs, code: str, state: str) -> None:
        run_cell(f"%%capture_job\nraise SystemExit({code})")
        assert [one.state for one in jobs()] == [state]

    def test_the_next_cell_is_no_part_of_it(self, run_cell: Run, jobs: Jobs) -> None:
        run_cell("%%capture_job --job-id bad\n1 / 0")
        run_cell("2")
        run_cell("%%capture_job --job-id good\n3")
        assert [(one.manifest.job_id, one.state) for one in jobs()] == [("bad", "failed"), ("good", "ok")]


class TestWrong:
    """A line that is wrong: one line says so, and the cell doesn't run."""

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ("--nope", "unrecognized arguments: --nope"),
            ("--job-id", "argument --job-id: expected one argument"),
            ("--input nothing.fits", "nothing.fits: no such file"),
            ("'one", "No closing quotation"),
            ("-o a-b", "'a-b' is no name of a variable"),
            ("-o class", "'class' is no name of a variable"),
            ("one two", "unrecognized arguments: two"),
        ],
    )
    def test_an_option(self, run_cell: Run, jobs: Jobs, shell: InteractiveShell, options: str, told: str) -> None:
        ran = run_cell(f"%%capture_job {options}\nran = True")
        assert not ran.result.success
        (line,) = ran.printed.splitlines()
        assert line.startswith("UsageError: %%capture_job: ")
        assert told in line
        assert "'%%capture_job?'" in line
        assert "ran" not in shell.user_ns
        assert jobs() == []

    def test_a_cell_without_code(self, run_cell: Run, jobs: Jobs) -> None:
        assert run_cell("%%capture_job\n\n").printed == "UsageError: %%capture_job: the cell has no code\n"
        assert "is empty" in run_cell("%%capture_job").printed, "as IPython says of all magics"
        assert jobs() == []

    @pytest.mark.parametrize("cell", ["%%capture_jobs\n1", "x = '''\n%%capture_job\n'''", "%capture_job\n1"])
    def test_another_line_is_none_of_it(self, run_cell: Run, jobs: Jobs, cell: str) -> None:
        run_cell(cell)
        assert jobs() == []

    def test_a_console_waits_for_the_cell(self, shell: InteractiveShell) -> None:
        assert shell.check_complete("%%capture_job\nx = 1")[0] == "incomplete"
        assert shell.check_complete("%%capture_job\nx = 1\n\n")[0] == "complete"
