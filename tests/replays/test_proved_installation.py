# SPDX-License-Identifier: Apache-2.0
"""What was proved of a distribution holds the engine to that very file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services.package_index import running_index
from tests.services.small_wheels import make_wheel

BIN = Path(sys.executable).parent
JOB = "import alpha; open('out.txt', 'w').write(alpha.version)"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give a function that runs a program in a directory of its own, with a store of its own."""
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("ENVCAP_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [str(word) for word in words]
        return subprocess.run(command, cwd=tmp_path / "work", capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("proved", [True, False])
def test_an_index_that_has_another_file_now(
    proved: bool,
    run: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel = make_wheel(wheels, "alpha", "1.0")
    prefix = tmp_path / "venv"
    with running_index(wheels) as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        assert run(BIN / "uv", "venv", "-q", "--python", sys.executable, prefix).returncode == 0
        done = run(BIN / "uv", "pip", "install", "-q", "--python", prefix / "bin/python", "alpha")
        assert done.returncode == 0, done.stderr
        options = ("--prove",) if proved else ()
        done = run(BIN / "envcap", "run", *options, "--output", "out.txt", "--", prefix / "bin/python", "-c", JOB)
        assert done.returncode == 0, done.stderr
        # From here on, the environment is gone, and the index has another build of the same version.
        shutil.rmtree(prefix)
        shutil.rmtree(tmp_path / "uv")
        original = wheel.read_bytes()
        other = make_wheel(tmp_path, "alpha", "1.0")
        changed = other.read_bytes()
        assert changed == original  # made alike; now its data differs
        (tmp_path / "other").mkdir()
        shutil.unpack_archive(other, tmp_path / "other", "zip")
        (tmp_path / "other/alpha/data.txt").write_text("other\n")
        wheel.write_bytes(Path(_packed(tmp_path / "other", tmp_path / "repacked")).read_bytes())
        done = run(BIN / "replay", "run", "@last", "--engine", "venv")
        if proved:
            assert done.returncode == 3, done.stdout
            assert "alpha" in done.stderr
        else:
            # Nobody had asked which file it was: it is taken, and the layer says that it is another.
            assert done.returncode == 0, done.stderr
            assert "another build of alpha 1.0" in done.stdout
        # The control: with the file that was proved, it is the same again.
        shutil.rmtree(os.environ["ENVCAP_CACHE"] + "/venv")
        shutil.rmtree(tmp_path / "uv", ignore_errors=True)
        wheel.write_bytes(original)
        done = run(BIN / "replay", "run", "@last", "--engine", "venv")
        assert done.returncode == 0, done.stderr
        assert "each RECORD equal to the captured one" in done.stdout


def _packed(folder: Path, name: Path) -> str:
    """Return an archive of a directory whose RECORD is right again."""
    import base64
    import hashlib

    data = (folder / "alpha/data.txt").read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    record = folder / "alpha-1.0.dist-info/RECORD"
    rows = [row for row in record.read_text().splitlines() if not row.startswith("alpha/data.txt")]
    record.write_text("\n".join([f"alpha/data.txt,sha256={digest},{len(data)}", *rows]) + "\n")
    return shutil.make_archive(str(name), "zip", folder)
