# SPDX-License-Identifier: Apache-2.0
"""What `envcap run` records of a job, and what of it is identity."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.digest import digest_of
from envcap.model.components import Command
from envcap.store.index import Attempt, Index
from envcap.store.journal import read_journal
from envcap.store.local import LocalStore

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Last = Callable[[], Attempt]


def command_of(attempt: Attempt) -> Command:
    """Return the recipe's work."""
    assert isinstance(attempt.recipe.task, Command)
    return attempt.recipe.task


class TestRecord:
    """What is recorded."""

    def test_a_job(self, envcap: Run, last: Last, work: Path) -> None:
        envcap("run", "--job-id", "night 12", "--", "sh", "-c", "exit 3", "x")
        attempt = last()
        manifest, result = attempt.manifest, attempt.result
        assert (attempt.state, attempt.degraded) == ("failed", False)
        assert (manifest.job_id, manifest.job.kind, manifest.job.name) == ("night 12", "command", "sh")
        assert (manifest.job.argv, manifest.job.cwd) == (("sh", "-c", "exit 3", "x"), str(work))
        assert manifest.job.activator == "envcap run"
        assert command_of(attempt).argv == ("sh", "-c", "exit 3", "x")
        assert result is not None
        assert (result.status, result.exit, result.error, result.manifest) == ("failed", 3, None, attempt.digest)
        assert set(result.resources) == {"user_s", "system_s", "max_rss_kb"}
        assert int(result.resources["max_rss_kb"]) > 100
        assert manifest.started <= result.ended

    def test_without_a_job_id_the_attempts_own(self, envcap: Run, last: Last) -> None:
        envcap("run", "--", "true")
        assert last().manifest.job_id == last().manifest.attempt

    def test_the_manifest_is_there_before_the_payload_starts(
        self, envcap: Run, store: LocalStore, journal_files: Callable[[], list[Path]], work: Path
    ) -> None:
        envcap("run", "--", "sh", "-c", 'cat "$ENVCAP_STORE"/journal/*/*/* > seen')
        (path,) = journal_files()
        assert [r.kind for r in read_journal(str(work / "seen"))] == ["recipe", "manifest"]  # type: ignore[union-attr]
        assert [r.kind for r in read_journal(str(path))] == ["recipe", "manifest", "result", "end"]  # type: ignore[union-attr]

    def test_config_inputs_and_outputs(self, envcap: Run, last: Last, work: Path, store: LocalStore) -> None:
        (work / "c.yaml").write_text("url: https://me:hunter2@host\n")
        (work / "in.fits").write_bytes(b"raw")
        envcap(
            "run", "--config", "c.yaml", "--input", "in.fits", "--output", "out.fits", "--output", "never",
            "--", "cp", "in.fits", "out.fits",
        )  # fmt: skip
        attempt = last()
        command = command_of(attempt)
        assert command.argv == ("cp", "{input:in.fits}", "{output:out.fits}")
        assert store.get(command.config["c.yaml"].digest) == b"url: https://<scrubbed:url-credentials>@host\n"
        assert command.inputs == {"in.fits": digest_of(b"raw")}
        assert attempt.result is not None
        (given,), (made,) = attempt.result.inputs, attempt.result.outputs
        assert given.file is not None
        assert (given.file.uri, given.file.digest, given.file.size) == (f"file://{work}/in.fits", digest_of(b"raw"), 3)
        assert (made.file.uri, made.file.digest, made.file.size) == (f"file://{work}/out.fits", digest_of(b"raw"), 3)
        assert attempt.result.missing == ("never",)
        assert attempt.state == "ok"

    def test_an_input_is_recorded_as_the_payload_found_it(self, envcap: Run, last: Last, work: Path) -> None:
        (work / "state").write_bytes(b"before")
        envcap("run", "--input", "state", "--", "sh", "-c", "echo after > state")
        assert command_of(last()).inputs == {"state": digest_of(b"before")}

    def test_variables_that_were_asked_for(self, envcap: Run, last: Last, store: LocalStore) -> None:
        envcap("run", "--env", "NIGHT", "--env", "DAY", "--", "true", env={"NIGHT": "12"})
        assert b'"NIGHT":"12"' in store.get(last().recipe.software["process_env"].digest)

    def test_a_job_within_a_job_names_its_parent(self, envcap: Run, last: Last, store: LocalStore) -> None:
        program = str(Path(sys.executable).with_name("envcap"))
        envcap("run", "--job-id", "outer", "--", program, "run", "--job-id", "inner", "--", "true")
        outer, inner = Index(store).attempts()
        assert (outer.manifest.job_id, inner.manifest.job_id) == ("outer", "inner")
        assert (outer.manifest.job.parent, inner.manifest.job.parent) == (None, outer.manifest.attempt)
        assert last().manifest.job_id == "outer"

    def test_no_stored_byte_holds_a_secret(
        self, envcap: Run, store: LocalStore, stored_bytes: Callable[[LocalStore], bytes], last: Last
    ) -> None:
        secret = "hunter2hunter2"
        envcap(
            "run", "--", "echo", "control-c0ntr0l", "--password", secret, f"--token={secret}", f"https://a:{secret}@b",
            env={"MY_PASSWORD": secret, "OTHER": secret},
        )  # fmt: skip
        assert last().state == "ok"
        data = stored_bytes(store)
        assert b"control-c0ntr0l" in data
        assert secret.encode() not in data


class TestIdentity:
    """The same work is the same recipe, wherever it is done."""

    @pytest.fixture
    def job(self, envcap: Run, last: Last, tmp_path: Path) -> Callable[..., Attempt]:
        """Give a function that runs one job in a directory of its own."""

        def run(place: str, *, config: str = "a: 1", data: str = "raw", word: str = "x") -> Attempt:
            folder = tmp_path / place
            folder.mkdir()
            (folder / "c.yaml").write_text(config)
            (folder / "in").write_text(data)
            paths = {name: str(folder / name) for name in ("c.yaml", "in", "out")}
            options = ("--config", paths["c.yaml"], "--input", paths["in"], "--output", paths["out"])
            script = 'cat "$1" "$2" > "$3"'
            done = envcap("run", *options, "--", "sh", "-c", script, word, *paths.values(), cwd=folder)
            assert done.returncode == 0, done.stderr
            return last()

        return run

    def test_in_another_place_it_is_the_same(self, job: Callable[..., Attempt]) -> None:
        one, two = job("one"), job("two")
        assert one.manifest.recipe == two.manifest.recipe
        assert one.result
        assert two.result
        assert one.result.content_key == two.result.content_key
        assert one.manifest.host == two.manifest.host
        assert one.manifest.attempt != two.manifest.attempt

    @pytest.mark.parametrize("change", [{"config": "a: 2"}, {"data": "other"}, {"word": "y"}])
    def test_other_work_is_another(self, job: Callable[..., Attempt], change: dict[str, str]) -> None:
        one, two = job("one"), job("two", **change)
        assert one.manifest.recipe != two.manifest.recipe
        assert one.result
        assert two.result
        assert one.result.content_key != two.result.content_key

    @pytest.mark.parametrize("option", ["--input", "--config"])
    def test_files_of_one_name_all_count(self, envcap: Run, last: Last, work: Path, option: str) -> None:
        recipes = set()
        for content in ("one", "two"):
            for night in ("night1", "night2"):
                (work / night).mkdir(exist_ok=True)
                (work / night / "raw.fits").write_text(content if night == "night1" else "same")
            envcap("run", option, "night1/raw.fits", option, "night2/raw.fits", "--", "true")
            recipes.add(last().manifest.recipe.digest)
        assert len(recipes) == 2

    def test_a_declared_path_within_an_option_goes_by_name(self, envcap: Run, last: Last, tmp_path: Path) -> None:
        recipes = set()
        for place in ("one", "two"):
            (tmp_path / place).mkdir()
            out = tmp_path / place / "out"
            envcap("run", "--output", str(out), "--", "dd", "if=/dev/null", f"of={out}")
            recipes.add(last().manifest.recipe.digest)
        assert len(recipes) == 1

    def test_two_bands_are_two_recipes(self, envcap: Run, last: Last) -> None:
        recipes = set()
        for band in "gr":
            envcap("run", "--", "echo", "--bandpass", band)
            recipes.add(last().manifest.recipe.digest)
        assert len(recipes) == 2
