# SPDX-License-Identifier: Apache-2.0
"""Images with more than wheels in them: a conda prefix, packages of the operating system, the job's surroundings."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conda_channel import install, make_channel
from tests.containers.conftest import Harbour
from tests.eups_stack import FLAVOR, EupsStack
from tests.services.packages import install_packages, need

CONDA_JOB = """
import os, sys, app, six
app.main()
with open("out.txt", "w") as stream:
    print(six.__version__, os.getcwd(), os.popen(f"{sys.prefix}/bin/tool").read().split()[1:], file=stream)
with open("mode.txt", "w") as stream:
    print(oct(os.stat("out.txt").st_mode), file=stream)
"""
EUPS_JOB = """
import os, subprocess
with open("out.txt", "w") as stream:
    for name in ("base-tool", "afw-tool"):
        stream.write(subprocess.run([name], capture_output=True, text=True, check=True).stdout)
    stream.writelines(f"{name}={os.environ[name]}\\n" for name in ("SETUP_AFW", "BASE_DIR", "EUPS_PATH"))
"""
YAML_JOB = """
import ctypes
library = ctypes.CDLL("libyaml-0.so.2")
library.yaml_get_version_string.restype = ctypes.c_char_p
open("out.txt", "wb").write(library.yaml_get_version_string())
"""


def _job(harbour: Harbour, folder: Path, script: str, python: str, *outputs: str, before: str = "") -> str:
    """Run a script as a job, with a file mode mask that is not the usual one, and return its attempt."""
    folder.mkdir()
    (folder / "job.py").write_text(script)
    options = " ".join(f"--output {name}" for name in outputs)
    command = f"cd {folder} && umask 0027 && {before} envcap run {options} -- {python} job.py"
    harbour.observatory.world.run(["sh", "-c", command])
    return f"attempt:{harbour.json('envcap', 'show', '@last')['manifest']['attempt']}"


def _rerun(harbour: Harbour, attempt: str, *options: str) -> dict[str, object]:
    command = ("replay", "run", attempt, "--engine", "docker", "--base", harbour.engine.base, *options)
    found: dict[str, object] = harbour.json(*command)
    return found


@pytest.fixture
def conda_job(own_harbour: Harbour, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The attempt of a job in a conda prefix into which pip has installed something, too."""
    channel = make_channel(tmp_path / "channel")
    prefix = tmp_path / "prefix"
    install(channel, prefix, ["app", "tool 1.0 0"])
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "pip", "install", "-q", "--python", prefix / "bin/python", "six==1.16.0"], check=True)
    folder = tmp_path_factory.mktemp("night") / "work"
    attempt = _job(own_harbour, folder, CONDA_JOB, f"{prefix}/bin/python", "out.txt", "mode.txt")
    # From here on, its world is gone.
    shutil.rmtree(prefix)
    return attempt


@pytest.mark.slow
def test_a_conda_prefix(own_harbour: Harbour, conda_job: str, tmp_path: Path, away: Path) -> None:
    planned = own_harbour.json("replay", "plan", conda_job, "--engine", "docker", "--base", own_harbour.engine.base)
    (layer,) = (one for one in planned["layers"] if one["layer"] == "conda")
    assert layer["detail"] == "4 packages by hash, 4 of them to be fetched, without a solve"
    found = _rerun(own_harbour, conda_job)
    assert found["verdict"] == "identical"
    layers = own_harbour.layers(found)
    assert (layers["conda"], layers["python_dists"], layers["interpreter"]) == ("exact", "exact", "rebuilt")
    bundle = away / "conda.bundle"
    own_harbour.json("replay", "bundle", conda_job, "-o", str(bundle))
    # Without the channel, and without what was kept, the packages are nowhere; then they come out of the bundle.
    shutil.rmtree(tmp_path / "channel")
    shutil.rmtree(own_harbour.observatory.world.root / "cache" / "conda")
    done = own_harbour.run("replay", "run", conda_job, "--engine", "venv")
    assert done.returncode == 3
    assert "conda is impossible" in done.stderr
    assert own_harbour.run("replay", "unbundle", str(bundle)).returncode == 0
    found = own_harbour.json("replay", "run", conda_job, "--engine", "venv", "--offline", status=1)
    assert own_harbour.layers(found)["conda"] == "exact"
    # Without a container, the working directory is another one: that alone differs.
    verdicts = {one["dataset_type"]: one["verdict"] for one in found["outputs"]}
    assert verdicts["mode.txt"] == "identical"


@pytest.mark.slow
def test_the_image_of_a_conda_prefix_is_the_same_each_time(own_harbour: Harbour, conda_job: str) -> None:
    found = _rerun(own_harbour, conda_job)
    (layer,) = (one for one in found["layers"] if one["layer"] == "image")  # type: ignore[attr-defined]
    name = layer["detail"].rpartition(" ")[2]
    first = own_harbour.engine.image_id(name)
    own_harbour.engine.docker("rmi", "--force", name)
    own_harbour.engine.docker("builder", "prune", "--all", "--force")
    assert _rerun(own_harbour, conda_job)["verdict"] == "identical"
    assert own_harbour.engine.image_id(name) == first


@pytest.mark.slow
def test_a_library_of_the_system_that_the_base_lacks(
    own_harbour: Harbour, tmp_path_factory: pytest.TempPathFactory
) -> None:
    need("dpkg")
    # Its package is fetched from the archive, whose list must be there.
    assert install_packages("libyaml-0-2") is None
    attempt = _job(own_harbour, tmp_path_factory.mktemp("yaml") / "work", YAML_JOB, "python", "out.txt")
    text = own_harbour.run("replay", "dockerfile", attempt, "--base", own_harbour.engine.base).stdout
    assert "dpkg --install" in text
    assert "libyaml-0-2 " in text
    found = _rerun(own_harbour, attempt)
    assert found["verdict"] == "identical"
    assert own_harbour.layers(found)["os_packages"] in ("rebuilt", "substituted")
    (layer,) = (one for one in found["layers"] if one["layer"] == "os_packages")  # type: ignore[attr-defined]
    assert "libyaml" not in layer["detail"]
    # The control: its package is gone from everywhere, so there is nothing to install it from.
    shutil.rmtree(own_harbour.observatory.world.root / "cache" / "debs")
    (image,) = (one for one in found["layers"] if one["layer"] == "image")  # type: ignore[attr-defined]
    own_harbour.engine.docker("rmi", "--force", image["detail"].rpartition(" ")[2])
    done = own_harbour.run(
        "replay", "run", attempt, "--engine", "docker", "--base", own_harbour.engine.base, "--offline", "--json"
    )
    assert done.returncode == 3
    assert "libyaml-0-2" in done.stderr + json.dumps(done.stdout)


@pytest.mark.slow
def test_products_of_eups(own_harbour: Harbour, tmp_path_factory: pytest.TempPathFactory) -> None:
    stack = EupsStack(tmp_path_factory.mktemp("eups") / "stack")
    for name, version in (("base", "1.0"), ("afw", "2.1+3")):
        stack.declare(name, version, "current")
        stack.setup(name, version)
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in stack.environ.items() if name != "PATH")
    folders = stack.environ["PATH"].removesuffix(":/usr/bin:/bin")
    command = f"env {exports} PATH={shlex.quote(folders)}:$PATH"
    folder = tmp_path_factory.mktemp("products") / "work"
    attempt = _job(own_harbour, folder, EUPS_JOB, "python", "out.txt", before=command)
    found = _rerun(own_harbour, attempt)
    assert found["verdict"] == "identical", found
    assert own_harbour.layers(found)["eups"] == "rebuilt"
    assert "afw 2.1+3" in (folder / "out.txt").read_text()
    text = own_harbour.run("replay", "dockerfile", attempt, "--base", own_harbour.engine.base).stdout
    assert 'SETUP_AFW="afw 2.1+3 -f ' in text
    # A table file that was edited since: the layer names the product, and --require refuses.
    with (stack.root / FLAVOR / "afw/2.1+3/ups/afw.table").open("a") as stream:
        stream.write("# changed\n")
    assert own_harbour.layers(_rerun(own_harbour, attempt))["eups"] == "substituted"
    shutil.rmtree(stack.root)
    options = ("--engine", "docker", "--base", own_harbour.engine.base)
    done = own_harbour.run("replay", "run", attempt, *options)
    assert done.returncode == 3
    assert "eups is impossible" in done.stderr
