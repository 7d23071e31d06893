# SPDX-License-Identifier: Apache-2.0
"""What a newcomer does first: a fresh clone, a fresh HOME, no .venv, `make demo`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envcap.collectors.source_state import state_files

_ROOT = Path(__file__).resolve().parents[1]
_SECONDS = 300
_KEPT = ("LANG", "SSL_CERT_FILE", "SSL_CERT_DIR")


def _clone(to: Path) -> None:
    listed = subprocess.run(
        ["git", "-C", str(_ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (_ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(_ROOT / name, to / name)
    who = ("-c", "user.name=newcomer", "-c", "user.email=newcomer@localhost", "-c", "commit.gpgsign=no")
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "clone")):
        subprocess.run(["git", "-C", to, *who, *words], check=True, capture_output=True)


@pytest.mark.slow
def test_make_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone, home, tools = tmp_path / "clone", tmp_path / "home", tmp_path / "bin"
    for folder in (clone, home, tools):
        folder.mkdir()
    _clone(clone)
    python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    (tools / "python3").symlink_to(python)
    variables = {n: v for n, v in os.environ.items() if n in _KEPT or n.startswith(("PIP_", "UV_"))}
    variables |= {"HOME": str(home), "PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(
        ["make", "demo"], cwd=clone, env=variables, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    last = [line.split()[:2] for line in done.stdout.splitlines() if line.strip()][-3:]
    assert [what for _, what in last] == ["coadd", "catalog", "control"]
    verdicts = [verdict for verdict, _ in last]
    assert verdicts[0] in ("identical", "equal")
    assert verdicts[1] in ("identical", "equal")
    assert verdicts[2] == "different"
    picture = (clone / "demo-out" / "coadd.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 50_000
    assert not (home / ".cache" / "envcap").exists()
    assert not (home / ".local").exists()
    # Whoever runs the tests next does so beside what the demo left.
    monkeypatch.setenv("HOME", str(home))
    looked_at = list(state_files(str(clone), str(clone)))
    assert str(clone / "README.md") in looked_at
    assert not any(path.startswith(f"{clone / 'demo-out'}/") for path in looked_at)
