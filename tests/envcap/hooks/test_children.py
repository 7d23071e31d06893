# SPDX-License-Identifier: Apache-2.0
"""What all Python processes of a job had imported counts; where one can't say it, that is said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envcap.hooks.children import UNHEARD
from envcap.model.components import ImportedModules
from envcap.store.local import LocalStore

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Read = Callable[[], tuple[dict[str, Any], "ImportedModules | None"]]

LEFT = """\
import os, time
with open("pid.new", "w") as stream: stream.write(str(os.getpid()))
os.rename("pid.new", "pid")
time.sleep(600)
"""
LATE = """\
import os, time
parent = os.getppid()
open("pid", "w").close()
while os.getppid() == parent: time.sleep(0.01)
time.sleep(0.3)
import yaml
"""
LEAVES = """\
import os, sys, time
from subprocess import *
Popen([sys.executable, "left.py"], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, close_fds={closes})
while not os.path.exists("pid"): time.sleep(0.01)
"""
SPAWNS = """\
import multiprocessing, child
from multiprocessing.shared_memory import SharedMemory
if __name__ == "__main__":
    shared = SharedMemory(create=True, size=10)
    one = multiprocessing.get_context("spawn").Process(target=child.work)
    one.start()
    one.join()
    shared.close()
    shared.unlink()
"""


def test_all_processes_count(envcap: Run, outcome: Read) -> None:
    both = f"{sys.executable} -c 'import yaml'; {sys.executable} -c 'import numpy'"
    assert envcap("run", "--", "sh", "-c", both).returncode == 0
    _, found = outcome()
    assert found is not None
    assert {"python pyyaml", "python numpy"} <= set(found.owners)


@pytest.mark.parametrize("closes", [False, True])
def test_a_child_of_a_child_counts(envcap: Run, outcome: Read, work: Path, closes: bool) -> None:
    """Also where `subprocess` lets it inherit nothing."""
    for name, child in (("job", "a"), ("a", "b")):
        starts = f"subprocess.run([sys.executable, '{child}.py'], close_fds={closes})"
        (work / f"{name}.py").write_text(f"import subprocess, sys\n{starts}\n")
    (work / "b.py").write_text("import yaml, numpy\n")
    assert envcap("run", "--", sys.executable, "job.py").returncode == 0
    told, found = outcome()
    assert told["status"] == "captured"
    assert found is not None
    assert {"python pyyaml", "python numpy"} <= set(found.owners)
    assert {"job", "a", "b"} <= set(found.code)


def test_those_that_multiprocessing_spawns_count(envcap: Run, outcome: Read, work: Path) -> None:
    (work / "child.py").write_text("def work():\n    import yaml\n")
    (work / "job.py").write_text(SPAWNS)
    assert envcap("run", "--", sys.executable, "job.py").returncode == 0
    _, found = outcome()
    assert found is not None
    assert "python pyyaml" in found.owners


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_that_some_are_not_heard_is_said(envcap: Run, outcome: Read, work: Path, method: str) -> None:
    (work / "child.py").write_text("def work():\n    import yaml\n")
    (work / "job.py").write_text(SPAWNS.replace("spawn", method))
    assert envcap("run", "--", sys.executable, "job.py").returncode == 0
    told, found = outcome()
    assert told["status"] == "captured"
    assert found is not None
    unheard = method != "spawn"
    assert (told.get("reason") == UNHEARD) is unheard
    assert ("python pyyaml" not in found.owners) is unheard
    assert (UNHEARD in envcap("show", "@last").stdout.replace("\n", " ")) is unheard


def test_a_process_that_is_killed_says_failed(envcap: Run, outcome: Read) -> None:
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert envcap("run", "--", sys.executable, "-c", kill).returncode == 137
    told, _ = outcome()
    assert told["status"] == "failed"
    assert "1 of 1 Python processes did not say" in told["reason"]


@pytest.mark.parametrize("closes", [False, True])
def test_one_that_is_left_behind_is_not_said_to_have_ended(
    envcap: Run, outcome: Read, work: Path, closes: bool
) -> None:
    (work / "left.py").write_text(LEFT)
    (work / "job.py").write_text(LEAVES.format(closes=closes))
    try:
        assert envcap("run", "--", sys.executable, "job.py").returncode == 0
        told, _ = outcome()
    finally:
        os.kill(int((work / "pid").read_text()), signal.SIGKILL)
    assert told["status"] == "failed"
    assert told["reason"].startswith("1 of 2 Python processes")
    assert "running still" in told["reason"]


def test_one_that_ends_after_the_payload_is_waited_for(
    store: LocalStore, clean_environ: dict[str, str], outcome: Read, work: Path
) -> None:
    (work / "left.py").write_text(LATE)
    (work / "job.py").write_text(LEAVES.format(closes=True))
    patient = "from envcap.hooks import listening\nlistening._LINGER_S = 30\nimport envcap.cli.main as cli\ncli.main()"
    command = [sys.executable, "-c", patient, "run", "--", sys.executable, "job.py"]
    for _ in range(2):  # the first one looks at all installed files meanwhile
        subprocess.run(command, env={**clean_environ, "ENVCAP_STORE": store.root}, cwd=work, check=True)
        (work / "pid").unlink()
    told, found = outcome()
    assert told["status"] == "captured"
    assert found is not None
    assert "python pyyaml" in found.owners
