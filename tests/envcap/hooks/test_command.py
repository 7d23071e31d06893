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

from envcap.store.index import Attempt
from envcap.store.local import LocalStore

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Last = Callable[[], Attempt]
Start = Callable[..., "subprocess.Popen[str]"]


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
