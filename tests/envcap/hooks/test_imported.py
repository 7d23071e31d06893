# SPDX-License-Identifier: Apache-2.0
"""What a process imported: the packages that brought it, and the job's own code; nothing of Python's, nor of ours."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from envcap.environment import Environment
from envcap.hooks.children import observed_in_children
from envcap.hooks.imported import Imports
from envcap.hooks.loaded import KINDS
from envcap.hooks.mapped import mapped_files
from envcap.model.components import ImportedModules
from envcap.store.local import LocalStore
from envcap.target import Target
from tests.observatory import Observatory

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PRINT = "import json; from envcap.hooks.imported import imported_modules; print(json.dumps(imported_modules()))\n"


def write(path: Path, text: str = "") -> Path:
    """Write a file where there may be no directory yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Give a function that runs Python and returns what it said it had imported: files from here, by name."""

    def run(*words: str, **variables: str) -> dict[str, str]:
        environ = {"PATH": os.defpath, **variables}
        done = subprocess.run([sys.executable, *words], cwd=tmp_path, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found = {name: os.path.relpath(path, tmp_path) for name, path in json.loads(done.stdout)}
        return {name: path for name, path in found.items() if not path.startswith("..")}

    return run


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Give a directory of installed packages: one whole, one in two namespaces of each sort, one alone and empty."""
    found = tmp_path / "lib" / "site-packages"
    write(found / "whole" / "__init__.py", "from . import part\nvalue = 1\n")
    write(found / "whole" / "part" / "__init__.py")
    write(found / "whole" / "part" / "deep.py")
    write(found / "single.py")
    write(found / "new" / "style" / "__init__.py", "value = 1\n")
    write(found / "empty" / "__init__.py")
    extended = "import pkgutil\n\n__path__ = pkgutil.extend_path(__path__, __name__)\n"
    plain = '__path__ = __import__("pkgutil").extend_path(__path__, __name__)\n'
    named = "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n"
    for folder, text in (("old", extended), ("old/daf", plain), ("old/pex", named)):
        write(found / folder / "__init__.py", text)
    write(found / "old" / "daf" / "butler" / "__init__.py", "from . import registry\nvalue = 1\n")
    write(found / "old" / "daf" / "butler" / "registry.py", "value = 1\n")
    write(found / "old" / "pex" / "config.py", "value = 1\n")
    return found


class TestInstalled:
    """Modules in site-packages."""

    def test_the_topmost_stands_for_all_below(self, imported: Callable[..., dict[str, str]], site: Path) -> None:
        found = imported("-c", "import whole.part.deep, single; " + PRINT, PYTHONPATH=str(site))
        at = "lib/site-packages"
        assert found == {"single": f"{at}/single.py", "whole": f"{at}/whole/__init__.py"}

    def test_below_a_namespace_each_stands_for_itself(
        self, imported: Callable[..., dict[str, str]], site: Path
    ) -> None:
        found = imported("-c", "import new.style, old.daf.butler, old.pex.config; " + PRINT, PYTHONPATH=str(site))
        assert list(found) == ["new.style", "old.daf.butler", "old.pex.config"]

    def test_an_empty_package_with_nothing_below_is_told(
        self, imported: Callable[..., dict[str, str]], site: Path
    ) -> None:
        assert list(imported("-c", "import empty; " + PRINT, PYTHONPATH=str(site))) == ["empty"]

    def test_a_lazy_module_is_left_asleep(self, imported: Callable[..., dict[str, str]], site: Path) -> None:
        # `__path__` and `__file__` of a module without them would be asked of this.
        write(site / "lazy.py", "def __getattr__(name):\n    raise SystemExit(3)\n")
        hide = "import sys, lazy; del lazy.__file__; "
        assert imported("-c", hide + PRINT, PYTHONPATH=str(site)) == {}

    def test_what_is_no_module_is_passed_over(self, imported: Callable[..., dict[str, str]], site: Path) -> None:
        odd = "import sys, single; sys.modules['none'] = None; sys.modules['odd'] = object(); "
        assert list(imported("-c", odd + PRINT, PYTHONPATH=str(site))) == ["single"]


class TestCode:
    """Modules of no package."""

    def test_code_on_the_path_is_told_module_by_module(
        self, imported: Callable[..., dict[str, str]], tmp_path: Path
    ) -> None:
        write(tmp_path / "stack" / "tasks" / "__init__.py", "from . import warp\n")
        write(tmp_path / "stack" / "tasks" / "warp.py")
        write(tmp_path / "stack" / "tasks" / "unused.py")
        found = imported("-c", "import tasks; " + PRINT, PYTHONPATH=str(tmp_path / "stack"))
        assert found == {"tasks": "stack/tasks/__init__.py", "tasks.warp": "stack/tasks/warp.py"}

    def test_code_within_an_installed_package_is_told(
        self, imported: Callable[..., dict[str, str]], site: Path, tmp_path: Path
    ) -> None:
        write(tmp_path / "own" / "added.py")
        code = f"import whole; whole.__path__.append({str(tmp_path / 'own')!r}); import whole.added, whole.part.deep; "
        found = imported("-c", code + PRINT, PYTHONPATH=str(site))
        assert found == {"whole": "lib/site-packages/whole/__init__.py", "whole.added": "own/added.py"}

    def test_a_script_goes_by_the_name_of_its_file(
        self, imported: Callable[..., dict[str, str]], tmp_path: Path
    ) -> None:
        write(tmp_path / "scripts" / "job.py", "import helper\n" + PRINT)
        write(tmp_path / "scripts" / "helper.py")
        assert imported("scripts/job.py") == {"helper": "scripts/helper.py", "job": "scripts/job.py"}

    def test_a_script_is_told_when_it_has_ended(self, imported: Callable[..., dict[str, str]], tmp_path: Path) -> None:
        # By then Python has taken its `__file__` away.
        write(tmp_path / "job.py", f"import atexit\natexit.register(lambda: exec({PRINT!r}, {{}}))\n")
        assert imported("job.py") == {"job": "job.py"}

    def test_a_script_that_imports_multiprocessing_is_told_once(
        self, imported: Callable[..., dict[str, str]], tmp_path: Path
    ) -> None:
        write(tmp_path / "job.py", "import multiprocessing.process, sys\n"
              "sys.modules['__mp_main__'] = sys.modules['__main__']\n" + PRINT)  # fmt: skip
        assert imported("job.py") == {"job": "job.py"}

    def test_a_module_that_is_run_goes_by_its_own_name(
        self, imported: Callable[..., dict[str, str]], tmp_path: Path
    ) -> None:
        write(tmp_path / "pkg" / "__init__.py")
        write(tmp_path / "pkg" / "__main__.py", PRINT)
        write(tmp_path / "pkg" / "tool.py", PRINT)
        assert list(imported("-m", "pkg")) == ["pkg", "pkg.__main__"]
        assert list(imported("-m", "pkg.tool")) == ["pkg", "pkg.tool"]

    def test_a_module_with_a_name_of_pythons_is_code(
        self, imported: Callable[..., dict[str, str]], tmp_path: Path
    ) -> None:
        write(tmp_path / "statistics.py", "value = 1\n")
        assert imported("-c", "import statistics; " + PRINT) == {"statistics": "statistics.py"}


STEPS = [
    "import single",
    "import whole.part.deep",
    "import new.style",
    "import old",
    "import old.pex.config",
    "import old.daf.butler",
    "import empty",
    "import tasks.warp",
    "import job",
    "import plain",
    "import plain.part",
    "sys.modules.pop('single', None)",
    "sys.modules.pop('tasks', None)",
    "import new; new.value = 1",
    "sys.modules['late.deep'] = made('late.deep', 'late/deep.py')",
    "sys.modules['late'] = made('late', 'late/__init__.py', __path__=['late'], value=1)",
    "sys.modules['alone'] = made('alone', 'alone/__init__.py', __path__=['alone'])",
    "sys.modules['alone.below'] = made('alone.below', 'alone/below.py')",
    "if 'alone' in sys.modules: sys.modules['alone'].value = 1",
]
ASKED_AGAIN = """
import os, sys, types
from envcap.hooks.imported import Imports, imported_modules

def made(name, path, **members):
    module = types.ModuleType(name)
    module.__dict__.update(members, __file__=os.path.join(os.environ["PYTHONPATH"].partition(":")[0], path))
    return module

imports = Imports()
for step in sys.argv[1:]:
    exec(step)
    assert imports.now() == imported_modules() == imports.now(), step
print(len(imports.now()))
"""


class TestAskedAgain:
    """Asked after each import, it tells what one tells that is asked only then."""

    @pytest.mark.parametrize("seed", range(12))
    def test_it_is_as_if_all_were_looked_at(self, site: Path, tmp_path: Path, seed: int) -> None:
        code = tmp_path / "code"
        write(code / "tasks" / "__init__.py", "from . import warp\n")
        write(code / "tasks" / "warp.py")
        write(code / "job.py")
        write(code / "plain" / "__init__.py")
        write(code / "plain" / "part.py")
        steps = list(STEPS)
        random.Random(seed).shuffle(steps)
        environ = {"PATH": os.defpath, "PYTHONPATH": f"{site}:{code}"}
        done = subprocess.run([sys.executable, "-c", ASKED_AGAIN, *steps], env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) >= 5

    def test_what_was_seen_is_not_looked_at_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        imports = Imports()
        before = imports.now()
        looked: list[str] = []
        monkeypatch.setattr(Imports, "_counts", lambda self, name, path: looked.append(name))
        module = ModuleType("just_now")
        module.__file__ = "/nowhere/just_now.py"
        monkeypatch.setitem(sys.modules, "just_now", module)
        assert imports.now() == before
        assert looked == ["just_now"]


class TestNothing:
    """What no job is told of."""

    def test_pythons_own_modules_are_left_out(self) -> None:
        words = "import statistics, ssl, ctypes, sysconfig; sysconfig.get_config_vars(); " + PRINT
        done = subprocess.run([sys.executable, "-I", "-c", words], capture_output=True, text=True, check=True)
        assert [name for name, path in json.loads(done.stdout) if "site-packages" not in path] == []

    def test_a_program_of_pythons_is_left_out(self, tmp_path: Path) -> None:
        # The calendar is the program; what it imported is asked as it ends.
        hook = write(tmp_path / "sitecustomize.py", f"import atexit\natexit.register(lambda: exec({PRINT!r}))\n")
        environ = {"PATH": os.defpath, "PYTHONPATH": str(hook.parent)}
        done = subprocess.run(
            [sys.executable, "-m", "calendar", "2026", "1"], env=environ, capture_output=True, text=True
        )
        found = dict(json.loads(done.stdout.splitlines()[-1]))
        assert "sitecustomize" in found
        assert "calendar" not in found

    def test_envcap_is_left_out_and_what_is_only_called_alike_is_not(
        self, imported: Callable[..., dict[str, str]], tmp_path: Path
    ) -> None:
        write(tmp_path / "envcapital.py")
        assert list(imported("-c", "import envcapital; " + PRINT)) == ["envcapital"]
        done = subprocess.run([sys.executable, "-c", PRINT], capture_output=True, text=True, check=True)
        assert not [name for name, _ in json.loads(done.stdout) if name.partition(".")[0] == "envcap"]


Read = Callable[[], tuple[dict[str, Any], "ImportedModules | None"]]


class TestOfAJob:
    """The component of jobs that `envcap run` ran."""

    def test_owners_and_code_are_told_apart(self, envcap: Run, work: Path, outcome: Read) -> None:
        write(work / "job.py", "import numpy, helper\n")
        write(work / "helper.py")
        assert envcap("run", "--", sys.executable, "job.py").returncode == 0
        told, found = outcome()
        assert told == {"status": "captured"}
        assert found is not None
        assert "python numpy" in found.owners
        assert list(found.code) == ["helper", "job"]

    def test_a_package_that_is_only_installed_is_no_owner(self, envcap: Run, outcome: Read) -> None:
        assert envcap("run", "--", sys.executable, "-c", "import json").returncode == 0
        _, found = outcome()
        assert found is not None
        assert "python numpy" not in found.owners
        assert list(found.code) == []

    def test_of_a_shared_namespace_those_that_were_used_are_owners(self, envcap: Run, outcome: Read) -> None:
        assert envcap("run", "--", sys.executable, "-c", "import lsst.sphgeom").returncode == 0
        _, found = outcome()
        assert found is not None
        assert [owner for owner in found.owners if "lsst" in owner] == ["python lsst-sphgeom"]

    def test_two_equal_runs_have_one_digest_and_another_import_another(
        self, envcap: Run, work: Path, store: LocalStore
    ) -> None:
        write(work / "job.py", "import sys, yaml\nif sys.argv[1:]: import helper\n")
        write(work / "helper.py")
        digests = []
        for more in ((), (), ("more",)):
            assert envcap("run", "--", sys.executable, "job.py", *more).returncode == 0
            result = json.loads(envcap("show", "@last", "--json").stdout)["result"]
            digests.append(result["observed"]["imported_modules"]["digest"])
        assert digests[0] == digests[1] != digests[2]

    def test_a_job_without_python_says_absent(self, envcap: Run, outcome: Read) -> None:
        assert envcap("run", "--", "true").returncode == 0
        told, found = outcome()
        assert told["status"] == "absent"
        assert "ran no Python" in told["reason"]
        assert found is None

    def test_people_see_it(self, envcap: Run, work: Path) -> None:
        write(work / "job.py", "import yaml\n")
        envcap("run", "--", sys.executable, "job.py")
        shown = envcap("show", "@last").stdout
        assert "imported_modules" in shown
        assert "modules of no package: 1" in " ".join(shown.split())

    def test_a_difference_names_what_one_imported(self, envcap: Run, work: Path) -> None:
        write(work / "job.py", "import sys\nif sys.argv[1:]: import yaml\n")
        attempts = []
        for more in ((), ("more",)):
            envcap("run", "--", sys.executable, "job.py", *more)
            attempts.append(json.loads(envcap("show", "@last", "--json").stdout)["manifest"]["attempt"])
        layers = json.loads(envcap("diff", *attempts, "--json").stdout)["layers"]
        (layer,) = [one for one in layers if one["layer"] == "imported_modules"]
        assert "python pyyaml" in json.dumps(layer["changes"])


def test_lines_that_are_damaged_do_no_harm(store: LocalStore, target_of: Callable[..., Target]) -> None:
    said = ["began 1", "ended 1", "module", "module ", "module name", "module a /nowhere/a.py", "base /nowhere"]
    said += [f"library {path}" for path in mapped_files()]
    found = observed_in_children(store, said, Environment(target_of()))
    assert set(found.outcomes) == set(KINDS)
    assert ImportedModules.from_bytes(store.get(found.components["imported_modules"].digest)).owners == ()


def test_a_quantum_tells_its_packages_and_its_own_code(observatory: Observatory) -> None:
    found = {}
    for name in ("calibrate", "coadd"):
        attempt = observatory.attempt(name)
        assert attempt.result is not None
        assert attempt.result.outcomes["imported_modules"].status == "captured"
        found[name] = ImportedModules.from_bytes(attempt.store.get(attempt.result.observed["imported_modules"].digest))
    assert {"python lsst-pipe-base", "python lsst-daf-butler", "python lsst-pex-config", "python astropy",
            "python numpy"} <= set(found["coadd"].owners)  # fmt: skip
    assert {"starfield.coadd", "starfield.warp"} <= set(found["coadd"].code)
    assert not [name for name in found["coadd"].code if name.partition(".")[0] != "starfield"]
    assert "python pip" not in found["coadd"].owners
