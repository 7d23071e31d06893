# SPDX-License-Identifier: Apache-2.0
"""`envcap.capture` and `envcap.captured`: a block of Python is a job, and never the worse for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import envcap as envcap_package
from envcap.errors import UnknownSelectorError, UsageError
from envcap.hooks.variables import CONTEXT_VARIABLE
from envcap.model.components import PythonBlock
from envcap.store.index import Attempt, Index
from envcap.store.local import LocalStore

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def in_store(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the API use the test's store, and nothing of an enclosing job."""
    monkeypatch.setenv("ENVCAP_STORE", store.root)
    monkeypatch.delenv(CONTEXT_VARIABLE, raising=False)


@pytest.fixture
def python(store: LocalStore, work: Path, clean_environ: dict[str, str]) -> Run:
    """Give a function that runs a Python program in a process of its own, with the hash seed fixed."""

    def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        environ = {**clean_environ, "ENVCAP_STORE": store.root, "PYTHONHASHSEED": "0", **env}
        done = subprocess.run([sys.executable, *arguments], env=environ, cwd=work, capture_output=True, text=True)
        assert "Traceback" not in done.stderr or "payload" in done.stderr, done.stderr
        return done

    return run


def block(attempt: Attempt) -> PythonBlock:
    """Return what a block was given."""
    task = attempt.recipe.task
    assert isinstance(task, PythonBlock)
    return task


class TestCapture:
    """A block."""

    def test_is_recorded(self, tmp_path: Path) -> None:
        (tmp_path / "in.txt").write_text("in")
        (tmp_path / "c.ini").write_text("[a]\nb = 1\n")
        names = {"inputs": [str(tmp_path / "in.txt")], "outputs": [str(tmp_path / "out.txt")]}
        with envcap_package.capture("reduce", job_id="night-12", config=[str(tmp_path / "c.ini")], **names) as job:
            (tmp_path / "out.txt").write_text("out")
        found = envcap_package.find("job:night-12")
        assert found.manifest.attempt == job.attempt
        assert (found.state, found.manifest.job.kind, found.manifest.job.name) == ("ok", "block", "reduce")
        assert not found.degraded
        assert list(block(found).inputs) == ["in.txt"]
        assert list(block(found).config) == ["c.ini"]
        assert found.result is not None
        assert [o.file.size for o in found.result.outputs] == [3]
        assert found.result.content_key
        assert float(found.result.resources["wall_s"]) >= 0
        assert (found.result.outcomes or {})["loaded_libraries"].status == "captured"

    def test_says_while_it_runs_that_it_does(self) -> None:
        with envcap_package.capture() as job:
            assert envcap_package.find(f"attempt:{job.attempt}").state == "running"

    def test_an_error_is_recorded_and_raised(self) -> None:
        with pytest.raises(ValueError, match="no luck"), envcap_package.capture():
            raise ValueError("no luck with https://me:hunter2hunter2@host")
        found = envcap_package.find("@last")
        assert found.state == "failed"
        assert found.result is not None
        assert found.result.error == "ValueError: no luck with https://<scrubbed:url-credentials>@host"

    @pytest.mark.parametrize(("code", "state"), [(0, "ok"), (None, "ok"), (3, "failed"), ("gone", "failed")])
    def test_an_exit_counts_as_the_exit_it_is(self, code: object, state: str) -> None:
        with pytest.raises(SystemExit), envcap_package.capture():
            raise SystemExit(code)
        assert envcap_package.find("@last").state == state

    def test_what_it_needs_must_be_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no such file"):
            envcap_package.capture(inputs=[str(tmp_path / "missing")])

    def test_a_missing_output_is_named(self, tmp_path: Path) -> None:
        with envcap_package.capture(outputs=[str(tmp_path / "never")]):
            pass
        result = envcap_package.find("@last").result
        assert result is not None
        assert result.missing == (str(tmp_path / "never"),)

    def test_the_commands_it_starts_are_parts_of_it(self, store: LocalStore) -> None:
        with envcap_package.capture() as job:
            program = Path(sys.executable).parent / "envcap"
            subprocess.run([program, "run", "--job-id", "part", "--", "true"], check=True)
        assert envcap_package.find("job:part").manifest.job.parent == job.attempt
        assert CONTEXT_VARIABLE not in os.environ

    def test_blocks_nest(self) -> None:
        with envcap_package.capture("outer") as outer:
            with envcap_package.capture("inner") as inner:
                pass
            with envcap_package.capture("second") as second:
                pass
        for one in (inner, second):
            assert envcap_package.find(f"attempt:{one.attempt}").manifest.job.parent == outer.attempt
        assert envcap_package.find(f"attempt:{outer.attempt}").manifest.job.parent is None

    def test_it_goes_on_where_nothing_can_be_recorded(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        (tmp_path / "file").write_text("")
        done = []
        with envcap_package.capture(store=str(tmp_path / "file" / "store")) as job:
            done.append(1)
        assert done
        assert job.attempt is None
        assert "this job is not recorded" in caplog.text
        assert "not recorded" in job._repr_html_()

    def test_it_goes_on_where_the_store_is_lost_meanwhile(
        self, store: LocalStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with envcap_package.capture():
            monkeypatch.setattr("os.write", lambda *_: 1 / 0)
        assert "result is not recorded" in caplog.text

    def test_a_variable_that_was_asked_for(self, monkeypatch: pytest.MonkeyPatch, store: LocalStore) -> None:
        monkeypatch.setenv("STACK_NAME", "w_2026_47")
        with envcap_package.capture(env=["STACK_NAME"]):
            pass
        found = envcap_package.find("@last")
        document = json.loads(store.get(found.recipe.software["process_env"].digest))
        assert document["variables"]["STACK_NAME"] == "w_2026_47"
        assert "ENVCAP_EXTRA_ENV" not in os.environ


class TestParameters:
    """What a block or a function is given."""

    def test_simple_values_are_identity(self) -> None:
        digests = []
        for threshold in (5.0, 5.0, 7.0):
            with envcap_package.capture(parameters={"threshold": threshold, "bands": ["g", "r"]}):
                pass
            digests.append(envcap_package.find("@last").manifest.recipe.digest)
        assert digests[0] == digests[1] != digests[2]

    def test_of_others_the_type_is_told_and_there_is_no_content_key(self) -> None:
        with envcap_package.capture(parameters={"image": object(), "n": 3}):
            pass
        found = envcap_package.find("@last")
        assert list(block(found).opaque) == ["image: object"]
        assert dict(block(found).parameters) == {"n": "3"}
        assert found.result is not None
        assert found.result.content_key is None

    def test_a_secret_is_taken_out(self, stored_bytes: Callable[[LocalStore], bytes], store: LocalStore) -> None:
        with envcap_package.capture(parameters={"password": "hunter2hunter2", "url": "https://u:hunter2hunter2@h"}):
            pass
        assert b"hunter2hunter2" not in stored_bytes(store)
        places = envcap_package.find("@last").manifest.scrubbed or {}
        work = {place: kind for place, kind in places.items() if place.startswith("work.")}
        assert work == {"work.parameters.password": "secret-name", "work.parameters.url": "url-credentials"}

    def test_a_function_is_recorded_call_by_call(self, store: LocalStore) -> None:
        @envcap_package.captured
        def add(x: int, y: int = 1) -> int:
            return x + y

        assert add(2) == 3
        assert add(2, y=5) == 7
        given = [dict(block(a).parameters) for a in Index(store).attempts()]
        assert given == [{"x": "2", "y": "1"}, {"x": "2", "y": "5"}]
        assert add.__name__ == "add"

    def test_with_options(self) -> None:
        @envcap_package.captured(job_id="mine", name="another")
        def run() -> None:
            """Do nothing."""

        run()
        assert envcap_package.find("job:mine").manifest.job.name == "another"

    def test_a_wrong_call_fails_as_it_would(self) -> None:
        @envcap_package.captured
        def run(x: int) -> int:
            return x

        with pytest.raises(TypeError, match="missing 1 required"):
            run()
        assert envcap_package.find("@last").state == "failed"


class TestSame:
    """The same software, whichever way a job was captured."""

    @pytest.fixture
    def software(self, store: LocalStore) -> Callable[[str], dict[str, str]]:
        """Give a function that returns the software components of a job, by kind."""
        return lambda name: {k: d.digest for k, d in envcap_package.find(name).recipe.software.items()}

    def test_a_script_by_command_and_by_block(
        self, python: Run, envcap: Run, work: Path, software: Callable[[str], dict[str, str]]
    ) -> None:
        (work / "helper.py").write_text("value = 1\n")
        (work / "job.py").write_text(
            "import helper, envcap\nwith envcap.capture(job_id='block'):\n    assert helper.value\n"
        )
        assert python("job.py").returncode == 0
        done = envcap("run", "--job-id", "command", "--", sys.executable, "job.py", env={"PYTHONHASHSEED": "0"})
        assert done.returncode == 0, done.stderr
        assert software("job:command") == software("job:block")
        assert {"interpreter", "python_dists", "source", "process_env", "numerics"} <= software("job:block").keys()
        (work / "helper.py").write_text("value = 2\n")
        before = software("job:block")
        assert python("job.py").returncode == 0
        changed = {k for k, digest in software("job:block").items() if digest != before[k]}
        assert changed == {"source"}, "the tamper case: other code is another component, and only that"


class TestSeen:
    """What notebooks show."""

    @pytest.fixture
    def two(self) -> Iterator[tuple[Attempt, Attempt]]:
        """Give two jobs that differ."""
        found = []
        for name in ("<b>one</b>", "two"):
            with envcap_package.capture(name, parameters={"x": name}):
                pass
            found.append(envcap_package.find("@last"))
        return iter([(found[0], found[1])])

    def test_a_job(self, two: Iterator[tuple[Attempt, Attempt]]) -> None:
        one, _ = next(two)
        shown = one._repr_html_()
        assert "&lt;b&gt;one&lt;/b&gt;" in shown
        assert "<b>one</b>" not in shown
        assert "python_dists" in shown
        assert "one" in repr(one)

    def test_a_difference(self, two: Iterator[tuple[Attempt, Attempt]]) -> None:
        one, other = next(two)
        found = envcap_package.diff(f"attempt:{one.manifest.attempt}", f"attempt:{other.manifest.attempt}")
        assert not found.identical
        assert "<b>one</b>" not in found._repr_html_()
        assert "identical: " in found._repr_html_()

    def test_a_block(self) -> None:
        with envcap_package.capture("shown") as job:
            pass
        assert "shown" in job._repr_html_()


def test_an_unknown_job_is_an_error() -> None:
    with envcap_package.capture():
        pass
    with pytest.raises(UnknownSelectorError):
        envcap_package.find("job:nobody")


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys; before = set(sys.modules); import envcap; print(sorted(set(sys.modules) - before))"
    environ = {"PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, env=environ)
    assert done.stdout.strip() == "['__future__', 'envcap']", done.stderr
    with pytest.raises(AttributeError):
        envcap_package.nothing  # noqa: B018
