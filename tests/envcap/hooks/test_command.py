# SPDX-License-Identifier: Apache-2.0
"""`envcap run`: the payload runs as it would without, and what it was is recorded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envcap.digest import digest_of
from envcap.model.components import Command
from envcap.store.index import Attempt, Index
from envcap.store.journal import read_journal
from envcap.store.local import LocalStore

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Last = Callable[[], Attempt]
Start = Callable[..., "subprocess.Popen[str]"]


def command_of(attempt: Attempt) -> Command:
    """Return the recipe's work."""
    assert isinstance(attempt.recipe.task, Command)
    return attempt.recipe.task


class TestPayload:
    """The payload runs as it would have run without."""

    @pytest.mark.parametrize(
        ("command", "status"),
        [
            (["true"], 0),
            (["sh", "-c", "exit 3"], 3),
            (["sh", "-c", "exit 255"], 255),
            (["sh", "-c", "kill -9 $$"], 137),
            (["sh", "-c", "kill -TERM $$"], 143),
            (["sh", "-c", "kill -PIPE $$; exit 1"], 141),
            (["sh", "-c", "kill -INT $$; exit 1"], 130),
            (["sh", "-c", "kill -XFSZ $$; exit 1"], 153),
            (["no-such-command"], 127),
            (["/no/such/command"], 127),
            (["./plain"], 126),
            (["./folder"], 126),
            (["./no-first-line"], 5),
            (["./bad-interpreter"], 127),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
    )
    def test_its_exit_status_is_that_of_a_shell(self, envcap: Run, work: Path, command: list[str], status: int) -> None:
        (work / "plain").write_text("exit 1")
        (work / "folder").mkdir()
        for name, text in (("no-first-line", "exit 5\n"), ("bad-interpreter", "#!/no/such/interpreter\n")):
            (work / name).write_text(text)
            (work / name).chmod(0o755)
        shell = subprocess.run(["sh", "-c", '"$@"', "sh", *command], cwd=work, capture_output=True, check=False)
        assert shell.returncode == status or shell.returncode == 128 - status
        assert envcap("run", "--", *command).returncode == status

    def test_its_streams_are_its_own(self, envcap: Run) -> None:
        data = bytes(range(256)) * 1000
        done = envcap("run", "--", "sh", "-c", "cat; echo fault >&2", input=data, text=False)
        assert done.stdout == data
        assert done.stderr == b"fault\n"

    def test_its_environment_and_place_are_the_callers(
        self, envcap: Run, work: Path, clean_environ: dict[str, str], store: LocalStore
    ) -> None:
        code = "import json, os, sys; print(json.dumps([dict(os.environ), os.getcwd(), sys.argv, sys.executable]))"
        found, cwd, argv, executable = json.loads(envcap("run", "--", sys.executable, "-c", code, "x y").stdout)
        added = {name: found.pop(name) for name in ("ENVCAP_CONTEXT", "ENVCAP_CONFIRM", "PYTHONHASHSEED")}
        assert added["PYTHONHASHSEED"] == "0"
        assert found == {**clean_environ, "ENVCAP_STORE": store.root, "LC_CTYPE": found.get("LC_CTYPE", "")} or (
            found == {**clean_environ, "ENVCAP_STORE": store.root}
        )
        assert (cwd, argv, executable) == (str(work), ["-c", "x y"], sys.executable)

    @pytest.mark.parametrize("given", [None, "0", "5", "random"])
    def test_the_hash_seed_is_set_only_if_it_is_not(self, envcap: Run, last: Last, given: str | None) -> None:
        env = {} if given is None else {"PYTHONHASHSEED": given}
        done = envcap("run", "--", "sh", "-c", 'echo "$PYTHONHASHSEED"', env=env)
        assert done.stdout.strip() == (given or "0")

    def test_it_has_no_file_of_the_store_open(self, envcap: Run, store: LocalStore) -> None:
        done = envcap("run", "--", "sh", "-c", "ls -l /proc/self/fd /proc/$$/fd")
        assert "pipe:" in done.stdout
        assert store.root not in done.stdout


@pytest.fixture
def start(store: LocalStore, work: Path, clean_environ: dict[str, str]) -> Iterator[Start]:
    """Give a function that starts ``envcap run`` in a process group of its own, and leaves nothing behind."""
    started: list[subprocess.Popen[str]] = []

    def run(*command: str) -> subprocess.Popen[str]:
        words = [Path(sys.executable).with_name("envcap"), "run", "--store", store.root, "--", *command]
        process = subprocess.Popen(
            words, cwd=work, env=clean_environ, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        return process

    yield run
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        finally:
            process.wait()
            if process.stdout:
                process.stdout.close()


WAITING = "echo ready; while :; do sleep 0.02; done"


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    """Wait until the payload has begun and envcap has set its handlers (proc(5), SigIgn)."""
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    while True:
        status = Path(f"/proc/{process.pid}/status").read_text()
        ignored = next(line for line in status.splitlines() if line.startswith("SigIgn:"))
        if int(ignored.split()[1], 16) >> (signal.SIGQUIT - 1) & 1:
            return
        time.sleep(0.005)


class TestSignals:
    """Signals reach the payload."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
    def test_are_passed_on(self, start: Start, last: Last, number: signal.Signals) -> None:
        process = start("sh", "-c", f"trap 'exit 7' {number.name.removeprefix('SIG')}; {WAITING}")
        wait_until_ready(process)
        process.send_signal(number)
        assert process.wait(10) == 7
        assert (last().state, last().result.exit) == ("failed", 7)  # type: ignore[union-attr]

    def test_are_passed_on_from_the_first_instant(self, store: LocalStore, work: Path) -> None:
        # The time between the spawn and whatever comes next is stretched, so that the signal falls into it.
        code = (
            "import os, sys, time\nspawn = os.posix_spawn\ndef slow(*args, **others):\n"
            "    pid = spawn(*args, **others)\n    time.sleep(0.3)\n    return pid\nos.posix_spawn = slow\n"
            "from envcap.cli.main import main\nmain()\n"
        )
        script = "trap 'exit 7' TERM; kill -TERM $PPID; sleep 1; exit 4"
        words = ["envcap", "run", "--store", store.root, "--", "sh", "-c", script]
        done = subprocess.run([sys.executable, "-c", code, *words[1:]], cwd=work, check=False)
        assert done.returncode == 7

    @pytest.mark.xfail(strict=True, reason="payload.Signals._forward: ProcessLookupError, and the exit status is 125")
    def test_that_come_when_the_payload_has_ended_change_nothing(self, store: LocalStore, work: Path) -> None:
        # The time between the end of the payload and whatever comes next is stretched.
        code = (
            "import os, sys, time\nwait4 = os.wait4\ndef slow(*args):\n    found = wait4(*args)\n"
            "    time.sleep(0.5)\n    return found\nos.wait4 = slow\nfrom envcap.cli.main import main\nmain()\n"
        )
        script = "(sleep 0.1; kill -TERM $PPID) & exit 7"
        words = ["run", "--store", store.root, "--", "sh", "-c", script]
        done = subprocess.run([sys.executable, "-c", code, *words], cwd=work, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (7, "")

    def test_that_the_caller_ignores_stay_ignored(self, store: LocalStore, work: Path) -> None:
        program = Path(sys.executable).with_name("envcap")
        script = f"trap '' INT; {program} run --store {store.root} -- sh -c 'kill -INT $$; exit 4'"
        assert subprocess.run(["sh", "-c", script], cwd=work, check=False).returncode == 4

    def test_that_end_the_payload_are_its_exit_status(self, start: Start, last: Last) -> None:
        process = start("sh", "-c", WAITING)
        wait_until_ready(process)
        process.terminate()
        assert process.wait(10) == 143
        assert last().result.exit == 143  # type: ignore[union-attr]

    def test_of_the_terminal_reach_both_and_end_the_payload_only(self, start: Start, last: Last) -> None:
        process = start("sh", "-c", f"trap 'echo cleaning; exit 9' INT; {WAITING}")
        wait_until_ready(process)
        assert process.stdout is not None
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(10) == 9
        assert process.stdout.read() == "cleaning\n"
        assert last().result.exit == 9  # type: ignore[union-attr]

    def test_a_job_runs_until_its_recorder_is_killed_and_then_is_lost(self, start: Start, last: Last) -> None:
        process = start("sh", "-c", WAITING)
        wait_until_ready(process)
        assert last().state == "running"
        process.kill()
        process.wait()
        assert last().state == "lost"


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
        assert [r.kind for r in read_journal(str(path))] == ["recipe", "manifest", "result"]  # type: ignore[union-attr]

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
        assert store.get(command.config["c.yaml"].digest) == b"url: https://***@host\n"
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


class TestUsage:
    """Wrong usage ends before the payload starts."""

    @pytest.mark.parametrize("option", ["--input", "--config"])
    @pytest.mark.parametrize("path", ["missing", "."])
    def test_a_file_that_is_none(self, envcap: Run, work: Path, option: str, path: str) -> None:
        done = envcap("run", option, path, "--", "touch", "ran")
        assert done.returncode == 2
        assert f"{path}: no such file" in done.stderr
        assert done.stderr.count("\n") == 1
        assert not (work / "ran").exists()

    @pytest.mark.parametrize("words", [[], ["--"], ["--job-id", "x"], ["--job-id", "x", "--"]])
    def test_no_command(self, envcap: Run, words: list[str]) -> None:
        done = envcap("run", *words)
        assert done.returncode == 2
        assert "no command to run" in done.stderr

    @pytest.mark.parametrize("command", [["no-such-command"], ["./plain"]])
    def test_a_command_that_can_not_be_run_is_said(self, envcap: Run, work: Path, command: list[str]) -> None:
        (work / "plain").touch()
        done = envcap("run", "--", *command)
        assert done.stderr.startswith(f"envcap: {command[0]}: ")
        assert (done.stderr.count("\n"), done.stdout) == (1, "")

    def test_the_commands_own_options_are_its_own(self, envcap: Run, last: Last) -> None:
        assert envcap("run", "echo", "--store", "x", "--", "y").stdout == "--store x -- y\n"
        assert last().manifest.job.argv == ("echo", "--store", "x", "--", "y")
