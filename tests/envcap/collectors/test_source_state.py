# SPDX-License-Identifier: Apache-2.0
"""Code roots are looked at again when, and only when, something that decides has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.source import SourceCollector
from envcap.collectors.source_state import repository_above
from envcap.environment import capture_environment
from envcap.model.components import Source
from envcap.revalidation import fingerprint_of
from envcap.store.local import LocalStore
from envcap.target import Target

Run = Callable[..., subprocess.CompletedProcess[str]]
Repository = Callable[..., Path]
Quietly = Callable[..., str]
MakeTarget = Callable[..., Target]
Change = Callable[[Path, Quietly], object]

FILES = {"pack/__init__.py": "", "pack/a.py": "one = 1\n", "b.py": "two = 2\n", ".gitignore": "ignored.py\n"}

pytestmark = pytest.mark.usefixtures("no_git_settings")


def unseen_edit(top: Path, quietly: Quietly) -> None:
    """Change a file so that neither its size nor its time tells."""
    path = top / "b.py"
    before = path.stat()
    path.write_text("two = 3\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Change] = {
    "edited": lambda top, quietly: (top / "pack" / "a.py").write_text("one = 11\n"),
    "edited, its time put back": unseen_edit,
    "gone": lambda top, quietly: (top / "b.py").unlink(),
    "new": lambda top, quietly: (top / "c.py").touch(),
    "new, ignored": lambda top, quietly: (top / "ignored.py").touch(),
    "a link to another": lambda top, quietly: (top / "c.py").symlink_to("b.py"),
    "a link to itself": lambda top, quietly: (top / "c.py").symlink_to("c.py"),
    "ignored otherwise": lambda top, quietly: (top / ".gitignore").write_text(""),
    "ignored in the repository": lambda top, quietly: (top / ".git" / "info" / "exclude").write_text("b.py\n"),
    "ignored by the user": lambda top, quietly: settings("ignore").write_text("c.py\n"),
    "staged": lambda top, quietly: (
        (top / "c.py").touch(),
        quietly("git", "-C", top, "add", "c.py"),
    ),
    "committed": lambda top, quietly: quietly("git", "-C", top, "commit", "-q", "--allow-empty", "-m", "two"),
    "another branch": lambda top, quietly: quietly("git", "-C", top, "checkout", "-q", "-b", "other"),
    "another remote": lambda top, quietly: quietly("git", "-C", top, "remote", "add", "origin", "https://host/x"),
}


def settings(name: str) -> Path:
    """Return a file of the user's settings for git."""
    folder = Path(os.environ["HOME"], ".config", "git")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def state(target: Target) -> str | None:
    """Return the fingerprint of a target's code."""
    found = fingerprint_of(SourceCollector(), target)
    return found.digest if found is not None else None


class TestRepository:
    """A work tree."""

    @pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
    def test_each_change_shows(
        self, change: Change, repository: Repository, run_quietly: Quietly, code_target: MakeTarget
    ) -> None:
        top = repository(FILES)
        target = code_target(top)
        before = state(target)
        assert before is not None
        assert state(target) == before
        change(top, run_quietly)
        assert state(target) not in (None, before)

    def test_a_commit_of_packed_references_shows(
        self, repository: Repository, run_quietly: Quietly, code_target: MakeTarget
    ) -> None:
        top = repository(FILES)
        run_quietly("git", "-C", top, "pack-refs", "--all")
        before = state(code_target(top))
        run_quietly("git", "-C", top, "commit", "-q", "--allow-empty", "-m", "two")
        assert state(code_target(top)) not in (None, before)

    def test_above_the_root_what_git_reads_counts(
        self, repository: Repository, run_quietly: Quietly, code_target: MakeTarget
    ) -> None:
        top = repository(FILES)
        before = state(code_target(top / "pack"))
        (top / "b.py").write_text("two = 22\n")
        assert state(code_target(top / "pack")) == before
        (top / ".gitattributes").write_text("*.py text\n")
        assert state(code_target(top / "pack")) not in (None, before)

    def test_what_tools_make_does_not_count(
        self, repository: Repository, code_target: MakeTarget, roots: Callable[..., object]
    ) -> None:
        top = repository(FILES)
        before, found = state(code_target(top)), roots(top)
        (top / "pack" / "__pycache__").mkdir()
        (top / "pack" / "__pycache__" / "a.cpython-311.pyc").touch()
        for folder, name, text in ((".cache", ".gitignore", "# a tool's\n*\n"), ("env", "pyvenv.cfg", "home = /\n")):
            (top / folder).mkdir()
            (top / folder / name).write_text(text)
            (top / folder / "CACHEDIR.TAG").touch()
            (top / folder / "made.py").touch()
        assert (state(code_target(top)), roots(top)) == (before, found)

    @pytest.mark.parametrize("setting", ["core.excludesFile", "core.attributesFile", "include.path", "core.worktree"])
    def test_only_git_can_tell_what_a_setting_names(
        self, setting: str, repository: Repository, run_quietly: Quietly, code_target: MakeTarget
    ) -> None:
        top = repository(FILES)
        run_quietly("git", "-C", top, "config", setting, top)
        assert state(code_target(top)) is None

    def test_only_git_can_tell_of_a_linked_work_tree_and_a_repository_within(
        self, repository: Repository, run_quietly: Quietly, code_target: MakeTarget, tmp_path: Path
    ) -> None:
        top = repository(FILES)
        run_quietly("git", "-C", top, "worktree", "add", "-q", tmp_path / "linked")
        assert state(code_target(tmp_path / "linked")) is None
        run_quietly("git", "init", "-q", top / "within")
        assert state(code_target(top)) is None

    @pytest.mark.parametrize(("folder", "mark"), [("env", "pyvenv.cfg"), ("gen", "CACHEDIR.TAG"), ("__pycache__", "x")])
    def test_what_git_has_of_them_does(
        self, folder: str, mark: str, repository: Repository, run_quietly: Quietly, code_target: MakeTarget
    ) -> None:
        top = repository(FILES)
        (top / folder).mkdir()
        (top / folder / mark).touch()
        (top / folder / ".gitignore").write_text("*\n")
        (top / folder / "kept.py").write_text("1\n")
        assert state(code_target(top)) is not None
        run_quietly("git", "-C", top, "add", "-f", f"{folder}/kept.py")
        assert state(code_target(top)) is None

    def test_without_a_commit_only_git_can_tell(self, repository: Repository, code_target: MakeTarget) -> None:
        top = repository()
        (top / "a.py").touch()
        assert state(code_target(top)) is None

    def test_a_branch_that_is_another_one(
        self, repository: Repository, run_quietly: Quietly, code_target: MakeTarget
    ) -> None:
        top = repository(FILES)
        run_quietly("git", "-C", top, "symbolic-ref", "refs/heads/alias", "refs/heads/main")
        run_quietly("git", "-C", top, "symbolic-ref", "HEAD", "refs/heads/alias")
        before = state(code_target(top))
        assert before is not None
        tree = run_quietly("git", "-C", top, "rev-parse", "HEAD^{tree}").strip()
        commit = run_quietly("git", "-C", top, "commit-tree", "-m", "two", tree).strip()
        run_quietly("git", "-C", top, "update-ref", "refs/heads/main", commit)
        assert state(code_target(top)) not in (None, before)

    def test_a_link_to_a_repository_is_that_repository(
        self, repository: Repository, run_quietly: Quietly, code_target: MakeTarget
    ) -> None:
        top = repository(FILES)
        other = repository({"x.py": ""}, "around")
        (other / "linked").symlink_to(top)
        before = state(code_target(other / "linked"))
        run_quietly("git", "-C", top, "commit", "-q", "--allow-empty", "-m", "two")
        assert state(code_target(other / "linked")) not in (None, before)

    def test_a_git_directory_without_a_head_is_passed_over(self, repository: Repository) -> None:
        top = repository(FILES)
        (top / "pack" / ".git").mkdir()
        assert repository_above(str(top / "pack")) == str(top)

    def test_a_reference_that_is_none_fails_nothing(self, repository: Repository, code_target: MakeTarget) -> None:
        top = repository(FILES)
        (top / ".git" / "HEAD").write_bytes(b"ref: a\0b\n")
        assert state(code_target(top)) is None

    def test_a_large_one_is_left_to_git(
        self, repository: Repository, code_target: MakeTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        top = repository(FILES)
        monkeypatch.setattr("envcap.collectors.source_state._MAX_FILES", len(FILES) + 2)  # and two directories
        assert state(code_target(top)) is not None
        (top / "one-more").touch()
        assert state(code_target(top)) is None


class TestLooseFiles:
    """Code in no repository."""

    def test_changes_show(self, code_target: MakeTarget, tmp_path: Path) -> None:
        top = tmp_path / "loose"
        (top / "data").mkdir(parents=True)
        (top / "job.py").write_text("1\n")
        (top / "data" / "x.py").touch()
        target = code_target(script_dir=top)
        states = {state(target)}
        (top / "out.txt").touch()  # what isn't code, beside a script, is no part of it
        assert {state(target)} == states
        for change in (
            lambda: (top / "job.py").write_text("2\n"),
            lambda: (top / "other.py").touch(),
            lambda: (top / "data" / "__init__.py").touch(),
        ):
            change()
            states.add(state(target))
        assert len(states) == 4
        assert None not in states

    def test_they_are_in_no_repository(self, tmp_path: Path) -> None:
        (tmp_path / "loose").mkdir()
        assert repository_above(str(tmp_path / "loose")) is None


def test_blobs_that_are_gone_are_kept_again(
    repository: Repository, code_target: MakeTarget, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envcap.fingerprint._RACY_NS", 0)
    top = repository(FILES)
    (top / "b.py").write_text("two = 22\n")
    for _ in range(2):
        component = capture_environment(code_target(top), store, [SourceCollector]).software["source"]
        (root,) = Source.from_bytes(store.get(component.digest)).roots
        assert root.patch is not None
        digest = root.patch.digest.removeprefix("sha256:")
        assert b"two = 22" in store.get(root.patch.digest)
        Path(store.root, "objects", digest[:2], digest[2:]).unlink()


def test_git_is_asked_once(
    repository: Repository,
    code_target: MakeTarget,
    store: LocalStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a git that counts: a job with the same code costs no process, one with other code does."""
    monkeypatch.setattr("envcap.fingerprint._RACY_NS", 0)
    monkeypatch.setenv("ENVCAP_CACHE", str(tmp_path / "cache"))
    (counted := tmp_path / "counted").touch()
    (tmp_path / "bin").mkdir()
    git = tmp_path / "bin" / "git"
    git.write_text(f'#!/bin/sh\necho >> {counted}\nexec {shutil.which("git")} "$@"\n')
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{git.parent}:{os.environ['PATH']}")
    top = repository(FILES)
    found, asked = [], []
    for text in ("two = 2\n", "two = 2\n", "two = 22\n"):
        if (top / "b.py").read_text() != text:
            (top / "b.py").write_text(text)
        before = counted.stat().st_size
        found.append(capture_environment(code_target(top), store, [SourceCollector]).software["source"])
        asked.append(counted.stat().st_size > before)
    assert asked == [True, False, True]
    assert found[0] == found[1] != found[2]


class TestWhileTheJobRuns:
    """Code that changes under a job makes its result unstable; what the job writes beside its code does not."""

    @pytest.fixture(params=["loose", "git"])
    def code(self, request: pytest.FixtureRequest, work: Path, run_quietly: Quietly) -> Path:
        (work / "helper.py").write_text("value = 1\n")
        (work / "job.py").write_text("import sys\nexec(sys.argv[1])\n")
        if request.param == "git":
            run_quietly("git", "init", "-q", work)
            run_quietly("git", "-C", work, "add", "-A")
            run_quietly("git", "-C", work, "commit", "-q", "-m", "one")
        return work

    def test_code_that_changes_is_named(self, envcap: Run, code: Path) -> None:
        done = envcap("run", "--", sys.executable, "job.py", "open('helper.py', 'a').write('value = 2\\n')")
        assert done.returncode == 0
        assert "unstable: source changed while the job ran" in done.stderr
        assert "(unstable)" in envcap("show", "@last").stdout

    def test_what_it_writes_is_no_change(self, envcap: Run, code: Path) -> None:
        done = envcap("run", "--", sys.executable, "job.py", "open('out.csv', 'w').write('1\\n')")
        assert (done.returncode, done.stderr) == (0, "")
        assert "(unstable)" not in envcap("show", "@last").stdout
