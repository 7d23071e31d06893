# SPDX-License-Identifier: Apache-2.0
"""What a replay runs in: code as it was, an environment that is proved, and nothing of this user's shell."""

from __future__ import annotations

import shutil

import pytest

from tests.observatory import Observatory, snapshot

_ONE = "detector = 0 AND exposure = 2026031400001"


def test_a_plan_has_no_side_effects(own: Observatory) -> None:
    own.forget_environments()
    own.observe(where=_ONE)
    uuid, _ = own.dataset("catalog", "u/me/own")
    own.index().close()
    before = snapshot(own.world.root)
    done = own.run("replay", "plan", uuid)
    assert done.returncode == 0, done.stderr
    assert "to install, then proved by RECORD" in done.stdout
    assert snapshot(own.world.root) == before


@pytest.mark.slow
def test_uncommitted_code_comes_back(own: Observatory) -> None:
    """A dirty file, one that was added to the index, and one that git doesn't know."""
    package = own.world.stack / "starfield"
    (package / "untracked.py").write_text("OFFSET = 7.0\n", encoding="utf-8")
    own.world.edit(package / "measure.py", '"flux": apertures.fluxes(),', '"flux": apertures.fluxes() + OFFSET + STEP,')
    own.world.edit(
        package / "measure.py", "from .detect", "from .added import STEP\nfrom .untracked import OFFSET\nfrom .detect"
    )
    (package / "added.py").write_text("STEP = 11.0\n", encoding="utf-8")
    own.world.git("add", "starfield/added.py")
    own.observe(where=_ONE)
    own.world.git("reset", "--quiet", "--hard")
    (package / "untracked.py").unlink()
    uuid, _ = own.dataset("catalog", "u/me/own")
    done = own.rerun(uuid)
    assert done.returncode == 0, done.stderr
    assert "+ patch + 1 untracked files" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("identical")
    # The control: what is committed makes something else.
    assert own.rerun(uuid, "--code", "current").returncode == 1


def test_code_outside_git_was_kept(own: Observatory) -> None:
    shutil.rmtree(own.world.stack / ".git")
    own.observe(where=_ONE)
    uuid, _ = own.dataset("catalog", "u/me/own")
    shutil.rmtree(own.world.stack)
    done = own.rerun(uuid)
    assert done.returncode == 0, done.stderr
    assert "files, kept" in done.stdout
    gone = own.rerun(uuid, "--code", "current")
    assert gone.returncode == 3
    assert "is gone" in gone.stderr


@pytest.mark.slow
def test_a_cached_environment_that_was_changed_is_not_believed(own: Observatory) -> None:
    own.forget_environments()
    own.observe(where=_ONE)
    uuid, _ = own.dataset("catalog", "u/me/own")
    assert own.rerun(uuid).returncode == 0
    (module,) = (own.world.root / "cache" / "venv").glob("*/lib/python3*/site-packages/astropy/table/table.py")
    honest = module.read_text(encoding="utf-8")
    module.write_text(honest + "\nraise ImportError('changed')\n", encoding="utf-8")
    again = own.rerun(uuid)
    assert again.returncode == 0, again.stderr
    assert "rebuild the environment" in again.stdout + again.stderr
    assert module.read_text(encoding="utf-8") == honest
    stray = module.parents[2] / "sitecustomize.py"
    stray.write_text("raise SystemExit(9)\n", encoding="utf-8")
    assert own.rerun(uuid).returncode == 0
    assert not stray.exists()


@pytest.mark.slow
def test_another_build_of_a_distribution_is_named(own: Observatory) -> None:
    """A patched distribution is on no index, and no longer there: the plan must not call its namesake the same."""
    own.world.env.unlink()
    own.world.make_environment()
    record = next((own.world.env / "lib").glob("python3*/site-packages/networkx-*.dist-info/RECORD"))
    record.write_text(record.read_text().replace("networkx/__init__.py,sha256=", "networkx/__init__.py,sha256=patched"))
    own.observe(where=_ONE)
    record.write_text("")
    uuid, _ = own.dataset("catalog", "u/me/own")
    done = own.rerun(uuid)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("python_dists")]
    assert "substituted" in line
    assert "another build of networkx" in line
    assert own.rerun(uuid, "--require", "rebuilt").returncode == 3


def test_the_host_engine_names_what_differs(observatory: Observatory) -> None:
    uuid, _ = observatory.dataset("catalog")
    found = observatory.json("rerun-dataset", str(observatory.world.repo), uuid, "--engine", "host")
    layers = {layer["layer"]: layer for layer in found["layers"]}
    assert layers["python_dists"]["fidelity"] == "substituted"
    assert "+pytest" in layers["python_dists"]["detail"] or "more" in layers["python_dists"]["detail"]
    assert found["verdict"] == "identical"


def test_nothing_of_the_shell_reaches_the_payload(own: Observatory) -> None:
    own.edit_measure("import os", "self.metadata['leak'] = os.environ.get('LEAK', 'none')",
                     "self.metadata['home'] = os.path.expanduser('~')")  # fmt: skip
    own.observe(where=_ONE)
    uuid, _ = own.dataset("catalog", "u/me/own")
    variables = {**own.world.variables(job=False), "LEAK": "leaked", "PYTHONPATH": "/nowhere", "PYTHONHASHSEED": "5"}
    done = own.world.run(["rerun-dataset", str(own.world.repo), uuid], variables=variables, check=False)
    assert done.returncode == 0, done.stderr
    (metadata,) = (own.world.root / "cache" / "replays").rglob("measure_metadata_*.json")
    text = metadata.read_text(encoding="utf-8")
    assert "leaked" not in text
    assert str(own.world.root / "cache" / "replays") in text  # its HOME is the replay's own
