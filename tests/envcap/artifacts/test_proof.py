# SPDX-License-Identifier: Apache-2.0
"""Which file a distribution was installed from: proved against a real index, by real pip."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envcap.artifacts.proof import prove_artifacts
from envcap.collectors.base import Absent
from envcap.errors import CollectorError
from envcap.model.components import Artifact
from envcap.store.index import Attempt
from envcap.target import Target
from tests.services.package_index import PackageIndex, running_index

Run = Callable[..., subprocess.CompletedProcess[str]]
Prove = Callable[[Path], dict[str, Artifact]]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    """Give an index of wheels, which pip is configured with."""
    (tmp_path / "served").mkdir()
    with running_index(tmp_path / "served") as found:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", found.url)
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        yield found


@pytest.fixture
def serve(index: PackageIndex) -> Callable[[Path], Path]:
    """Give a function that puts a wheel on the index."""

    def put(wheel: Path) -> Path:
        target = index.wheels / wheel.name
        target.write_bytes(wheel.read_bytes())
        return target

    return put


@pytest.fixture
def proved(target_of: Callable[..., Target]) -> Prove:
    """Give a function that returns where the distributions of a Python came from, by name."""
    return lambda python: {one.name: one for one in prove_artifacts(target_of(python)).artifacts}


def sha256(path: Path) -> str:
    """Return a file's digest, as an index tells it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("by", ["uv", "pip"])
def test_the_file_with_the_same_record_is_the_one(
    ranges: bool,
    by: str,
    index: PackageIndex,
    serve: Callable[[Path], Path],
    wheel: Callable[..., Path],
    venv: Callable[..., Path],
    pip_venv: Callable[..., Path],
    proved: Prove,
) -> None:
    index.ranges = ranges
    alpha = wheel("alpha", {"alpha/__init__.py": "x = 1\n"}, script="run-alpha=alpha:main")
    big = wheel("big", {"big/data.txt": os.urandom(200_000).hex(), "big/__init__.py": ""})
    python = (venv if by == "uv" else pip_venv)(alpha, big)
    served = {name: serve(path) for name, path in (("alpha", alpha), ("big", big))}
    for path in (python.parent.parent / "lib").glob("python*/site-packages/*.dist-info/direct_url.json"):
        path.unlink()  # as if they had come from the index
    found = proved(python)
    for name, path in served.items():
        assert (found[name].origin, found[name].file_name) == ("index", path.name)
        assert (found[name].sha256, found[name].size) == (sha256(path), path.stat().st_size)
        assert found[name].url == f"{index.url.removesuffix('/simple')}/files/{path.name}"
    assert (index.sent > served["big"].stat().st_size) == (not ranges)
    # What was proved once is not asked for again.
    index.asked.clear()
    assert proved(python) == found
    assert index.asked == []


def _from_index(python: Path) -> None:
    for path in (python.parent.parent / "lib").glob("python*/site-packages/*.dist-info/direct_url.json"):
        path.unlink()


def test_a_file_of_the_same_name_with_other_content_is_not_it(
    serve: Callable[[Path], Path], wheel: Callable[..., Path], venv: Callable[..., Path], proved: Prove
) -> None:
    python = venv(wheel("alpha", {"alpha.py": "x = 1\n"}))
    _from_index(python)
    serve(wheel("alpha", {"alpha.py": "x = 2\n"}))
    found = proved(python)["alpha"]
    assert (found.origin, found.sha256) == ("unproved", None)
    assert "alpha-1.0-py3-none-any.whl on the index has another RECORD" in str(found.reason)


def test_of_two_builds_the_one_with_the_installed_tags(
    serve: Callable[[Path], Path], wheel: Callable[..., Path], venv: Callable[..., Path], proved: Prove
) -> None:
    plain = wheel("alpha", {"alpha.py": "x = 'plain'\n"})
    python = venv(plain)
    _from_index(python)
    serve(plain)
    # pip would rather have this one: it is for this very interpreter.
    served = serve(plain)
    special = served.with_name(f"alpha-1.0-{_interpreter()}-none-manylinux2014_{os.uname().machine}.whl")
    with zipfile.ZipFile(served) as old, zipfile.ZipFile(special, "w") as new:
        for name in old.namelist():
            text = old.read(name).replace(b"Tag: py3-none-any", f"Tag: {special.stem.split('-', 2)[2]}".encode())
            new.writestr(name, text.replace(b"alpha.py,sha256=", b"alpha.py,sha256=x"))
    found = proved(python)["alpha"]
    assert (found.origin, found.file_name) == ("index", plain.name)


def _interpreter() -> str:
    import sys

    return f"cp{sys.version_info.major}{sys.version_info.minor}"


def test_one_that_no_index_has_does_not_hinder_the_others(
    serve: Callable[[Path], Path], wheel: Callable[..., Path], venv: Callable[..., Path], proved: Prove
) -> None:
    wheels = [wheel(name) for name in ("alpha", "beta", "gamma", "delta")]
    python = venv(*wheels)
    _from_index(python)
    for path in wheels[:3]:
        serve(path)
    found = proved(python)
    assert [found[name].origin for name in ("alpha", "beta", "gamma", "delta")] == ["index"] * 3 + ["unproved"]
    assert found["delta"].reason


def test_what_came_from_elsewhere_says_so(wheel: Callable[..., Path], venv: Callable[..., Path], proved: Prove) -> None:
    path = wheel("alpha")
    python = venv(path)
    (info,) = (python.parent.parent / "lib").glob("python*/site-packages/alpha-1.0.dist-info/direct_url.json")
    assert proved(python)["alpha"].origin == "archive"
    info.write_text(
        json.dumps({"url": "https://u:hunter2hunter2@host/r", "vcs_info": {"vcs": "git", "commit_id": "ab"}})
    )
    found = proved(python)["alpha"]
    assert (found.origin, found.commit) == ("git", "ab")
    assert "hunter2" not in str(found.url)
    info.write_text(json.dumps({"url": "file:///src", "dir_info": {"editable": True}}))
    assert proved(python)["alpha"].origin == "editable"


def test_without_a_record_nothing_is_proved(
    wheel: Callable[..., Path], venv: Callable[..., Path], proved: Prove, site_packages: Callable[[Path], Path]
) -> None:
    python = venv(wheel("alpha"))
    _from_index(python)
    (site_packages(python) / "alpha-1.0.dist-info" / "RECORD").unlink()
    found = proved(python)["alpha"]
    assert (found.origin, found.reason) == ("unproved", "it has no RECORD to prove it by")


def test_no_python_is_absent() -> None:
    with pytest.raises(Absent):
        prove_artifacts(Target.none({}))


def test_offline_it_fails_with_the_reason(
    wheel: Callable[..., Path], venv: Callable[..., Path], proved: Prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = venv(wheel("alpha"))
    _from_index(python)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(CollectorError, match="no index can be reached"):
        proved(python)


class TestJobs:
    def test_a_job_proves_beside_its_payload(
        self,
        envcap: Run,
        index: PackageIndex,
        serve: Callable[[Path], Path],
        wheel: Callable[..., Path],
        venv: Callable[..., Path],
        last: Callable[[], Attempt],
        work: Path,
    ) -> None:
        path = wheel("alpha")
        python = venv(path)
        _from_index(python)
        served = serve(path)
        environ = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index.url}
        assert envcap("run", "--prove", "--", python, "-c", "1", env=environ).returncode == 0
        result = last().result
        assert result is not None
        assert result.outcomes is not None
        assert result.outcomes["python_artifacts"].status == "captured"
        done = envcap("export", "@last", "--format", "requirements")
        assert done.returncode == 0, done.stderr
        assert f"alpha==1.0 \\\n    --hash=sha256:{sha256(served)}" in done.stdout

    def test_offline_the_outcome_is_failed_and_the_payload_is_not(
        self, envcap: Run, wheel: Callable[..., Path], venv: Callable[..., Path], last: Callable[[], Attempt]
    ) -> None:
        python = venv(wheel("alpha"))
        _from_index(python)
        environ = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
        done = envcap("run", "--prove", "--", python, "-c", "print('done')", env=environ)
        assert (done.returncode, done.stdout) == (0, "done\n")
        result = last().result
        assert result is not None
        assert result.outcomes is not None
        assert result.outcomes["python_artifacts"].status == "failed"
        assert "no index can be reached" in str(result.outcomes["python_artifacts"].reason)
        done = envcap("export", "@last", "--format", "pylock", env=environ)
        assert done.returncode == 3
        assert "no index can be reached" in done.stderr
        assert done.stdout == ""
