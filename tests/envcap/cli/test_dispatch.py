# SPDX-License-Identifier: Apache-2.0
"""What all commands share: help, usage, exit codes, one line for an error, one document for --json."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import envcap as package
from envcap import __version__
from envcap.store.local import LocalStore

Run = Callable[..., "subprocess.CompletedProcess[str]"]
COMMANDS = ["run", "show", "diff", "export", "jobs", "verify", "sign", "container", "doctor", "hook", "ingest",
            "anomalies", "note", "pin", "gc"]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(envcap: Run, command: str) -> None:
    done = envcap(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: envcap {command}" in done.stdout
    assert f"  envcap {command}" in done.stdout.partition("Examples")[2]


def test_all_commands_are_listed(envcap: Run) -> None:
    for words in (["--help"], ["-h"]):
        done = envcap(*words)
        assert (done.returncode, done.stderr) == (0, "")
        listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
        assert listed == COMMANDS
    bare = envcap()
    assert (bare.returncode, bare.stdout) == (2, "")
    assert "usage: envcap COMMAND" in bare.stderr


def test_says_its_version(envcap: Run) -> None:
    assert envcap("--version").stdout == f"envcap {__version__}\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nonsense"], 2),
        (["show"], 2),
        (["show", "--nonsense", "@last"], 2),
        (["jobs", "--state", "nonsense"], 2),
        (["jobs", "--stat", "ok"], 2),
        (["show", "job:nobody"], 1),
        (["show", "@last"], 1),
        (["show", "path:."], 2),
        (["jobs", "--store", "/no/such/store"], 3),
        (["ingest", "--store", "/no/such/store"], 3),
        (["show", "@last", "--store", "/no/such/store"], 3),
    ],
)
def test_an_error_has_its_exit_code_and_no_traceback(envcap: Run, words: list[str], code: int) -> None:
    done = envcap(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("envcap")


@pytest.mark.parametrize("words", [["jobs"], ["show", "@last"], ["ingest"]])
def test_json_is_one_document_on_stdout(envcap: Run, add_attempt: Callable[..., str], words: list[str]) -> None:
    add_attempt("é \U0001f600")
    done = envcap(*words, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    json.loads(done.stdout)
    if words != ["ingest"]:
        assert "é \U0001f600" in done.stdout


def test_the_store_is_the_option_else_the_variable(
    envcap: Run, add_attempt: Callable[..., str], tmp_path: Path
) -> None:
    add_attempt("a")
    other = LocalStore(str(tmp_path / "other"))
    other.create()
    assert len(json.loads(envcap("jobs", "--json").stdout)) == 1
    assert json.loads(envcap("jobs", "--json", "--store", other.root).stdout) == []
    assert json.loads(envcap("jobs", "--json", env={"ENVCAP_STORE": other.root}).stdout) == []
    home = {"ENVCAP_STORE": "", "XDG_DATA_HOME": str(tmp_path)}
    assert f"no store at {tmp_path}/envcap;" in envcap("jobs", env=home).stderr


def test_a_reader_that_has_seen_enough_is_no_error(
    store: LocalStore, add_attempt: Callable[..., str], clean_environ: dict[str, str], work: Path
) -> None:
    for i in range(300):
        add_attempt(f"job{i}" * 20)
    program = Path(sys.executable).with_name("envcap")
    pipeline = f"{{ {program} jobs --json --store {store.root}; echo status $? >&2; }} | head -c 10"
    done = subprocess.run(["sh", "-c", pipeline], env=clean_environ, cwd=work, capture_output=True, text=True)
    assert len(done.stdout) == 10
    assert done.stderr == "status 0\n"


def test_without_rich_json_works_and_text_says_what_is_missing(
    store: LocalStore, add_attempt: Callable[..., str]
) -> None:
    add_attempt("a")
    source = str(Path(package.__file__).parent.parent)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        code = "from envcap.cli.main import main; main()"
        command = [sys.executable, "-S", "-c", code, *words, "--store", store.root]
        return subprocess.run(command, env={"PYTHONPATH": source}, capture_output=True, text=True, check=False)

    assert len(json.loads(run("jobs", "--json").stdout)) == 1
    for words in (["jobs"], ["show", "@last"]):
        done = run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert "pip install 'envcap[cli]'" in done.stderr
