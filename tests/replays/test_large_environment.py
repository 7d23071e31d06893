# SPDX-License-Identifier: Apache-2.0
"""An environment as large as real ones: locked, made again from the lock alone, proved the same file by file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from envcap.collectors.installed_files import CONTENT, Installation
from envcap.target import Target
from replay.conda.gathering import CondaGatherer, kept_packages
from replay.conda.packages import LockedPackage
from replay.conda.prefix import make_prefix
from tests.conda_channel import install, make_large_channel
from tests.services.package_index import PackageIndex, running_index
from tests.services.small_wheels import make_wheel

BIN = Path(sys.executable).parent
PACKAGES, FILES, WHEELS = 300, 66, 100
_BOOKKEEPING = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json", "uv_build.json")
Run = Callable[..., str]

pytestmark = pytest.mark.slow


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    """Give an index of a hundred wheels."""
    (tmp_path / "wheels").mkdir()
    for number in range(WHEELS):
        make_wheel(tmp_path / "wheels", f"dist{number}", f"1.{number}")
    with running_index(tmp_path / "wheels") as found:
        for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
            monkeypatch.setenv(name, found.url)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("UV_NO_CONFIG", "1")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        monkeypatch.setenv("ENVCAP_STORE", str(tmp_path / "store"))
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        yield found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Give a function that runs a program that must succeed, and returns what it prints."""
    (tmp_path / "work").mkdir()

    def run(*words: object) -> str:
        command = [str(word) for word in words]
        done = subprocess.run(command, cwd=tmp_path / "work", capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def pins() -> list[str]:
    """Give what a user asks for."""
    return [f"dist{number}==1.{number}" for number in range(WHEELS)]


def _tree(prefix: Path) -> Mapping[str, Any]:
    """Return every file of an environment but bookkeeping and byte code, with the prefix taken out."""
    found: dict[str, Any] = {}
    for folder, folders, names in os.walk(prefix):
        folders[:] = [name for name in folders if name not in ("__pycache__", "conda-meta")]
        for name in names:
            path = Path(folder, name)
            inside = str(path.relative_to(prefix))
            if ".dist-info" in folder and name in _BOOKKEEPING:
                continue
            if path.is_symlink():
                found[inside] = os.readlink(path).replace(str(prefix), "{prefix}")
                continue
            data = path.read_bytes()
            # Amid bytes, what the shorter of two prefixes leaves free is filled up at the end of the text.
            found[inside] = data.replace(str(prefix).encode(), b"").replace(b"\0", b"")
    return found


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _target(prefix: Path) -> Target:
    return Target.of_command([str(prefix / "bin" / "python"), "-c", ""], {})


def test_a_conda_prefix_from_its_lock_alone(tmp_path: Path, index: PackageIndex, run: Run, pins: list[str]) -> None:
    from conda_lock.lockfile import parse_conda_lock_file

    prefix = tmp_path / "prefix"
    install(make_large_channel(tmp_path / "channel", PACKAGES, FILES), prefix, [f"p{PACKAGES - 1}", "python"])
    run(BIN / "uv", "pip", "install", "-q", "--link-mode=copy", "--python", prefix / "bin/python", *pins)
    run(
        BIN / "envcap",
        "run",
        "--output",
        "out.txt",
        "--",
        prefix / "bin/python",
        "-c",
        "open('out.txt', 'w').write('x')",
    )
    lock = tmp_path / "conda-lock.yml"
    run(BIN / "envcap", "export", "@last", "--format", "conda-lock", "-o", lock)
    before = _tree(prefix)
    assert len(list((prefix / "conda-meta").glob("*.json"))) > PACKAGES
    assert len(before) > 20_000
    assert Installation(_target(prefix)).check(CONTENT).files > 20_000

    # From here on, only the lock tells.
    prefix.rename(tmp_path / "original")
    packages = parse_conda_lock_file(lock).package
    conda = [
        LockedPackage(p.name, p.version, str(p.build), p.url.split("/")[-2], p.url.rpartition("/")[2], p.url, None,
                      p.hash.sha256, p.hash.md5)
        for p in packages if p.manager == "conda"
    ]  # fmt: skip
    found, reasons = CondaGatherer(kept_packages(), offline=False).gather(conda)
    assert reasons == {}
    make_prefix(kept_packages(), found, prefix)
    hashed = tmp_path / "hashed.txt"
    of_pip = [p for p in packages if p.manager == "pip"]
    assert len(of_pip) == WHEELS
    hashed.write_text("".join(f"{p.name}=={p.version} --hash=sha256:{p.hash.sha256}\n" for p in of_pip))
    run(BIN / "uv", "pip", "install", "-q", "--no-deps", "--require-hashes", "--link-mode=copy", "--python",
        prefix / "bin/python", "-r", hashed)  # fmt: skip
    assert _tree(prefix) == before

    # The proof can fail: one byte is found, by us and by the collector.
    path = prefix / "share" / "p7" / "file11"
    _flipped(path)
    after = _tree(prefix)
    assert {name for name in before if after[name] != before[name]} == {"share/p7/file11"}
    for method in ("stat", CONTENT):
        assert dict(Installation(_target(prefix)).check(method).modified) == {"share/p7/file11": "conda p7"}

    # And by the engine, from the manifest.
    verdict = run(BIN / "replay", "run", "@last", "--engine", "venv", "--json")
    assert f"{PACKAGES + 1} packages, each from the captured file" in verdict
    assert f"{WHEELS} distributions, each RECORD equal" in verdict


def test_a_virtual_environment_from_its_lock_alone(
    tmp_path: Path, index: PackageIndex, run: Run, pins: list[str]
) -> None:
    prefix, again = tmp_path / "venv", tmp_path / "again"
    run(BIN / "uv", "venv", "-q", "--python", sys.executable, prefix)
    run(BIN / "uv", "pip", "install", "-q", "--link-mode=copy", "--python", prefix / "bin/python", *pins)
    run(BIN / "envcap", "run", "--", prefix / "bin/python", "-c", "1")
    lock = tmp_path / "pylock.toml"
    run(BIN / "envcap", "export", "@last", "--format", "pylock", "-o", lock)
    before = _tree(prefix / "lib")
    run(BIN / "uv", "venv", "-q", "--python", sys.executable, again)
    run(BIN / "uv", "pip", "sync", "-q", "--link-mode=copy", "--python", again / "bin/python", lock)
    assert _tree(again / "lib") == before
    digests = []
    for python in (prefix / "bin/python", again / "bin/python"):
        run(BIN / "envcap", "run", "--", python, "-c", "1")
        shown = run(BIN / "envcap", "show", "@last", "--json")
        digests.append(shown[shown.index('"python_dists": {') :].partition("}")[0])
    assert digests[0] == digests[1]
    (path,) = again.glob("lib/python*/site-packages/dist42/data.txt")
    _flipped(path)
    after = _tree(again / "lib")
    assert [name for name in before if after[name] != before[name]] == [str(path.relative_to(again / "lib"))]
    assert list(Installation(_target(again)).check().modified.values()) == ["python dist42"]
