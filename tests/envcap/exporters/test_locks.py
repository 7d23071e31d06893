# SPDX-License-Identifier: Apache-2.0
"""Locks of what was installed: read back by the tools that they are for."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envcap.exporters.registry import EXPORTERS
from tests.conda_channel import install, make_channel
from tests.services.package_index import PackageIndex, running_index

BIN = Path(sys.executable).parent
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the URL of a channel. Not to be changed."""
    return make_channel(tmp_path_factory.mktemp("conda") / "channel")


@pytest.fixture
def index(tmp_path: Path, wheel: Callable[..., Path]) -> Iterator[PackageIndex]:
    """Give an index of two wheels."""
    for name in ("alpha", "beta"):
        wheel(name)
    with running_index(tmp_path / "wheels") as found:
        yield found


@pytest.fixture
def job(
    channel: str, index: PackageIndex, tmp_path: Path, envcap: Run, run_quietly: Callable[..., str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give what exports a job's environment: a conda prefix with two of pip's distributions, one of them local."""
    prefix = tmp_path / "prefix"
    install(channel, prefix, ["app", "tool 1.0 0"])
    python = prefix / "bin" / "python"
    environ = {"UV_OFFLINE": "0", "UV_DEFAULT_INDEX": index.url}
    run_quietly(BIN / "uv", "pip", "install", "-q", "--python", python, "alpha", env=environ)
    run_quietly(BIN / "uv", "pip", "install", "-q", "--python", python, next((tmp_path / "wheels").glob("beta*")))
    assert envcap("run", "--", python, "-c", "1").returncode == 0
    environ = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index.url, "PIP_FIND_LINKS": ""}
    return lambda format_: envcap("export", "@last", "--format", format_, env=environ)


def test_conda_lock_is_read_by_conda_lock(job: Run, tmp_path: Path, channel: str) -> None:
    from conda_lock.lockfile import parse_conda_lock_file

    done = job("conda-lock")
    assert done.returncode == 1
    assert done.stderr.startswith("envcap export: left out: beta 1.0: it came from no index (archive: file:///")
    path = tmp_path / "conda-lock.yml"
    path.write_text(done.stdout)
    found = {(one.manager, one.name): one for one in parse_conda_lock_file(path).package}
    assert {name for manager, name in found if manager == "conda"} == {"app", "python", "table", "tool"}
    assert {name for manager, name in found if manager == "pip"} == {"alpha"}
    tool = found["conda", "tool"]
    assert (tool.version, tool.build) == ("1.0", "0")
    assert tool.url.startswith(channel)
    assert set(found["conda", "app"].dependencies) == {"python", "tool", "table"}


def test_explicit_is_read_by_rattler_and_has_dependencies_first(job: Run, tmp_path: Path) -> None:
    done = job("explicit")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[1] == "@EXPLICIT"
    names = [line.rpartition("/")[2].split("-")[0] for line in lines[2:]]
    assert sorted(names) == ["app", "python", "table", "tool"]
    assert names[-1] == "app"  # which depends on the others
    assert all(len(line.partition("#")[2]) == 32 for line in lines[2:])


def test_pylock_is_read_by_the_standards_own_reader(job: Run) -> None:
    from packaging.pylock import Pylock

    done = job("pylock")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "left out: beta 1.0" in done.stderr
    found = Pylock.from_dict(tomllib.loads(done.stdout))
    assert [(one.name, str(one.version)) for one in found.packages] == [("alpha", "1.0")]
    (wheel,) = found.packages[0].wheels or ()
    assert wheel.name == "alpha-1.0-py3-none-any.whl"
    assert set(wheel.hashes) == {"sha256"}


def test_requirements_are_taken_by_pip(job: Run, index: PackageIndex, tmp_path: Path) -> None:
    done = job("requirements")
    path = tmp_path / "requirements.txt"
    path.write_text(done.stdout)
    command = [sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--no-deps", "--require-hashes"]
    command += ["--target", str(tmp_path / "target"), "-r", str(path)]
    environ = {**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index.url, "PIP_FIND_LINKS": ""}
    taken = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert taken.returncode == 0, taken.stderr
    # The control: another digest is refused.
    text = done.stdout
    at = text.index("--hash=sha256:") + len("--hash=sha256:")
    path.write_text(text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :])
    refused = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "HASH" in refused.stderr.upper()


@pytest.mark.parametrize("exporter", [one.format for one in EXPORTERS])
def test_a_job_that_is_no_python_program_has_nothing_of_it(exporter: str, envcap: Run) -> None:
    assert envcap("run", "--", "true").returncode == 0
    done = envcap("export", "@last", "--format", exporter)
    assert (done.returncode, done.stdout) == (3, "")
    assert "has no" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_format_is_refused_with_the_known_ones(envcap: Run) -> None:
    done = envcap("export", "@last", "--format", "nonsense")
    assert done.returncode == 2
    assert "pylock" in done.stderr
