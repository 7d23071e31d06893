# SPDX-License-Identifier: Apache-2.0
"""Installed files that are no longer what was installed: in real environments, made by uv, pip and rattler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.base import Absent
from envcap.collectors.installed_files import CONTENT, STAT, Installation
from envcap.errors import CollectorError
from envcap.model.components import InstalledFiles, LoadedLibraries
from envcap.store.index import Attempt
from envcap.store.local import LocalStore
from envcap.target import Target
from tests.conda_channel import install, make_channel

Run = Callable[..., subprocess.CompletedProcess[str]]
WHOLE = ({}, {}, ())


def told(found: InstalledFiles) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    """Return what was found amiss."""
    return dict(found.modified), dict(found.missing), tuple(found.stray)


@pytest.fixture
def python(venv: Callable[..., Path], wheel: Callable[..., Path]) -> Path:
    """Give the Python of an environment with two distributions."""
    return venv(wheel("alpha", {"alpha/__init__.py": "a = 1\n", "alpha/data.bin": "x"}), wheel("beta"))


@pytest.fixture
def check(target_of: Callable[..., Target]) -> Callable[..., InstalledFiles]:
    """Give a function that looks at the installed files of a Python."""
    return lambda python, method=STAT: Installation(target_of(python)).check(method)


@pytest.mark.parametrize("method", [STAT, CONTENT])
def test_an_environment_as_it_was_installed(
    python: Path,
    pip_venv: Callable[..., Path],
    wheel: Callable[..., Path],
    check: Callable[..., InstalledFiles],
    method: str,
) -> None:
    assert told(check(python, method)) == WHOLE
    by_pip = pip_venv(wheel("alpha", {"alpha/__init__.py": ""}, script="run=alpha:main"))
    found = check(by_pip, method)
    assert told(found) == WHOLE
    assert found.files > 4


@pytest.mark.parametrize("method", [STAT, CONTENT])
def test_a_change_in_place_with_a_forged_time_is_found(
    python: Path, site_packages: Callable[[Path], Path], check: Callable[..., InstalledFiles], method: str
) -> None:
    path = site_packages(python) / "alpha" / "__init__.py"
    before = path.stat()
    path.write_text("a = 2\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    modified, missing, stray = told(check(python, method))
    assert modified == {str(path.relative_to(python.parent.parent)): "python alpha"}
    assert (missing, stray) == ({}, ())


def test_what_is_gone_and_what_nobody_installed(
    python: Path, site_packages: Callable[[Path], Path], check: Callable[..., InstalledFiles]
) -> None:
    site = site_packages(python)
    (site / "alpha" / "data.bin").unlink()
    (site / "evil.pth").write_text("import os\n")
    (site / "alpha" / "extra.py").touch()
    (site / "sourceless.pyc").touch()  # Python imports it like any module
    inside = site.relative_to(python.parent.parent)
    modified, missing, stray = told(check(python))
    assert modified == {}
    assert missing == {f"{inside}/alpha/data.bin": "python alpha"}
    assert stray == (f"{inside}/alpha/extra.py", f"{inside}/evil.pth", f"{inside}/sourceless.pyc")


def test_files_of_conda(
    tmp_path: Path, check: Callable[..., InstalledFiles], keep: object, target_of: Callable[..., Target]
) -> None:
    prefix = tmp_path / "prefix"
    install(make_channel(tmp_path / "channel"), prefix, ["app", "tool 1.0 0"])
    python = prefix / "bin" / "python"
    for method in (STAT, CONTENT):
        assert told(check(python, method)) == WHOLE
    for name in ("lib/tool.bin", "bin/tool"):  # the prefix was put into both
        path = prefix / name
        data = bytearray(path.read_bytes())
        data[3] ^= 1
        path.write_bytes(data)
    (prefix / "share" / "table.csv").unlink()
    for method in (STAT, CONTENT):
        modified, missing, stray = told(check(python, method))
        assert modified == {"bin/tool": "conda tool", "lib/tool.bin": "conda tool"}
        assert missing == {"share/table.csv": "conda table"}
        assert stray == ()


def test_no_python_is_absent_and_a_broken_record_fails(python: Path, target_of: Callable[..., Target]) -> None:
    with pytest.raises(Absent):
        Installation(Target.none({}))
    meta = python.parent.parent / "conda-meta"
    meta.mkdir()
    (meta / "x-1-0.json").write_text('{"name": "x", "version": "1", "build": "0"}')
    with pytest.raises(CollectorError, match="does not tell its files"):
        Installation(target_of(python))


class TestJobs:
    """What a job's record says."""

    @pytest.fixture
    def installed(self, last: Callable[[], Attempt], store: LocalStore) -> Callable[[], InstalledFiles]:
        """Give a function that returns what the last job says of installed files."""

        def read() -> InstalledFiles:
            result = last().result
            assert result is not None
            assert result.observed is not None
            return InstalledFiles.from_bytes(store.get(result.observed["installed_files"].digest))

        return read

    def test_a_change_is_in_the_record_at_the_latest_when_it_is_looked_for(
        self,
        envcap: Run,
        python: Path,
        site_packages: Callable[[Path], Path],
        installed: Callable[[], InstalledFiles],
        last: Callable[[], Attempt],
    ) -> None:
        assert envcap("run", "--", python, "-c", "1").returncode == 0
        assert told(installed()) == WHOLE
        path = site_packages(python) / "alpha" / "__init__.py"
        path.write_text("a = 2\n")
        assert envcap("run", "--", python, "-c", "1").returncode == 0
        result = last().result
        assert result is not None
        assert result.outcomes is not None
        assert "as of 20" in str(result.outcomes["installed_files"].reason)  # on this node it was looked at just now
        for method in ("stat", "content"):
            assert envcap("run", "--check-files", method, "--", python, "-c", "1").returncode == 0
            assert list(installed().modified.values()) == ["python alpha"]
            assert installed().method == method
        shown = envcap("show", "@last").stdout
        assert "modified: lib/python" in shown

    def test_other_code_of_the_job_does_not_have_it_looked_at_again(
        self, envcap: Run, python: Path, last: Callable[[], Attempt], tmp_path: Path
    ) -> None:
        job = tmp_path / "code" / "job.py"
        job.parent.mkdir()
        reasons = []
        for text in ("1\n", "2\n"):
            job.write_text(text)
            assert envcap("run", "--", python, job).returncode == 0
            result = last().result
            assert result is not None
            assert result.outcomes is not None
            reasons.append(result.outcomes["installed_files"].reason)
        assert reasons[0] is None
        assert "as of 20" in str(reasons[1])

    def test_a_preloaded_library_stands_out(
        self, envcap: Run, tmp_path: Path, last: Callable[[], Attempt], store: LocalStore
    ) -> None:
        compiler = shutil.which("cc")
        assert compiler, "the Python headers' compiler"
        source = tmp_path / "preloaded.c"
        source.write_text("int preloaded(void) { return 1; }\n")
        library = tmp_path / "preloaded.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
        done = envcap("run", "--", sys.executable, "-c", "import ssl", env={"LD_PRELOAD": str(library)})
        assert done.returncode == 0, done.stderr
        result = last().result
        assert result is not None
        assert result.observed is not None
        found = LoadedLibraries.from_bytes(store.get(result.observed["loaded_libraries"].digest))
        owners = {os.path.basename(one.path): one.owner for one in found.libraries}
        assert owners["preloaded.so"] is None
        # What lies in the interpreter's prefixes is named from there, each of them, wherever these stand.
        places = tuple(f"{place}/" for place in {sys.prefix, sys.base_prefix} if place != "/usr")
        assert not [one.path for one in found.libraries if one.path.startswith(places)]
        assert "libc6" in str(owners["libc.so.6"])
        assert "no package brought" in envcap("show", "@last").stdout

    def test_a_change_while_the_job_runs_makes_it_unstable(
        self, envcap: Run, python: Path, site_packages: Callable[[Path], Path], last: Callable[[], Attempt]
    ) -> None:
        site = site_packages(python)
        swap = f"import os; os.rename('{site}/beta-1.0.dist-info', '{site}/beta-2.0.dist-info')"
        assert envcap("run", "--", python, "-c", "1").returncode == 0
        result = last().result
        assert result is not None
        assert result.unstable is None
        done = envcap("run", "--", python, "-c", swap)
        assert "python_dists changed while the job ran" in done.stderr
        result = last().result
        assert result is not None
        assert result.unstable == {"python_dists": "beta.version 1.0 → 2.0"}
        assert "(unstable)" in envcap("show", "@last").stdout

    def test_a_swapped_package_is_another_recipe_and_the_diff_names_it(
        self,
        envcap: Run,
        python: Path,
        wheel: Callable[..., Path],
        uv_install: Callable[..., None],
        last: Callable[[], Attempt],
    ) -> None:
        recipes = []
        for _ in range(2):
            assert envcap("run", "--", python, "-c", "1").returncode == 0
            recipes.append(last())
            uv_install(python, "--reinstall", wheel("beta", version="1.1"))
        assert recipes[0].manifest.recipe.digest != recipes[1].manifest.recipe.digest
        diff = envcap("diff", f"attempt:{recipes[0].manifest.attempt}", f"attempt:{recipes[1].manifest.attempt}")
        assert "beta" in diff.stdout
        assert "1.1" in diff.stdout
