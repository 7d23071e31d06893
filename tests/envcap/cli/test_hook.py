# SPDX-License-Identifier: Apache-2.0
"""`envcap hook`: what it prints can be pasted and captures, and wrong calls end in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.hooks.printed.registry import PRINTED_HOOKS
from envcap.store.index import Attempt
from envcap.store.local import LocalStore

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize("system", [hook.system for hook in PRINTED_HOOKS])
def test_each_system_is_told_with_its_store(envcap: Run, work: Path, system: str) -> None:
    plain, stored = envcap("hook", system), envcap("hook", system, "--store", "night")
    assert (plain.returncode, plain.stderr) == (0, "")
    captures = "%%capture_job" if system == "jupyter" else "envcap run --"
    assert captures in plain.stdout.replace("\n ", "")
    assert f"--store {work}/night" in " ".join(stored.stdout.replace("'", "").split())
    assert "--store" not in plain.stdout


def test_the_printed_batch_script_captures(
    envcap: Run, store: LocalStore, work: Path, clean_environ: dict[str, str], last: Callable[[], Attempt]
) -> None:
    script = envcap("hook", "slurm").stdout.replace("COMMAND ARGUMENTS", "sh -c 'echo night > out'")
    (work / "job.sh").write_text(script)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # A variable that Slurm sets; `tests/workflows` has Slurm itself.
    environ = {**clean_environ, "PATH": path, "ENVCAP_STORE": store.root, "SLURM_JOB_ID": "12"}
    subprocess.run(["sh", "job.sh"], cwd=work, env=environ, check=True)
    attempt = last()
    assert attempt.manifest.job.argv == ("sh", "-c", "echo night > out")
    assert attempt.manifest.job.scheduler == {"slurm.job_id": "12"}
    assert (work / "out").read_text() == "night\n"


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("hook",), 2, "the following arguments are required: SYSTEM"),
        (("hook", "pbs"), 2, "invalid choice: 'pbs'"),
        (("hook", "slurm", "--apply", "job.sh"), 2, "paste what is printed"),
        (("hook", "bps", "--apply", "none.yaml"), 3, "none.yaml: No such file"),
        (("hook", "bps", "--apply", "."), 3, "Is a directory"),
        (("hook", "bps", "--apply", "several.yaml"), 3, "runQuantumCommand: is more than one command"),
        (("hook", "bps", "--store", "a b"), 2, "can't hold such a name"),
    ],
)
def test_a_wrong_call_ends_in_one_line(envcap: Run, work: Path, words: tuple[str, ...], status: int, told: str) -> None:
    (work / "several.yaml").write_text("runQuantumCommand: a; b\n")
    done = envcap(*words)
    assert done.returncode == status
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_help_has_examples(envcap: Run) -> None:
    done = envcap("hook", "--help")
    assert done.returncode == 0
    assert "envcap hook bps --apply night.yaml && bps submit night.yaml" in done.stdout
