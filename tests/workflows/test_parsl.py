# SPDX-License-Identifier: Apache-2.0
"""Apps of Parsl in real workers on loopback: a command through `envcap run`, a function in `envcap.capture`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from envcap.store.index import Attempt, Index
from envcap.store.local import LocalStore

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
NIGHTS = (12, 13, 14)
FLOW = f"""
import sys
import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

@parsl.bash_app
def command(night, wrapper, stdout=parsl.AUTO_LOGNAME, stderr=parsl.AUTO_LOGNAME):
    return f"{{wrapper}} python job.py out-{{night}} {{night}}"

@parsl.python_app
def function(night, captured):
    import contextlib
    import job
    block = contextlib.nullcontext()
    if captured:
        import envcap
        block = envcap.capture(job_id=f"app-{{night}}", outputs=[f"made-{{night}}"], parameters={{"night": night}})
    with block:
        return job.reduce(f"made-{{night}}", night)

@parsl.python_app
def breaks():
    import envcap
    with envcap.capture(job_id="breaks"):
        raise ValueError("no stars")

if __name__ == "__main__":
    captured = sys.argv[1] == "captured"
    local = LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1)
    workers = HighThroughputExecutor(
        label="workers", address="127.0.0.1", loopback_address="127.0.0.1", provider=local, max_workers_per_node=2
    )
    with parsl.load(Config(executors=[workers], usage_tracking=0, strategy="none")):
        runs = [command(n, f"envcap run --job-id command-{{n}} --output out-{{n}} --" if captured else "")
                for n in {NIGHTS}]
        calls = [function(n, captured) for n in {NIGHTS}]
        assert [one.result() for one in runs] == [0] * {len(NIGHTS)}
        assert [one.result() for one in calls] == list({NIGHTS})
        if captured:
            assert "no stars" in str(breaks().exception())
"""
JOB = """
import sys

def reduce(path, night):
    with open(path, "w") as stream:
        stream.write(f"night {night}\\n")
    return night

if __name__ == "__main__":
    reduce(*sys.argv[1:])
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Give the directory of the flow."""
    made = tmp_path / "work"
    made.mkdir()
    (made / "flow.py").write_text(FLOW)
    (made / "job.py").write_text(JOB)
    return made


def flow(work: Path, word: str) -> dict[str, Attempt]:
    """Let the flow run, and return what was captured by job id."""
    store = work.parent / "store"
    kept = {name: os.environ[name] for name in ("HOME", "XDG_CONFIG_HOME", "ENVCAP_CACHE") if name in os.environ}
    environ = {**kept, "PATH": f"{BIN}:{os.defpath}", "LANG": "C.UTF-8", "ENVCAP_STORE": str(store)}
    done = subprocess.run(
        [BIN / "python", "flow.py", word],
        cwd=work,
        env={**environ, "PYTHONPATH": str(work)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert [(work / f"{kind}-{n}").read_text() for kind in ("out", "made") for n in NIGHTS] == [
        f"night {n}\n" for _ in range(2) for n in NIGHTS
    ]
    if not store.exists():
        return {}
    return {one.manifest.job_id: one for one in Index(LocalStore(str(store))).attempts()}


def test_both_kinds_of_apps_are_captured_in_the_workers(work: Path) -> None:
    found = flow(work, "captured")
    expected = {f"{kind}-{n}" for kind in ("command", "app") for n in NIGHTS}
    assert found.keys() == {*expected, "breaks"}
    assert {found[name].state for name in expected} == {"ok"}
    assert (found["breaks"].state, found["breaks"].degraded) == ("failed", False)
    for night in NIGHTS:
        for kind, path in (("command", f"out-{night}"), ("app", f"made-{night}")):
            attempt = found[f"{kind}-{night}"]
            facts = attempt.manifest.job.scheduler or {}
            assert facts["parsl.worker"] in ("0", "1")
            assert facts["parsl.block_id"] == "0"
            assert not [fact for fact in facts if fact.startswith("bps.")]
            assert attempt.result is not None
            assert [output.file.uri for output in attempt.result.outputs] == [f"file://{work / path}"]
    commands = [found[f"command-{night}"] for night in NIGHTS]
    assert len({str(one.recipe.software) for one in commands}) == 1
    assert len({str(found[f"app-{night}"].recipe.software) for night in NIGHTS}) == 1
    # One worker's process may run several apps: each is a job of its own.
    assert len({one.manifest.attempt for one in found.values()}) == len(found)


def test_without_envcap_nothing_is_captured(work: Path) -> None:
    assert flow(work, "plain") == {}
