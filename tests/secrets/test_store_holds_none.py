# SPDX-License-Identifier: Apache-2.0
"""Secrets never enter the store: all canaries stand in every place that capture reads, and no byte of them is kept.

Each test first shows that the search finds every canary in what was planted, and after it that what held them was
captured: a store in which there is nothing holds no secrets either.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from envcap.collectors.base import Collected, Collector, Keep
from envcap.collectors.source import SourceCollector
from envcap.environment import capture_environment
from envcap.errors import CollectorError
from envcap.hooks.attempt import AttemptWriter
from envcap.model.components import Command
from envcap.model.manifest import Job
from envcap.store.journal import Journal
from envcap.target import Target
from tests.secrets.canaries import BY_NAME, CANARIES
from tests.secrets.conftest import Laboratory
from tests.secrets.planting import (
    NAMEABLE,
    bare,
    conda_packages,
    config_files,
    distributions,
    everything,
    loose_files,
    repositories,
)

_FAMILIES = ("OMP_", "LC_", "MKL_", "KMP_", "OPENBLAS_", "NUMBA_", "TORCH_")
_ECHO = ("/bin/sh", "-c", 'printf "%s\\n" "$@"; printf "%s\\n" "$@" >&2; exit 3', "sh")


def test_variables(laboratory: Laboratory) -> None:
    listed = {f"{_FAMILIES[number % 7]}NOTE_{number}": canary.text for number, canary in enumerate(CANARIES)}
    others = {f"SKY_NOTE_{number}": canary.text for number, canary in enumerate(CANARIES)}
    named = {f"MKL_{number}_PASSWORD": canary.secret for number, canary in enumerate(bare())}
    for values in (listed, others):
        assert laboratory.finder.names("\n".join(values.values())) == BY_NAME.keys()
    names = {canary.text: "1" for canary in CANARIES if canary.text.isidentifier()}
    laboratory.run("--", *_ECHO, env=listed | others | named | names | {"XLA_FLAGS": everything()})
    assert laboratory.variables().keys() >= {*listed, "XLA_FLAGS"}
    laboratory.must_hold_no_secret()


def test_variables_that_were_asked_for(laboratory: Laboratory) -> None:
    asked = {f"SKY_NOTE_{number}": canary.text for number, canary in enumerate(CANARIES)}
    asked |= {f"SITE_{number}_PASSWORD": canary.secret for number, canary in enumerate(bare())}
    laboratory.run(*(f"--env={name}" for name in asked), "--", *_ECHO, env=asked)
    assert laboratory.variables().keys() >= asked.keys()
    laboratory.must_hold_no_secret()


def test_variables_that_hold_places(laboratory: Laboratory) -> None:
    paths = ":".join(f"/opt/{text}/lib" for text in NAMEABLE.values())
    whole = {name: everything() for name in ("CONDA_PREFIX", "EUPS_PATH", "DAF_BUTLER_REPOSITORY_INDEX")}
    parts = dict.fromkeys(("PATH", "LD_LIBRARY_PATH", "PYTHONPATH"), f"/usr/bin:/bin:{paths}")
    laboratory.run("--", *_ECHO, env={**whole, **parts})
    places = laboratory.document("site")["places"]
    assert places["process_env"]["variables"].keys() >= {*whole, *parts}
    laboratory.must_hold_no_secret()


def test_the_command_line_and_files(laboratory: Laboratory) -> None:
    configs = config_files(laboratory.root / "configs")
    names = list(NAMEABLE.values())
    folder = laboratory.work
    for name in names[::30]:
        folder = folder / name
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    declared = [f"--config={path}" for path in configs]
    declared += [f"--{kind}={name}" for kind in ("config", "input", "output") for name in names]
    declared += [f"--output=never {name}" for name in names]
    words = [word for canary in CANARIES for word in (canary.text, f"--note={canary.text}")]
    words += [word for canary in bare() for word in ("--password", canary.secret, f"--api-token={canary.secret}")]
    assert laboratory.finder.names("\n".join(words)) == BY_NAME.keys()
    assert all(laboratory.finder.names(path.read_text()) == BY_NAME.keys() for path in configs)
    laboratory.run("--job-id", everything(), *declared, "--", *_ECHO, *words, cwd=folder)
    attempt = laboratory.attempt()
    assert not attempt.degraded
    assert len(attempt.manifest.job.argv) == len(_ECHO) + len(words)
    assert attempt.result is not None
    assert len(attempt.result.outputs) == len(attempt.result.missing or ()) == len(attempt.result.inputs) == len(names)
    laboratory.must_hold_no_secret()


@pytest.mark.slow
def test_code_and_installed_packages(laboratory: Laboratory) -> None:
    prefix = laboratory.root / "prefix"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    (site_packages,) = (prefix / "lib").glob("python*/site-packages")
    distributions(site_packages)
    conda_packages(prefix)
    roots = [*repositories(laboratory.root / "code"), laboratory.root / "loose"]
    loose_files(roots[-1], ".py", ".yaml", ".sh")
    (site_packages / "sky.pth").write_text("".join(f"{root}\n" for root in roots))
    script = laboratory.work / "job" / "reduce.py"
    loose_files(script.parent, ".py")
    script.write_text(f"import sys\nsys.excepthook = lambda *_: exit(3)\nraise RuntimeError({everything()!r})\n")
    for planted in (site_packages, prefix / "conda-meta", laboratory.root / "code", roots[-1], script.parent):
        assert {line.partition(" in ")[0] for line in laboratory.finder.in_files(planted)} == BY_NAME.keys()
    laboratory.run("--", prefix / "bin" / "python", script)
    attempt = laboratory.attempt()
    assert not attempt.degraded, attempt.manifest.outcomes
    assert len(laboratory.document("source")["roots"]) == len(roots) + 1
    assert len(laboratory.document("python_dists")["distributions"]) == len(CANARIES)
    assert len(laboratory.document("conda")["packages"]) == 3 * len(CANARIES)
    laboratory.must_hold_no_secret()


class _Failing(Collector):
    """Fails with a canary in its message."""

    def __init__(self) -> None:
        pass

    def collect(self, target: Target, keep: Keep) -> Collected:
        text = next(canary.text for canary in CANARIES if canary.name == self.kind)
        raise CollectorError(text) if len(text) % 2 else RuntimeError(text)


def test_reasons_for_failures(laboratory: Laboratory) -> None:
    collectors = [type(f"Failing{name}", (_Failing,), {"kind": name}) for name in BY_NAME]
    target = Target.none({})
    laboratory.store.create()
    environment = capture_environment(target, laboratory.store, collectors)
    assert {outcome.status for outcome in environment.outcomes.values()} == {"failed"}
    work = Command(argv=["true"], config={}, inputs={})
    job = Job(kind="command", name="true", activator="test", argv=["true"])
    writer = AttemptWriter(Journal(laboratory.store.root), environment, work, job)
    writer.begin()
    writer.end(status="failed", error=everything(), degraded={name: BY_NAME[name].text for name in BY_NAME})
    assert len(laboratory.attempt().manifest.outcomes) == len(CANARIES)
    laboratory.must_hold_no_secret()


def test_what_git_complains_about(laboratory: Laboratory) -> None:
    top = repositories(laboratory.root / "code")[0]
    target = Target.none({})
    target.path = [str(top)]
    laboratory.store.create()
    journal = Journal(laboratory.store.root)
    work = Command(argv=["true"], config={}, inputs={})
    job = Job(kind="command", name="true", activator="test", argv=["true"])
    said = []
    for canary in (canary for canary in CANARIES if "\n" not in canary.text):
        (top / ".git" / "config").write_text(
            f"[core]\n\trepositoryformatversion = {json.dumps(canary.text, ensure_ascii=False)}\n"
        )
        environment = capture_environment(target, laboratory.store, [SourceCollector])
        AttemptWriter(journal, environment, work, job).begin()
        said.append(environment.outcomes["source"])
    assert {outcome.status for outcome in said} == {"failed"}
    laboratory.must_hold_no_secret()


def test_an_interpreter_that_does_not_answer(laboratory: Laboratory) -> None:
    folder = laboratory.root
    for name in list(NAMEABLE.values())[::30]:
        folder = folder / name
    folder.mkdir(parents=True)
    python = folder / "python3"
    python.write_text(f"#!/bin/sh\ncat <<'END' >&2\n{everything()}\nEND\nexit 3\n")
    python.chmod(0o755)
    laboratory.run("--", python, "-c", "pass")
    assert laboratory.attempt().manifest.outcomes["interpreter"].status == "failed"
    laboratory.must_hold_no_secret()
