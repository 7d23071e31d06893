# SPDX-License-Identifier: Apache-2.0
"""Code that no distribution covers: real repositories, dirty and hostile ones."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors import source
from envcap.collectors.base import Absent, Keep, collect
from envcap.collectors.source import MAX_FILE, SourceCollector
from envcap.digest import digest_of
from envcap.model.components import CodeRoot, Source
from envcap.store.local import LocalStore
from envcap.target import Target

Repository = Callable[..., Path]
Quietly = Callable[..., str]
Roots = Callable[..., tuple[CodeRoot, ...]]

SECRET = "hunter2hunter2"
FILES = {"pack/__init__.py": "", "pack/a.py": "one = 1\n", "b.py": "two = 2\n", ".gitignore": "ignored.py\n"}


def target(*paths: Path, script_dir: Path | None = None) -> Target:
    """Return a target that imports from some directories."""
    facts = ("/usr/bin/python3", "/opt/nowhere", "cpython", "3.13.0", None, [str(p) for p in paths], "/opt/nowhere/lib")
    return Target(facts, os.environ, str(script_dir) if script_dir else None)


@pytest.fixture(autouse=True)
def _only_the_users_git(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


@pytest.fixture
def roots(keep: Keep) -> Roots:
    """Give a function that collects the code roots of some directories."""

    def run(*paths: Path, script_dir: Path | None = None) -> tuple[CodeRoot, ...]:
        component = SourceCollector().collect(target(*paths, script_dir=script_dir), keep).component
        assert isinstance(component, Source)
        return tuple(component.roots)

    return run


def head(top: Path, quietly: Quietly) -> str:
    """Return the commit of a repository."""
    return quietly("git", "-C", top, "rev-parse", "HEAD").strip()


class TestGit:
    """A work tree: the commit, the patch against it, and what git does not know."""

    def test_a_clean_one_is_its_commit(self, roots: Roots, repository: Repository, run_quietly: Quietly) -> None:
        top = repository(FILES)
        (root,) = roots(top)
        assert (root.name, root.commit, root.subdir) == ("code", head(top, run_quietly), None)
        assert (root.patch, root.files, root.left_out) == (None, {}, {})
        run_quietly("git", "-C", top, "commit", "-q", "--allow-empty", "-m", "two")
        assert roots(top)[0].commit != root.commit

    def test_a_dirty_one_is_restored_from_commit_and_patch(
        self, roots: Roots, repository: Repository, run_quietly: Quietly, store: LocalStore, tmp_path: Path
    ) -> None:
        top = repository(FILES)
        (top / "b.py").write_text("two = 22\n")
        (top / "pack" / "a.py").unlink()
        (top / "data.bin").write_bytes(bytes(range(256)))
        run_quietly("git", "-C", top, "add", "data.bin")
        (root,) = roots(top)
        assert root.patch is not None
        patch = store.get(root.patch.digest)
        assert b"+two = 22" in patch
        run_quietly("git", "clone", "-q", top, tmp_path / "clone")
        (tmp_path / "patch").write_bytes(patch)
        run_quietly("git", "-C", tmp_path / "clone", "apply", tmp_path / "patch")
        for path in ("b.py", "data.bin"):
            assert (tmp_path / "clone" / path).read_bytes() == (top / path).read_bytes()
        assert not (tmp_path / "clone" / "pack" / "a.py").exists()

    def test_staged_or_not_makes_no_difference(
        self, roots: Roots, repository: Repository, run_quietly: Quietly
    ) -> None:
        top = repository(FILES)
        (top / "b.py").write_text("two = 22\n")
        before = roots(top)
        assert before[0].patch is not None
        run_quietly("git", "-C", top, "add", "-A")
        assert roots(top) == before

    def test_a_new_file_that_is_staged_is_in_the_patch(
        self, roots: Roots, repository: Repository, run_quietly: Quietly, store: LocalStore
    ) -> None:
        top = repository(FILES)
        (top / "new.py").write_text("three = 3\n")
        assert list(roots(top)[0].files) == ["new.py"]
        run_quietly("git", "-C", top, "add", "-A")
        (root,) = roots(top)
        assert root.files == {}
        assert b"+three = 3" in store.get(root.patch.digest if root.patch else "")

    def test_an_untracked_importable_file_is_kept(
        self, roots: Roots, repository: Repository, store: LocalStore
    ) -> None:
        top = repository(FILES)
        (top / "pack" / "new.py").write_text("three = 3\n")
        (top / "notes.md").write_text("note\n")
        (top / "ignored.py").write_text("four = 4\n")
        (root,) = roots(top)
        assert {path: store.get(d.digest) for path, d in root.files.items()} == {"pack/new.py": b"three = 3\n"}
        assert list(root.left_out) == ["notes.md"]
        assert digest_of(b"note\n") in root.left_out["notes.md"]

    def test_a_directory_in_it_is_the_root(
        self, roots: Roots, repository: Repository, store: LocalStore, run_quietly: Quietly
    ) -> None:
        top = repository({"python/x.py": "x = 1\n", "docs/y.py": "y = 1\n"})
        (top / "docs" / "y.py").write_text("y = 2\n")
        (top / "docs" / "z.py").write_text("z = 1\n")
        (root,) = roots(top / "python")
        assert (root.name, root.subdir, root.commit) == ("python", "python", head(top, run_quietly))
        assert (root.patch, root.files) == (None, {})
        (top / "python" / "x.py").write_text("x = 2\n")
        patch = roots(top / "python")[0].patch
        assert b"x = 2" in store.get(patch.digest if patch else "")
        assert b"y = 2" not in store.get(patch.digest if patch else "")

    def test_a_name_with_odd_letters_is_kept(self, roots: Roots, repository: Repository) -> None:
        top = repository(FILES)
        for name in ("é.py", "with space.py", 'quote".py', "new\nline.py"):
            (top / name).write_text("x = 1\n")
        assert list(roots(top)[0].files) == sorted(["é.py", "with space.py", 'quote".py', "new\nline.py"])

    def test_the_remote_is_a_place_without_credentials(
        self, repository: Repository, run_quietly: Quietly, keep: Keep
    ) -> None:
        top = repository(FILES)
        run_quietly("git", "-C", top, "remote", "add", "origin", f"https://me:{SECRET}@host/x.git")
        collected = SourceCollector().collect(target(top), keep)
        assert collected.place == {
            "roots": [{"path": str(top), "work_tree": str(top), "remote": "https://***@host/x.git"}]
        }

    def test_looking_writes_nothing(self, roots: Roots, repository: Repository) -> None:
        top = repository(FILES)
        os.utime(top / "b.py", (1, 1))
        before = {path: path.stat().st_mtime_ns for path in top.rglob("*")}
        roots(top)
        assert {path: path.stat().st_mtime_ns for path in top.rglob("*")} == before

    def test_without_commits_its_files_are_kept(self, roots: Roots, repository: Repository, store: LocalStore) -> None:
        top = repository({})
        (top / "x.py").write_text("x = 1\n")
        (root,) = roots(top)
        assert root.commit is None
        assert {path: store.get(d.digest) for path, d in root.files.items()} == {"x.py": b"x = 1\n"}

    def test_that_is_broken_is_a_failure(self, repository: Repository, keep: Keep) -> None:
        top = repository(FILES)
        (top / ".git" / "config").write_text("[nonsense")
        found, outcome = collect(SourceCollector(), target(top), keep)
        assert (found, outcome.status) == (None, "failed")
        assert str(top) in str(outcome.reason)

    def test_git_variables_of_the_caller_do_not_lead_astray(
        self, roots: Roots, repository: Repository, run_quietly: Quietly, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        top, other = repository(FILES), repository({"z.py": "z\n"}, name="other")
        monkeypatch.setenv("GIT_DIR", str(other / ".git"))
        monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
        assert roots(top)[0].commit == run_quietly("git", "-C", top, "rev-parse", "HEAD").strip()

    @pytest.mark.parametrize(
        "setting", ["diff.noprefix=true", "diff.mnemonicPrefix=true", "diff.context=0", "diff.algorithm=patience"]
    )
    def test_the_patch_does_not_depend_on_settings(
        self, roots: Roots, repository: Repository, run_quietly: Quietly, setting: str
    ) -> None:
        # The two algorithms align these lines differently.
        top = repository({"b.py": "a\nb\nc\na\nb\nb\na\nunique\nx\n"})
        (top / "b.py").write_text("c\nunique\nb\na\nb\na\nc\nx\n")
        before = roots(top)[0].patch
        run_quietly("git", "-C", top, "config", *setting.split("="))
        assert before is not None
        assert roots(top)[0].patch == before

    def test_a_repository_within_is_not_passed_over(
        self, roots: Roots, repository: Repository, run_quietly: Quietly
    ) -> None:
        top = repository(FILES)
        run_quietly("git", "init", "-q", top / "vendored")
        (top / "vendored" / "lib.py").write_text("x = 1\n")
        (root,) = roots(top)
        assert any(path.startswith("vendored") for path in (*root.files, *root.left_out))


class TestLoose:
    """Directories outside git."""

    def test_pythonpath_is_kept_file_by_file(self, roots: Roots, tmp_path: Path, store: LocalStore) -> None:
        files = {
            "x.py": "x",
            "pack/y.py": "y",
            "pack/data.yaml": "z: 1",
            "pack/__pycache__/y.pyc": "",
            ".hidden/h.py": "",
        }
        for path, text in {**files, "image.fits": "big"}.items():
            (tmp_path / "loose" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "loose" / path).write_text(text)
        (root,) = roots(tmp_path / "loose")
        assert (root.name, root.commit, root.patch) == ("loose", None, None)
        kept = {path: store.get(d.digest).decode() for path, d in root.files.items()}
        assert kept == {"x.py": "x", "pack/y.py": "y", "pack/data.yaml": "z: 1"}
        (tmp_path / "loose" / "x.py").write_text("changed")
        assert roots(tmp_path / "loose")[0] != root

    def test_beside_a_script_only_what_it_can_import(self, roots: Roots, tmp_path: Path) -> None:
        for path in ("job.py", "other.py", "table.csv", "pack/__init__.py", "pack/grid.yaml", "outputs/old.py"):
            (tmp_path / "home" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "home" / path).touch()
        (root,) = roots(script_dir=tmp_path / "home")
        assert sorted(root.files) == ["job.py", "other.py", "pack/__init__.py", "pack/grid.yaml"]

    def test_too_many_files_are_a_failure(self, tmp_path: Path, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(source, "MAX_FILES", 3)
        (tmp_path / "loose").mkdir()
        for i in range(4):
            (tmp_path / "loose" / f"x{i}.py").touch()
            _, outcome = collect(SourceCollector(), target(tmp_path / "loose"), keep)
            assert outcome.status == ("captured" if i < 3 else "failed")
        assert "more than 3 files" in str(outcome.reason)

    def test_without_code_there_is_none(self, keep: Keep, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        for found in (target(), target(tmp_path / "empty"), Target.none({})):
            with pytest.raises(Absent):
                SourceCollector().collect(found, keep)

    def test_roots_are_in_the_order_of_the_search(self, roots: Roots, tmp_path: Path, repository: Repository) -> None:
        for name in ("z", "a"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "x.py").touch()
        top = repository(FILES)
        assert [root.name for root in roots(tmp_path / "z", top, tmp_path / "a")] == ["z", "code", "a"]


class TestSecretsAndSize:
    """What is never kept."""

    ENV = f"DB_PASSWORD={SECRET}\n"

    @pytest.mark.parametrize("in_git", [True, False])
    def test_dot_env_and_large_files_are_not_kept(
        self, in_git: bool, roots: Roots, repository: Repository, tmp_path: Path, store: LocalStore,
        stored_bytes: Callable[[LocalStore], bytes],
    ) -> None:  # fmt: skip
        top = repository(FILES) if in_git else tmp_path / "loose"
        top.mkdir(exist_ok=True)
        (top / "new.py").write_text("control = 1\n")
        (top / ".env").write_text(self.ENV)
        (top / "large.py").write_text("#" * (MAX_FILE + 1))
        (top / "url.py").write_text(f"URL = 'https://me:{SECRET}@host'\n")
        (root,) = roots(top)
        assert list(root.files) == ["new.py"]
        assert {"large.py", "url.py"} <= root.left_out.keys()
        assert SECRET not in str(root.left_out)
        assert root.left_out["url.py"].startswith("it seems to hold a secret")
        data = stored_bytes(store)
        assert b"control = 1" in data
        assert SECRET.encode() not in data
        assert len(data) < MAX_FILE

    def test_a_patch_with_a_secret_is_left_out(
        self, roots: Roots, repository: Repository, store: LocalStore, stored_bytes: Callable[[LocalStore], bytes]
    ) -> None:
        top = repository(FILES)
        (top / "b.py").write_text(f"URL = 'https://me:{SECRET}@host'\n")
        (root,) = roots(top)
        assert root.patch is None
        assert list(root.left_out) == ["(patch)"]
        assert SECRET.encode() not in stored_bytes(store)

    def test_dot_env_is_not_kept_even_if_it_is_staged(
        self, roots: Roots, repository: Repository, run_quietly: Quietly, store: LocalStore,
        stored_bytes: Callable[[LocalStore], bytes],
    ) -> None:  # fmt: skip
        top = repository(FILES)
        (top / ".env").write_text(self.ENV)
        run_quietly("git", "-C", top, "add", "-A")
        roots(top)
        assert SECRET.encode() not in stored_bytes(store)

    def test_a_large_file_is_not_kept_even_if_it_is_staged(
        self, roots: Roots, repository: Repository, run_quietly: Quietly, store: LocalStore,
        stored_bytes: Callable[[LocalStore], bytes],
    ) -> None:  # fmt: skip
        top = repository(FILES)
        (top / "catalogue.csv").write_bytes(os.urandom(MAX_FILE))
        run_quietly("git", "-C", top, "add", "-A")
        roots(top)
        assert len(stored_bytes(store)) < MAX_FILE

    @pytest.mark.parametrize("text", ["#" * MAX_FILE + "{}\n", "URL = 'https://me:pass@host'\nx = {}\n"])
    def test_what_is_left_out_is_still_told_apart(self, roots: Roots, repository: Repository, text: str) -> None:
        top = repository(FILES)
        (top / "code.py").write_text(text.format(1))
        before = roots(top)
        (top / "code.py").write_text(text.format(2))
        assert roots(top) != before

    def test_a_patch_that_is_left_out_is_still_told_apart(self, roots: Roots, repository: Repository) -> None:
        top = repository(FILES)
        seen = set()
        for number in (1, 2):
            (top / "b.py").write_text(f"URL = 'https://me:pass@host'\nx = {number}\n")
            seen.add(roots(top)[0])
        assert len(seen) == 2


class TestHostile:
    """A repository's own configuration is not executed; save for its clean filters, without which git can't compare."""

    @pytest.fixture
    def dirty(self, repository: Repository) -> Path:
        """Give a repository in which git must look at a file's content."""
        top = repository({**FILES, ".gitattributes": "*.py filter=evil diff=evil\n"})
        (top / "b.py").write_text("two = 22\n")
        return top

    @pytest.mark.parametrize(
        ("setting", "control"),
        [
            ("core.fsmonitor", "status"),
            ("diff.external", "diff"),
            ("diff.evil.command", "diff"),
            ("diff.evil.textconv", "diff"),
        ],
    )
    def test_a_program_in_its_configuration(
        self, setting: str, control: str, roots: Roots, dirty: Path, hostile_program: tuple[Path, Path],
        run_quietly: Quietly,
    ) -> None:  # fmt: skip
        program, mark = hostile_program
        run_quietly("git", "-C", dirty, "config", setting, program)
        subprocess.run(["git", "-C", dirty, control], capture_output=True, check=False, stdin=subprocess.DEVNULL)
        assert mark.exists(), "the control should have run the program"
        mark.unlink()
        (root,) = roots(dirty)
        assert root.commit
        assert not mark.exists()

    def test_a_hook(self, roots: Roots, dirty: Path, hostile_program: tuple[Path, Path], run_quietly: Quietly) -> None:
        program, mark = hostile_program
        hook = dirty / ".git" / "hooks" / "post-index-change"
        hook.parent.mkdir(exist_ok=True)
        hook.write_bytes(program.read_bytes())
        hook.chmod(0o755)
        run_quietly("git", "-C", dirty, "update-index", "--force-write-index")
        assert mark.exists(), "the control should have run the hook"
        mark.unlink()
        os.utime(dirty / "pack" / "a.py", (1, 1))
        roots(dirty)
        assert not mark.exists()
