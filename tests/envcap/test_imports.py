# SPDX-License-Identifier: Apache-2.0
"""What a job's path imports: the standard library alone, and of it nothing that costs milliseconds."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

import envcap

# pathlib 8 ms, dataclasses 12 ms (by way of inspect), uuid 7 ms, typing, importlib.metadata (by way of email, zipfile),
# argparse 6 ms (by way of gettext, shutil), OpenSSL 5 ms, sysconfig 2 ms.
HEAVY = {
    "pathlib", "dataclasses", "inspect", "uuid", "typing", "importlib.metadata", "email", "zipfile", "csv", "sqlite3",
    "ast", "logging", "asyncio", "tempfile", "random", "datetime", "decimal", "socket", "platform", "unittest",
    "argparse", "gettext", "_hashlib", "sysconfig",
    "rich", "numpy", "lsst", "yaml", "astropy", "pyarrow", "click", "pydantic",
}  # fmt: skip

IMPORTING = "import envcap.cli.run, envcap.hooks.command"
RUNNING = """

import os
from envcap.cli.main import main
sys.argv = ["envcap", "run", "--store", sys.argv[1], "--", sys.executable, "-c", ""]
os._exit = sys.exit
try:
    main()
except SystemExit as err:
    assert err.code == 0, err
"""
HOOKING = "import envcap.hooks.startup"


Modules = Callable[..., set[str]]


@pytest.fixture
def modules(tmp_path: Path) -> Modules:
    """Give a function that returns the modules that a Python without site-packages has loaded after some code.

    It imports a copy of the package: what changes beside the original, while other tests run, has jobs look anew at
    what is installed.
    """
    source, work = tmp_path / "source", tmp_path / "work"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(envcap.__file__).parent, source / "envcap", ignore=ignored)
    work.mkdir()
    environ = {"PYTHONPATH": str(source), "PATH": "/usr/bin:/bin", "ENVCAP_CACHE": str(tmp_path / "cache")}

    def run(code: str, *flags: str) -> set[str]:
        return _modules(code, flags, tmp_path / "store", work, environ)

    return run


def _modules(code: str, flags: Sequence[str], store: Path, cwd: Path, environ: Mapping[str, str]) -> set[str]:
    code = f"import sys\n{code}\nimport json\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-S", *flags, "-c", code, str(store)],
        env=environ,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("code", [IMPORTING, RUNNING, HOOKING], ids=["import", "run", "hook"])
def test_nothing_heavy_is_loaded(code: str, modules: Modules) -> None:
    modules(code)  # the first job on a node hashes libraries that have no build id, which are large
    loaded = modules(code)
    assert loaded & HEAVY == set()
    top = {name.partition(".")[0] for name in loaded}
    assert top - sys.stdlib_module_names - {"__main__"} == {"envcap"}


def test_the_check_sees_what_is_loaded(modules: Modules) -> None:
    assert {"pathlib", "dataclasses"} <= modules("import pathlib, dataclasses") & HEAVY


def test_importing_the_package_is_free(modules: Modules) -> None:
    before, after = modules(""), modules("import envcap")
    assert after - before <= {"envcap", "__future__"}


def test_the_hook_of_a_pipetask_makes_no_documents(modules: Modules) -> None:
    """That is done by `envcap run`, beside the payload, which waits for neither."""
    loaded = modules("import envcap.hooks.pipetask, envcap.hooks.following")
    parts = {name.split(".")[1] for name in loaded if name.startswith("envcap.")}
    assert parts == {"collectors", "errors", "hooks", "ids"}
    assert not loaded & HEAVY


def test_the_hook_of_every_interpreter_is_light(modules: Modules) -> None:
    before, after = modules("import os"), modules(HOOKING)
    assert after - before <= {
        "envcap", "envcap.hooks", "envcap.hooks.startup", "envcap.hooks.importing", "envcap.hooks.telling",
        "envcap.hooks.variables", "atexit", "__future__",
    }  # fmt: skip
