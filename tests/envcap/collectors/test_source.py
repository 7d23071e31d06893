# SPDX-License-Identifier: Apache-2.0
"""Code that no distribution covers: real repositories, dirty and hostile ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors import source
from envcap.collectors.base import Absent, Keep, collect
from envcap.collectors.source import SourceCollector
from envcap.digest import digest_of
from envcap.model.components import CodeRoot
from envcap.store.local import LocalStore
from envcap.target import Target

Repository = Callable[..., Path]
Quietly = Callable[..., str]
Roots = Callable[..., tuple[CodeRoot, ...]]

SECRET = "hunter2hunter2"
FILES = {"pack/__init__.py": "", "pack/a.py": "one = 1\n", "b.py": "two = 2\n", ".gitignore": "ignored.py\n"}

pytestmark = pytest.mark.usefixtures("no_git_settings")


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

    def test_a_change_within_the_second_of_the_commit_is_seen(
        self, roots: Roots, repository: Repository, run_quietly: Quietly
    ) -> None:
        """Size and time of the file are what the index has: only the index's own time tells git to look inside."""
        top = repository(FILES)
        file, index = top / "b.py", top / ".git" / "index"
        now = 1_700_000_000
        os.utime(file, (now, now))
        run_quietly("git", "-C", top, "update-index", "--refresh")
        os.utime(index, (now, now))
        file.write_text("two = 3\n")
        os.utime(file, (now, now))
        (root,) = roots(top)
        assert root.patch is not None

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
        self, repository: Repository, run_quietly: Quietly, keep: Keep, code_target: Callable[..., Target]
    ) -> None:
        top = repository(FILES)
        run_quietly("git", "-C", top, "remote", "add", "origin", f"https://me:{SECRET}@host/x.git")
        collected = SourceCollector().collect(code_target(top), keep)
        assert collected.place == {
            "roots": [
                {"path": str(top), "work_tree": str(top), "remote": "https://<scrubbed:url-credentials>@host/x.git"}
            ]
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

    def test_that_is_broken_is_a_failure(
        self, repository: Repository, keep: Keep, code_target: Callable[..., Target]
    ) -> None:
        top = repository(FILES)
        (top / ".git" / "config").write_text("[nonsense")
        found, outcome = collect(SourceCollector(), code_target(top), keep)
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
        "setting",
        ["diff.noprefix=true", "diff.mnemonicPrefix=true", "diff.context=0", "diff.interHunkContext=30",
         "diff.algorithm=patience", "diff.renames=false", "diff.suppressBlankEmpty=true", "core.quotePath=false",
         "core.abbrev=20", "color.diff=always", "diff.orderFile=order"],
    )  # fmt: skip
    def test_the_patch_does_not_depend_on_settings(
        self, roots: Roots, repository: Repository, run_quietly: Quietly, setting: str
    ) -> None:
        # The two algorithms align these lines differently; blank lines and far hunks are for other settings.
        far = "".join(f"{i}\n" for i in range(20))
        top = repository(
            {"b.py": f"a\nb\nc\na\nb\nb\na\nunique\nx\n\n{far}end\n", "é.py": "x\n" * 30, "order": "è.py\n"}
        )
        (top / "b.py").write_text(f"c\nunique\nb\na\nb\na\nc\nx\n\n{far}END\n")
        run_quietly("git", "-C", top, "mv", "é.py", "è.py")
        plain = ("git", "-C", top, "diff", "HEAD")
        control, before = run_quietly(*plain, cwd=top), roots(top)[0].patch
        run_quietly("git", "-C", top, "config", *setting.split("="))
        assert run_quietly(*plain, cwd=top) != control, "the setting should matter"
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

    def test_too_many_files_are_a_failure(
        self, tmp_path: Path, keep: Keep, monkeypatch: pytest.MonkeyPatch, code_target: Callable[..., Target]
    ) -> None:
        monkeypatch.setattr(source, "MAX_FILES", 3)
        (tmp_path / "loose").mkdir()
        for i in range(4):
            (tmp_path / "loose" / f"x{i}.py").touch()
            _, outcome = collect(SourceCollector(), code_target(tmp_path / "loose"), keep)
            assert outcome.status == ("captured" if i < 3 else "failed")
        assert "more than 3 files" in str(outcome.reason)

    def test_without_code_there_is_none(self, keep: Keep, tmp_path: Path, code_target: Callable[..., Target]) -> None:
        (tmp_path / "empty").mkdir()
        for found in (code_target(), code_target(tmp_path / "empty"), Target.none({})):
            with pytest.raises(Absent):
                SourceCollector().collect(found, keep)

    def test_roots_are_in_the_order_of_the_search(self, roots: Roots, tmp_path: Path, repository: Repository) -> None:
        for name in ("z", "a"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "x.py").touch()
        top = repository(FILES)
        assert [root.name for root in roots(tmp_path / "z", top, tmp_path / "a")] == ["z", "code", "a"]
