# SPDX-License-Identifier: Apache-2.0
"""Identity is the same whatever the order of files, the user, the place and the time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envcap.collectors.base import Collected, Collector, Keep
from envcap.collectors.registry import COLLECTORS
from envcap.environment import capture_environment
from envcap.model.components import ProcessEnv
from envcap.store.index import Attempt
from envcap.store.local import LocalStore
from envcap.target import Target
from tests.envcap.identity.software import NOBODY, Shuffled, as_nobody, digests, target_in, write

Twin = Callable[..., Path]
Capture = Callable[..., dict[str, str]]


def test_all_software_is_captured(capture: Capture, software: Path) -> None:
    expected = {"interpreter", "python_dists", "source", "operating_system", "process_env"}
    expected |= {"conda"} & {cls.kind for cls in COLLECTORS}
    assert set(capture(software)) >= expected


class Unsorted(Collector):
    """A collector as it must not be: it takes files as they come."""

    kind = "unsorted"

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return the names in the interpreter's library directory."""
        return Collected(ProcessEnv(variables={"names": " ".join(os.listdir(target.path[-1]))}, umask=""))


class TestOrder:
    """The order in which a file system lists."""

    @pytest.mark.parametrize("seed", range(4))
    def test_it_does_not_matter(
        self, seed: int, capture: Capture, software: Path, twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = capture(software)
        other = twin(tmp_path / "other", seed)
        shuffled = Shuffled(monkeypatch, seed)
        assert capture(other) == before
        assert shuffled.calls > 10

    def test_a_collector_that_does_not_sort_would_be_seen(
        self, software: Path, clean_environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Shuffled(monkeypatch, 1)
        target = target_in(software, clean_environ)
        store = LocalStore(str(tmp_path / "s"))
        assert len({digests(capture_environment(target, store, [Unsorted]))["unsorted"] for _ in range(9)}) > 1

    def test_the_order_of_variables_does_not_matter(
        self, software: Path, clean_environ: dict[str, str], tmp_path: Path
    ) -> None:
        environ = {**clean_environ, "OMP_NUM_THREADS": "1", "LC_ALL": "C", "MKL_CBWR": "AVX2"}
        backwards = dict(reversed(environ.items()))
        store = LocalStore(str(tmp_path / "s"))
        first, second = (digests(capture_environment(target_in(software, e), store)) for e in (environ, backwards))
        assert first == second


NASTY_GITCONFIG = """
[core]
    quotePath = true
    abbrev = 7
    autocrlf = input
[color]
    ui = always
[diff]
    noprefix = true
    context = 9
    algorithm = histogram
    renames = copies
    external = false
    wordRegex = .
[status]
    showUntrackedFiles = no
"""


class TestUser:
    """Who runs it."""

    def test_name_and_home_do_not_matter(self, capture: Capture, software: Path, tmp_path: Path) -> None:
        before = capture(software)
        home = tmp_path / "home"
        write(home / ".gitconfig", NASTY_GITCONFIG)
        who = {"HOME": str(home), "USER": "somebody", "LOGNAME": "somebody", "MAIL": "/var/mail/x", "SHELL": "/bin/zsh"}
        assert capture(software, **who) == before

    def test_settings_of_git_do_not_matter(
        self, capture: Capture, software: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = capture(software)
        write(tmp_path / ".gitconfig", NASTY_GITCONFIG)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("GIT_DIFF_OPTS", "--unified=1")
        assert capture(software) == before

    @pytest.mark.parametrize(
        "owner",
        [
            "the user",
            pytest.param("somebody else", marks=pytest.mark.xfail(reason="git refuses another's repository")),
        ],
    )
    def test_another_user_does_not_matter(
        self, owner: str, capture: Capture, software: Path, twin: Twin, clean_environ: dict[str, str],
        cannot: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        if os.geteuid():
            cannot("becoming another user", "this is not root")
        expected = capture(software)
        with tempfile.TemporaryDirectory(prefix="envcap-test-") as scratch:
            os.chmod(scratch, 0o755)
            top = twin(Path(scratch) / "top")
            mine = Path(scratch) / "mine"
            mine.mkdir()
            for path in (mine, *(top.rglob("*") if owner == "the user" else ())):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
            target = target_in(top, {**clean_environ, "HOME": str(mine)})
            target.path = [path for path in target.path if path.startswith(scratch)]  # this Python may be root's own
            found = as_nobody(lambda: capture_environment(target, LocalStore(str(mine / "s"))), mine)
        assert found == expected


class TestPlace:
    """Where it stands."""

    def test_scratch_and_working_directories_do_not_matter(
        self, capture: Capture, software: Path, twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = capture(software)
        other = twin(tmp_path / "scratch 4711" / "deep" / "er")
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))
        places = {"TMPDIR": "/scratch/4711", "PWD": str(tmp_path / "elsewhere"), "OLDPWD": "/"}
        assert capture(other, **places, SLURM_JOB_ID="4711", SSH_TTY="/dev/pts/3") == before

    @pytest.mark.xfail(reason="the name of a code root is the last part of its path, and part of identity")
    def test_the_name_of_a_code_root_does_not_matter(
        self, capture: Capture, software: Path, twin: Twin, tmp_path: Path, clean_environ: dict[str, str]
    ) -> None:
        other = twin(tmp_path / "other")
        (other / "loose").rename(other / "dir_4711")
        path = os.pathsep.join((str(other / "stack"), str(other / "dir_4711")))
        argv = [str(other / "venv" / "bin" / "python"), str(other / "job.txt")]
        target = Target.of_command(argv, {**clean_environ, "PYTHONPATH": path})
        assert digests(capture_environment(target, LocalStore(str(tmp_path / "s")))) == capture(software)


class TestTime:
    """When it runs, and when its files were written."""

    def test_it_does_not_matter(self, capture: Capture, software: Path) -> None:
        before = capture(software)
        for number, path in enumerate(sorted(software.rglob("*"))):
            os.utime(path, (number, number * 1000), follow_symlinks=False)
        assert capture(software) == before
        for path in software.rglob("*"):
            os.utime(path, follow_symlinks=False)
        assert capture(software) == before


class TestRealJobs:
    """The same through the command line, as whole recipes."""

    def test_place_user_and_time_do_not_matter(
        self, envcap: Callable[..., Any], last: Callable[[], Attempt], software: Path, twin: Twin, tmp_path: Path
    ) -> None:
        found = []
        for number, top in enumerate((software, twin(tmp_path / "other"))):
            home = tmp_path / f"home{number}"
            write(home / ".gitconfig", NASTY_GITCONFIG if number else "")
            write(top / "work" / "job.py", "print('hello')\n")
            env = {
                "PYTHONPATH": os.pathsep.join((str(top / "stack"), str(top / "loose"))),
                "HOME": str(home), "USER": f"user{number}", "TMPDIR": str(home), "JOB": str(number),
            }  # fmt: skip
            python = str(top / "venv" / "bin" / "python")
            done = envcap("run", "--", python, str(top / "work" / "job.py"), env=env, cwd=home)
            assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr
            found.append(last())
        first, second = found
        assert not first.degraded, first.manifest.outcomes
        assert first.manifest.attempt != second.manifest.attempt
        assert first.recipe == second.recipe
        assert first.manifest.recipe.digest == second.manifest.recipe.digest
