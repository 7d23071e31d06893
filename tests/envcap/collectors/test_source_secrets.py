# SPDX-License-Identifier: Apache-2.0
"""What the capture of code never keeps and never executes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.source import MAX_FILE
from envcap.model.components import CodeRoot
from envcap.store.local import LocalStore

Repository = Callable[..., Path]
Quietly = Callable[..., str]
Roots = Callable[..., tuple[CodeRoot, ...]]

SECRET = "hunter2hunter2"
FILES = {"pack/__init__.py": "", "pack/a.py": "one = 1\n", "b.py": "two = 2\n"}

pytestmark = pytest.mark.usefixtures("no_git_settings")


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
        assert root.left_out["url.py"].startswith("it holds a secret, <scrubbed:url-credentials>")
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
        assert list(root.left_out) == ["b.py"]
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
