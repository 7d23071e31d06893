# SPDX-License-Identifier: Apache-2.0
"""One changed byte is another identity, of just that component; what can't be read is failed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.base import Collector
from envcap.collectors.registry import COLLECTORS
from envcap.environment import capture_environment
from envcap.store.local import LocalStore
from tests.envcap.identity.software import as_nobody, target_in

Capture = Callable[..., dict[str, str]]


TAMPERED = {
    "python_dists": ("venv/lib/*/site-packages/gamma-1.0.dist-info/RECORD", b"gamma/data.txt,sha256="),
    "conda": ("venv/conda-meta/python-1.0-0.json", b'"version": "'),
    "source": ("stack/pkg/b.py", b"name = '"),
}
"""For each collector, a file that it reads, and what stands in it before a byte that counts."""


class TestTamper:
    """One changed byte is another digest of just that component."""

    @pytest.mark.parametrize("kind", [kind for kind in TAMPERED if kind in {cls.kind for cls in COLLECTORS}])
    def test_of_a_file(self, kind: str, capture: Capture, software: Path) -> None:
        before = capture(software)
        pattern, before_it = TAMPERED[kind]
        (path,) = software.glob(pattern)
        data = bytearray(path.read_bytes())
        data[data.index(before_it) + len(before_it)] ^= 1
        path.write_bytes(data)
        assert _changed(before, capture(software)) == [kind]

    @pytest.mark.parametrize("path", ["stack/new.py", "loose/new/__init__.py", "loose/new/table.csv"])
    def test_of_code_that_git_does_not_track(self, path: str, capture: Capture, software: Path) -> None:
        before = capture(software)
        (software / path).write_text((software / path).read_text() + " ")
        assert _changed(before, capture(software)) == ["source"]

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("LC_ALL", "process_env"),
            ("PYTHONHASHSEED", "process_env"),
            ("OMP_NUM_THREADS", "numerics"),
            ("MKL_CBWR", "numerics"),
        ],
    )
    def test_of_a_variable_on_the_allow_list(self, name: str, kind: str, capture: Capture, software: Path) -> None:
        assert _changed(capture(software, **{name: "1"}), capture(software, **{name: "2"})) == [kind]


def _changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [kind for kind in before | after if before.get(kind) != after.get(kind)]


def _conda() -> type[Collector]:
    (found,) = [cls for cls in COLLECTORS if cls.kind == "conda"]
    return found


@pytest.mark.skipif("conda" not in {cls.kind for cls in COLLECTORS}, reason="no conda collector is registered")
class TestUnreadable:
    """What is there and can't be read is failed, never empty."""

    @pytest.mark.parametrize(
        "trouble", ["a directory", "no JSON", "cut short", "a pipe", "a file in its place", "a loop"]
    )
    def test_conda_records(self, trouble: str, software: Path, clean_environ: dict[str, str], tmp_path: Path) -> None:
        meta = software / "venv" / "conda-meta"
        path = meta / "python-1.0-0.json"
        if trouble == "cut short":
            path.write_bytes(path.read_bytes()[:-9])
        elif trouble in ("a file in its place", "a loop"):
            shutil.rmtree(meta)
            meta.write_text("") if trouble == "a file in its place" else meta.symlink_to(meta)
        else:
            path.unlink()
            {"a directory": path.mkdir, "a pipe": lambda: os.mkfifo(path), "no JSON": path.touch}[trouble]()
        target = target_in(software, clean_environ)
        environment = capture_environment(target, LocalStore(str(tmp_path / "s")), [_conda()])
        outcome = environment.outcomes["conda"]
        assert outcome.status == "failed", outcome
        assert "conda-meta" in str(outcome.reason)
        assert environment.software == {}
        assert environment.degraded

    def test_a_directory_that_this_user_may_not_list(
        self, software: Path, clean_environ: dict[str, str], cannot: Callable[[str, str], None]
    ) -> None:
        if os.geteuid():
            cannot("becoming another user", "this is not root")
        with tempfile.TemporaryDirectory(prefix="envcap-test-") as scratch:
            os.chmod(scratch, 0o777)
            meta = Path(scratch) / "conda-meta"
            shutil.copytree(software / "venv" / "conda-meta", meta)
            target = target_in(software, clean_environ)
            target.prefix = scratch
            store = LocalStore(str(Path(scratch) / "s"))
            found = as_nobody(lambda: capture_environment(target, store, [_conda()]), Path(scratch))
            assert list(found) == ["conda"]
            meta.chmod(0o700)
            with pytest.raises(AssertionError, match="conda-meta: Permission denied"):
                as_nobody(lambda: capture_environment(target, store, [_conda()]), Path(scratch))
