# SPDX-License-Identifier: Apache-2.0
"""What runs at the start of every Python under `envcap run`: light, silent, and without harm to the payload."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.hooks.variables import CONFIRM_VARIABLE, CONTEXT_VARIABLE

Run = Callable[..., "subprocess.CompletedProcess[str]"]

LOADED = "import sys; print('envcap.hooks.startup' in sys.modules)"


@pytest.mark.parametrize(("context", "expected"), [(None, "False"), ("{}", "True")])
def test_is_loaded_within_envcap_run_only(
    context: str | None, expected: str, clean_environ: dict[str, str], tmp_path: Path
) -> None:
    environ = {**clean_environ, **({CONTEXT_VARIABLE: context} if context else {})}
    done = subprocess.run(
        [sys.executable, "-c", LOADED], env=environ, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (done.stdout.strip(), done.stderr) == (expected, "")


def test_modules_of_the_job_with_names_of_pythons_own_are_its_own(
    envcap: Run, work: Path, clean_environ: dict[str, str]
) -> None:
    """What envcap imports of Python's own, at the start or the end, a job may have itself, beside its script."""
    script = "import sys; print(*(name for name in sys.modules if not name.startswith('envcap')))"
    (work / "script.py").write_text(script)
    plain = subprocess.run(
        [sys.executable, "script.py"], cwd=work, env=clean_environ, capture_output=True, text=True, check=True
    )
    free = {"__future__", "atexit"}  # nobody has the first for another purpose, and nobody can replace the other
    for name in sys.stdlib_module_names - {*plain.stdout.split()} - free:
        (work / f"{name}.py").write_text("print('of the job:', __name__)")
    (work / "script.py").write_text(f"{script}; import signal")
    done = envcap("run", "--", sys.executable, "script.py")
    loaded, *others = done.stdout.splitlines()
    assert {*loaded.split()} - free == {*plain.stdout.split()} - free
    assert (done.returncode, others, done.stderr) == (0, ["of the job: signal"], "")


def confirm(descriptor: int) -> str:
    """Return what names a pipe: its number, device and inode."""
    state = os.fstat(descriptor)
    return f"{descriptor}:{state.st_dev}:{state.st_ino}"


def say(clean_environ: dict[str, str], where: str, **others: object) -> subprocess.CompletedProcess[str]:
    """Start a hooked Python that is told to confirm on some descriptor."""
    environ = {**clean_environ, CONTEXT_VARIABLE: "{}", CONFIRM_VARIABLE: where}
    command = [sys.executable, "-c", "print('ran')"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, **others)  # type: ignore[call-overload, no-any-return]


def test_says_which_python_it_is(clean_environ: dict[str, str]) -> None:
    reader, writer = os.pipe()
    done = say(clean_environ, confirm(writer), pass_fds=(writer,))
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read().splitlines()
    assert said[:2] == [f"prefix {sys.prefix}", f"base {sys.base_prefix}"]
    began, *libraries, ended = said[2:]
    assert began.removeprefix("began ") == ended.removeprefix("ended ")
    assert any(line.startswith("library /") and "libc" in line for line in libraries)
    assert (done.stdout, done.stderr) == ("ran\n", "")


@pytest.mark.parametrize(
    "where", ["77:1:1", "1:1:1", "77", "nonsense", "", "-1:1:1", "99999999999999999999:1:1", "1:2:3:4"]
)
def test_is_silent_where_nobody_listens(clean_environ: dict[str, str], where: str) -> None:
    done = say(clean_environ, where)
    assert (done.returncode, done.stdout) == (0, "ran\n")


def test_survives_a_listener_that_is_gone(clean_environ: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = say(clean_environ, confirm(writer), pass_fds=(writer,))
    os.close(writer)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", "")


def test_a_file_of_the_payload_that_got_the_number_is_left_alone(envcap: Run, work: Path) -> None:
    script = f'n=${{ENVCAP_CONFIRM%%:*}}; eval "exec $n>data"; echo mine >&$n; {sys.executable} -c pass'
    assert envcap("run", "--", "bash", "-c", script).returncode == 0
    assert (work / "data").read_text() == "mine\n"


def test_a_payload_of_many_pythons_does_not_hang(envcap: Run) -> None:
    # What 64 KiB of confirmations do, without starting thousands of interpreters.
    script = f"yes 'prefix {sys.prefix}' | head -c 65530 >&${{ENVCAP_CONFIRM%%:*}}; timeout 4 {sys.executable} -c pass"
    assert envcap("run", "--", "bash", "-c", script).returncode == 0
