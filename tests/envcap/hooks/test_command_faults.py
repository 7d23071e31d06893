# SPDX-License-Identifier: Apache-2.0
"""Capture never kills a job and never lies: what goes wrong with it is said, and the payload does not notice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.store.index import Attempt, Index
from envcap.store.local import LocalStore

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Last = Callable[[], Attempt]

# A payload whose output and exit status are known.
PAYLOAD = ["sh", "-c", "cat; exit 3"]


def check(done: subprocess.CompletedProcess[str]) -> str:
    """Assert that the payload ran as it would without envcap, and return what envcap said in its one line."""
    assert done.returncode == 3, done.stderr
    assert done.stdout == "data"
    assert done.stderr.startswith("envcap: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


class TestStore:
    """A store that can't be written, at first or later."""

    def test_on_a_read_only_disk(self, envcap: Run, store: LocalStore, read_only: Callable[[str], str]) -> None:
        said = check(envcap("run", "--store", read_only(store.root), "--", *PAYLOAD, input="data"))
        assert "not recorded" in said
        assert "Read-only file system" in said
        assert list(Index(store).attempts()) == []

    def test_that_can_not_be_made(self, envcap: Run, work: Path) -> None:
        (work / "file").touch()
        said = check(envcap("run", "--store", "file/store", "--", *PAYLOAD, input="data"))
        assert "not recorded: can't make a store at" in said

    def test_on_a_full_disk(self, envcap: Run, small_disk: Path, fill: Callable[[Path], Path]) -> None:
        store = LocalStore(str(small_disk / "store"))
        store.create()
        filler = fill(small_disk)
        said = check(envcap("run", "--store", store.root, "--", *PAYLOAD, input="data"))
        assert "not recorded" in said
        assert "No space left on device" in said
        filler.unlink()
        assert list(Index(store).attempts()) == []
        assert envcap("run", "--store", store.root, "--", *PAYLOAD, input="data").stderr == ""
        assert [a.state for a in Index(store).attempts()] == ["failed"]

    def test_on_a_disk_that_the_payload_fills(self, envcap: Run, small_disk: Path) -> None:
        store = LocalStore(str(small_disk / "store"))
        # A journal's last page has room for the result, so the journal is filled to the brim of that page too.
        pad = 'for f in "$1"/journal/*/*/*; do head -c 1000000 /dev/zero >> "$f" 2>/dev/null; done; exit 3'
        done = envcap("run", "--store", store.root, "--", "sh", "-c", pad, "sh", store.root)
        assert done.returncode == 3
        assert "result is not recorded" in done.stderr
        (attempt,) = Index(store).attempts()
        assert (attempt.state, attempt.result) == ("lost", None)

    def test_that_takes_records_but_no_objects(self, envcap: Run, store: LocalStore, last: Last) -> None:
        Path(store.root, "objects").write_text("in the way")
        done = envcap("run", "--", *PAYLOAD, input="data")
        assert (done.returncode, done.stdout) == (3, "data")
        attempt = last()
        assert (attempt.state, attempt.degraded) == ("failed", True)
        for kind in ("operating_system", "process_env", "hardware", "site"):
            assert attempt.manifest.outcomes[kind].status == "failed"
            assert "captured, but not kept" in str(attempt.manifest.outcomes[kind].reason)
        assert "operating_system" in attempt.recipe.software


class TestStderr:
    """Envcap has something to say and nobody to say it to."""

    @pytest.mark.parametrize(
        "how",
        [
            "2>/dev/full",
            "2>&-",
            "2>/dev/null",
        ],
    )
    def test_the_payload_runs(self, envcap: Run, work: Path, how: str, clean_environ: dict[str, str]) -> None:
        (work / "file").touch()
        program = Path(sys.executable).with_name("envcap")
        command = f"{program} run --store file/store -- sh -c 'echo ran; exit 3' {how}"
        done = subprocess.run(["sh", "-c", command], cwd=work, env=clean_environ, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (3, "ran\n")

    def test_a_closed_stream_stays_closed(
        self, work: Path, store: LocalStore, last: Last, clean_environ: dict[str, str]
    ) -> None:
        program = Path(sys.executable).with_name("envcap")
        command = f"{program} run --store {store.root} -- sh -c 'echo degraded by me >&2 && exit 4; exit 3' <&- 2>&-"
        assert subprocess.run(["sh", "-c", command], cwd=work, env=clean_environ, check=False).returncode == 3
        assert not last().degraded


class TestCollectors:
    """A collector that fails."""

    def test_that_raises(self, envcap: Run, store: LocalStore, last: Last, work: Path, tmp_path: Path) -> None:
        code = (
            "import sys\nfrom envcap.collectors import registry\nfrom envcap.collectors.hardware import "
            "HardwareCollector\nclass Bad(HardwareCollector):\n    kind = 'bad'\n    def collect(self, target, keep):\n"
            "        print('noise to stderr', file=sys.stderr); raise ZeroDivisionError('oh')\n"
            "registry.COLLECTORS = (Bad, *registry.COLLECTORS)\nfrom envcap.cli.main import main\nmain()\n"
        )
        (tmp_path / "program.py").write_text(code)
        words = [sys.executable, tmp_path / "program.py", "run", "--store", store.root, "--", *PAYLOAD]
        done = subprocess.run(words, input="data", capture_output=True, text=True, cwd=work)
        assert (done.returncode, done.stdout) == (3, "data")
        attempt = last()
        outcome = attempt.manifest.outcomes["bad"]
        assert (outcome.status, outcome.reason) == ("failed", "ZeroDivisionError: oh")
        assert attempt.degraded
        assert attempt.manifest.outcomes["operating_system"].status == "captured"

    @pytest.mark.parametrize("error", ["ImportError", "OSError"])
    def test_whose_code_is_gone_while_the_payload_runs(
        self, envcap: Run, last: Last, tmp_path: Path, error: str
    ) -> None:
        finder = f"""
import sys
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name == "envcap.hooks.node":
            raise {error}("gone")
sys.meta_path.insert(0, Gone())
"""
        (tmp_path / "sitecustomize.py").write_text(finder)
        said = check(envcap("run", "--", *PAYLOAD, input="data", env={"PYTHONPATH": str(tmp_path)}))
        assert said == f"envcap: degraded: what is looked at beside the payload: {error}: gone\n"
        result = last().result
        assert result is not None
        assert (result.status, result.exit) == ("failed", 3)
        assert result.degraded == {"beside the payload": f"{error}: gone"}

    def test_that_finds_a_directory_in_place_of_a_record(
        self, envcap: Run, last: Last, venv: Callable[..., Path], wheel: Callable[..., Path],
        site_packages: Callable[[Path], Path],
    ) -> None:  # fmt: skip
        python = venv(wheel("tool"))
        record = site_packages(python) / "tool-1.0.dist-info" / "RECORD"
        record.unlink()
        record.mkdir()
        done = envcap("run", "--", python, "-c", "import tool; print(tool.answer); raise SystemExit(3)")
        assert (done.returncode, done.stdout) == (3, "42\n")
        attempt = last()
        assert attempt.degraded
        assert attempt.manifest.outcomes["python_dists"].status == "failed"
        assert str(record) in str(attempt.manifest.outcomes["python_dists"].reason)
        assert "python_dists" not in attempt.recipe.software

    def test_that_can_not_ask_the_interpreter(self, envcap: Run, last: Last, work: Path) -> None:
        (work / "python3").write_text('#!/bin/sh\n[ "$2" = hello ] || exit 1\necho hello; exit 3\n')
        (work / "python3").chmod(0o755)
        done = envcap("run", "--", "./python3", "-c", "hello")
        assert (done.returncode, done.stdout) == (3, "hello\n")
        outcome = last().manifest.outcomes["interpreter"]
        assert outcome.status == "failed"
        assert "python3 does not say what it imports from" in str(outcome.reason)
        assert last().degraded

    def test_a_config_too_large_to_keep_is_said(self, envcap: Run, last: Last, work: Path) -> None:
        with (work / "c.yaml").open("wb") as stream:
            stream.truncate((1 << 24) + 1)
        done = envcap("run", "--config", "c.yaml", "--", *PAYLOAD, input="data")
        assert (done.returncode, done.stdout) == (3, "data")
        assert "too large to keep" in str(last().manifest.outcomes["command"].reason)
        assert last().degraded

    def test_an_output_that_can_not_be_read_is_said(self, envcap: Run, last: Last, work: Path) -> None:
        done = envcap("run", "--output", "out", "--output", "ok", "--", "sh", "-c", "mkdir out; touch ok; exit 3")
        assert done.returncode == 3
        result = last().result
        assert result is not None
        assert result.degraded == {"output out": "Is a directory"}
        assert [str(o.file.uri) for o in result.outputs] == [f"file://{work}/ok"]


class TestConfirmation:
    """The payload's own Python has the last word on which it is."""

    def test_another_prefix_than_was_captured_is_said(self, envcap: Run, last: Last, venv: Callable[..., Path]) -> None:
        python = venv()
        switch = f"import os; os.execv({sys.executable!r}, [{sys.executable!r}, '-c', 'raise SystemExit(3)'])"
        done = envcap("run", "--", python, "-c", switch)
        assert done.returncode == 3
        attempt = last()
        assert attempt.result is not None
        reason = (attempt.result.degraded or {})["interpreter"]
        assert reason == f"captured in {python.parent.parent}, but the command ran Python in {sys.prefix}"
        assert done.stderr == f"envcap: degraded: {reason}\n"
        assert attempt.degraded

    def test_the_same_prefix_is_no_news(self, envcap: Run, last: Last) -> None:
        done = envcap("run", "--", sys.executable, "-c", "raise SystemExit(3)")
        assert (done.returncode, done.stderr) == (3, "")
        assert not last().degraded

    def test_a_shell_script_that_runs_python_is_not_recorded_as_without(self, envcap: Run, last: Last) -> None:
        envcap("run", "--", "sh", "-c", f"{sys.executable} -c 'print(1)'; exit 0")
        assert last().manifest.outcomes["interpreter"].status != "absent" or last().degraded


class TestBytes:
    """Paths and arguments are bytes, and need not be Unicode."""

    NAME = os.fsdecode(b"caf\xe9")

    def test_an_output_whose_name_is_not_unicode(self, envcap: Run, work: Path) -> None:
        done = envcap("run", "--output", self.NAME, "--", "sh", "-c", "touch caf*; exit 3")
        assert done.returncode == 3
        assert "Traceback" not in done.stderr

    def test_an_argument_that_is_not_unicode_is_recorded(self, envcap: Run, store: LocalStore) -> None:
        done = envcap("run", "--", "sh", "-c", "exit 3", self.NAME)
        assert done.returncode == 3
        assert len(list(Index(store).attempts())) == 1

    @pytest.mark.parametrize("option", ["--input", "--config"])
    def test_a_file_whose_name_is_not_unicode_is_recorded(
        self, envcap: Run, store: LocalStore, work: Path, option: str
    ) -> None:
        (work / self.NAME).write_text("x")
        done = envcap("run", option, self.NAME, "--", "sh", "-c", "exit 3")
        assert done.returncode == 3
        assert len(list(Index(store).attempts())) == 1

    def test_an_output_of_such_a_name_that_can_not_be_read_is_said(self, envcap: Run, work: Path, last: Last) -> None:
        (work / self.NAME).mkdir()
        done = envcap("run", "--output", self.NAME, "--", "sh", "-c", "exit 3")
        assert done.returncode == 3
        assert list((last().result.degraded or {}).values()) == ["Is a directory"]  # type: ignore[union-attr]

    def test_an_argument_that_is_not_unicode_reaches_the_payload(self, envcap: Run) -> None:
        done = envcap("run", "--", "sh", "-c", 'printf %s "$1"; exit 3', "sh", self.NAME, text=False)
        assert (done.returncode, done.stdout) == (3, b"caf\xe9")


@pytest.mark.parametrize(
    ("descriptors", "told", "jobs"),
    [
        (5, "degraded: what runs in this job can't be heard: Too many open files", 1),
        (6, "this job is not recorded, by a fault of envcap's own: OSError: [Errno 24] Too many open files", 0),
    ],
)
def test_without_descriptors_it_runs(
    work: Path, clean_environ: dict[str, str], store: LocalStore, descriptors: int, told: str, jobs: int
) -> None:
    program = Path(sys.executable).with_name("envcap")
    command = f"ulimit -n {descriptors}; exec {program} run --store {store.root} -- sh -c 'echo ran; exit 3'"
    done = subprocess.run(["bash", "-c", command], cwd=work, env=clean_environ, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "ran\n")
    assert done.stderr.startswith(f"envcap: {told}")
    assert "Traceback" not in done.stderr
    assert len(list(Index(store).attempts())) == jobs


def test_the_probe_of_the_interpreter_leaves_the_payloads_input_alone(envcap: Run, venv: Callable[..., Path]) -> None:
    done = envcap("run", "--", venv(), "-c", "import sys; print(sys.stdin.read())", input="data")
    assert done.stdout == "data\n"


def test_a_directory_that_is_gone_keeps_no_job_from_running(
    work: Path, store: LocalStore, clean_environ: dict[str, str]
) -> None:
    (work / "gone").mkdir()
    program = Path(sys.executable).with_name("envcap")
    script = f"cd gone && rmdir ../gone && exec {program} run --store {store.root} -- sh -c 'echo ran; exit 3'"
    done = subprocess.run(["sh", "-c", script], cwd=work, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "ran\n")


def test_a_context_that_is_nonsense_keeps_no_job_from_running(envcap: Run) -> None:
    done = envcap("run", "--", *PAYLOAD, input="data", env={"ENVCAP_CONTEXT": "nonsense", "ENVCAP_CONFIRM": "x"})
    check(done)
