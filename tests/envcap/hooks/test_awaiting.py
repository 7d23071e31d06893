# SPDX-License-Identifier: Apache-2.0
"""An interpreter starts while its job is recorded, and runs nothing of the job's own before that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envcap.hooks import ahead
from envcap.hooks.ahead import may_go_ahead
from envcap.hooks.awaiting import _told
from envcap.hooks.variables import TO_COME
from envcap.store.index import Attempt, Index
from envcap.store.local import LocalStore
from envcap.target import runs_here

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Last = Callable[[], Attempt]

_IN_ENVCAP_RUN = """
import sys
if "run" in sys.orig_argv[2:3]:
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "envcap.collectors.registry":
                {action}
    sys.meta_path.insert(0, Finder())
"""
SEEN = """
import glob, os
lines = [line for path in glob.glob(os.environ["ENVCAP_STORE"] + "/journal/*/*/*") for line in open(path)]
print(sum(line.startswith("envcap-record manifest") for line in lines))
print(os.environ.get("ENVCAP_CONTEXT", "none")[:1])
"""


@pytest.fixture
def meanwhile(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Give a function that has `envcap run` do something before it has recorded a job."""

    def variables(action: str) -> dict[str, str]:
        (tmp_path / "sitecustomize.py").write_text(_IN_ENVCAP_RUN.format(action=action))
        return {"PYTHONPATH": str(tmp_path)}

    return variables


@pytest.mark.parametrize("options", [[], ["-S"]])
def test_the_manifest_is_there_before_the_first_line(
    envcap: Run, meanwhile: Callable[[str], dict[str, str]], options: list[str], last: Last
) -> None:
    slow = meanwhile("import time; time.sleep(1)")
    done = envcap("run", "--", sys.executable, *options, "-c", SEEN, env=slow)
    assert (done.stdout, done.stderr) == ("1\n{\n", "")
    assert last().state == "ok"


def test_it_starts_meanwhile(envcap: Run, meanwhile: Callable[[str], dict[str, str]], work: Path) -> None:
    """The interpreter is there while `envcap run` has not got further than its imports."""
    waits = (
        "import os, time; started = lambda: open(f'/proc/self/task/{os.getpid()}/children').read().split()\n"
        "                while not started(): time.sleep(0.01)\n"
        "                open('started', 'w').write(open(f'/proc/{started()[0]}/cmdline').read())"
    )
    done = envcap("run", "--", sys.executable, "-c", "print('ran')", env=meanwhile(waits))
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert (work / "started").read_text().split("\0")[1:3] == ["-c", "print('ran')"]


def test_its_children_are_told_of_the_job(envcap: Run) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SEEN!r}])"
    assert envcap("run", "--", sys.executable, "-c", code).stdout == "1\n{\n"


def test_where_nothing_can_be_recorded_it_runs_without_hooks(envcap: Run, work: Path) -> None:
    (work / "file").touch()
    code = "import os, sys; print('ENVCAP_CONTEXT' in os.environ, 'envcap.hooks.importing' in sys.modules)"
    done = envcap("run", "--store", "file/store", "--", sys.executable, "-c", code + "; raise SystemExit(3)")
    assert (done.returncode, done.stdout) == (3, "False True\n")
    assert "not recorded: can't make a store at" in done.stderr


def test_without_the_code_that_records_it_runs(envcap: Run, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        _IN_ENVCAP_RUN.replace("registry", "nothing").format(
            action="pass\n            if name == 'envcap.hooks.command_recording': raise ImportError('gone')"
        )
    )
    done = envcap("run", "--", sys.executable, "-c", "print('ran'); exit(3)", env={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (3, "ran\n")
    assert done.stderr == "envcap: this job is not recorded, by a fault of envcap's own: ImportError: gone\n"


def test_one_whose_envcap_run_is_killed_runs(
    envcap: Run, meanwhile: Callable[[str], dict[str, str]], store: LocalStore
) -> None:
    killed = meanwhile("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    done = envcap("run", "--", sys.executable, "-c", "import os; print('ENVCAP_CONTEXT' in os.environ)", env=killed)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGKILL, "False\n", "")
    assert list(Index(store).attempts()) == []


@pytest.fixture
def waiting(
    store: LocalStore, work: Path, clean_environ: dict[str, str], meanwhile: Callable[[str], dict[str, str]]
) -> Iterator[subprocess.Popen[str]]:
    """Give a job, in a process group of its own, whose interpreter waits for a second."""
    slow = meanwhile("import time; open('waits', 'w').close(); time.sleep(1)")
    words = [Path(sys.executable).with_name("envcap"), "run", "--store", store.root, "--", sys.executable, "-c"]
    with subprocess.Popen(
        [*words, "print('ran')"], cwd=work, env={**clean_environ, **slow}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as job:  # fmt: skip
        deadline = time.monotonic() + 30
        while not (work / "waits").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.3)
        yield job


def test_one_that_is_ended_while_it_waits_is_recorded_as_such(waiting: subprocess.Popen[str], last: Last) -> None:
    waiting.send_signal(signal.SIGTERM)
    assert waiting.communicate() == ("", "")
    assert waiting.returncode == 128 + signal.SIGTERM
    result = last().result
    assert result is not None
    assert (result.status, result.exit) == ("failed", 128 + signal.SIGTERM)


def test_an_interrupt_while_it_waits_ends_it_quietly(waiting: subprocess.Popen[str], last: Last) -> None:
    os.killpg(waiting.pid, signal.SIGINT)
    assert waiting.communicate() == ("", "")
    assert waiting.returncode == 128 + signal.SIGINT
    result = last().result
    assert result is not None
    assert result.exit == 128 + signal.SIGINT


def test_only_a_hook_that_is_certain_to_be_loaded_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environ = dict(os.environ)
    assert may_go_ahead([sys.executable], environ) == TO_COME
    monkeypatch.setattr(ahead, "_HOOK", "other.pth")
    (tmp_path / "other.pth").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert may_go_ahead([sys.executable], {**environ, "PYTHONPATH": str(tmp_path)}) is None


def test_half_of_what_it_is_told_is_not_enough() -> None:
    lines = os.memfd_create("lines")
    tokens, put = os.pipe2(os.O_NONBLOCK)

    def tell() -> None:
        for part in (b"began 1\n", b'context {"half', b'": 1}\nother lines', b"\n"):
            time.sleep(0.05)
            os.write(lines, part)

    teller = threading.Thread(target=tell)
    teller.start()
    try:
        assert _told(lines, tokens) == '{"half": 1}'
        teller.join()
        os.close(put)
        assert _told(lines, tokens) == '{"half": 1}'
        os.truncate(lines, 20)
        assert _told(lines, tokens) == ""
    finally:
        for number in (lines, tokens):
            os.close(number)


def test_it_is_found_behind_whatever_others_have_said_before() -> None:
    lines = os.memfd_create("lines")
    tokens, put = os.pipe2(os.O_NONBLOCK)
    try:
        os.close(put)  # nobody else will tell it
        os.write(lines, b"library /a/path\n" * 50_000 + b'context {"a": 1}\n' + b"library /a/path\n")
        assert _told(lines, tokens) == '{"a": 1}'
    finally:
        for number in (lines, tokens):
            os.close(number)


def test_where_it_can_not_be_told_it_runs_without_hooks(envcap: Run, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'run' in sys.orig_argv[2:3]:\n"
        "    from envcap.hooks import listening\n"
        "    listening.Listener.tell = lambda self, _: bool(os.write(self._file, b'context {')) and False\n"
    )
    code = "import os; print('ENVCAP_CONTEXT' in os.environ); raise SystemExit(3)"
    done = envcap("run", "--", sys.executable, "-c", code, env={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (3, "False\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["python"], True),
        (["python", "-c", "pass"], True),
        (["python", "-m", "json.tool"], True),
        (["python", "-I", "-W", "error", "x.py"], True),
        (["python", "-S", "x.py"], False),
        (["python", "-W", "error", "-S", "x.py"], False),
        (["python", "-IS", "x.py"], False),
        (["envcap", "--version"], True),
        (["sh", "-c", "python x.py"], False),
        (["other/python"], False),
        (["no such program"], False),
        (["skips"], False),
        (["by-env", "x"], True),
        (["unreadable"], False),
        (["quoted", "x"], True),
        (["quoted-skips"], False),
    ],
)
def test_which_commands_this_interpreter_runs(words: list[str], expected: bool, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for name, first in {
        "other/python": "#!/bin/sh",
        "skips": f"#!{sys.executable} -S",
        "by-env": "#!/usr/bin/env python",
        "unreadable": "",
        "quoted": f"#!/bin/sh\n'''exec' {sys.executable} -I \"$0\" \"$@\"",
        "quoted-skips": f"#!/bin/sh\n'''exec' {sys.executable} -S \"$0\" \"$@\"",
    }.items():
        (tmp_path / name).write_text(first + "\n")
        (tmp_path / name).chmod(0o755)
    path = os.pathsep.join((str(Path(sys.executable).parent), str(tmp_path), os.defpath))
    program = str(tmp_path / words[0]) if "/" in words[0] else words[0]
    assert runs_here([program, *words[1:]], {"PATH": path}) is expected


_PIPETASK = "from lsst.ctrl.mpexec.cli.pipetask import main\n"


@pytest.fixture
def pipetask(tmp_path: Path, work: Path) -> Path:
    """Return a program that is written like pipetask; its module says that it is imported, and takes a while."""
    folder = tmp_path
    for name in ("lsst", "ctrl", "mpexec", "cli"):
        folder = folder / name
        folder.mkdir()
        (folder / "__init__.py").touch()
    said = (
        f"import os, time\nopen({str(work / 'imported')!r}, 'w').write(os.environ['ENVCAP_CONTEXT'])\ntime.sleep(0.5)\n"
    )
    (folder / "pipetask.py").write_text(f"{said}main = None\n")
    program = tmp_path / "pipetask"
    program.write_text(f"#!{sys.executable}\n# As an installer writes it.\nimport sys\n{_PIPETASK}{SEEN}")
    program.chmod(0o755)
    return program


_UNTIL_IMPORTED = "import os, time\n                while not os.path.exists('imported'): time.sleep(0.01)"


def test_pipetask_imports_what_it_runs_meanwhile_and_runs_nothing(
    envcap: Run, meanwhile: Callable[[str], dict[str, str]], pipetask: Path, work: Path, last: Last
) -> None:
    """`envcap run` goes on when the import has begun, and takes longer than that does."""
    done = envcap("run", "--", pipetask, env=meanwhile(f"{_UNTIL_IMPORTED}\n                time.sleep(1.5)"))
    assert (done.stdout, done.stderr) == ("1\n{\n", "")
    assert (work / "imported").read_text().startswith(TO_COME)
    assert last().state == "ok"


def test_pipetask_whose_envcap_run_is_killed_meanwhile_runs(
    envcap: Run, meanwhile: Callable[[str], dict[str, str]], pipetask: Path, store: LocalStore
) -> None:
    kills = f"{_UNTIL_IMPORTED}\n                os.kill(os.getpid(), 9)"
    done = envcap("run", "--", pipetask, env=meanwhile(kills))
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGKILL, "0\nn\n", "")
    assert list(Index(store).attempts()) == []


@pytest.mark.parametrize("closes", [False, True])
def test_a_python_that_pipetask_starts_meanwhile_waits(
    envcap: Run, meanwhile: Callable[[str], dict[str, str]], pipetask: Path, closes: bool, last: Last
) -> None:
    """Also where `subprocess` lets it inherit nothing."""
    module = pipetask.parent / "lsst" / "ctrl" / "mpexec" / "cli" / "pipetask.py"
    starts = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {SEEN!r}], close_fds={closes})\n"
    module.write_text(f"open('imported', 'w').close()\n{starts}main = None\n")
    done = envcap("run", "--", pipetask, env=meanwhile(f"{_UNTIL_IMPORTED}\n                time.sleep(1)"))
    assert (done.stdout, done.stderr) == ("1\n{\n1\n{\n", "")
    result = last().result
    assert result is not None
    assert (result.outcomes or {})["imported_modules"].status == "captured"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_PIPETASK, True),
        (f"# -*- coding: utf-8 -*-\nimport re\nimport sys\n\n{_PIPETASK}", True),
        (f"import os\n{_PIPETASK}", False),
        (f"open('file', 'w')\n{_PIPETASK}", False),
        (f"import sys; open('file', 'w')\n{_PIPETASK}", False),
        (f"'''\n{_PIPETASK}'''\n", False),
        (f"if True:\n    pass\n{_PIPETASK}", False),
        ("from lsst.ctrl.mpexec.cli.pipetasks import main\n", False),
        (f"# é\n{_PIPETASK}", True),
        ("", False),
    ],
)
def test_which_program_may_import_meanwhile(text: str, expected: bool, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    program.chmod(0o755)
    assert may_go_ahead([str(program)], {}) == (f"{TO_COME} lsst.ctrl.mpexec.cli.pipetask" if expected else TO_COME)


def test_the_pipetask_that_is_installed_may() -> None:
    program = Path(sys.executable).with_name("pipetask")
    assert may_go_ahead([str(program)], {}) == f"{TO_COME} lsst.ctrl.mpexec.cli.pipetask"
