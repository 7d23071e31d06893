# SPDX-License-Identifier: Apache-2.0
"""A Slurm of one node on loopback: its own munged, slurmctld and slurmd, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services.packages import need

__all__ = ("Slurm", "running_slurm")

_SECONDS = 60.0
_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MailProg=/bin/true
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Slurm:
    """A Slurm that takes jobs.

    Attributes
    ----------
    variables : mapping
        What a user of it has in the environment.
    """

    variables: dict[str, str]

    def sbatch(self, *words: str, cwd: Path, environ: dict[str, str]) -> None:
        """Submit a job and wait for its end.

        Raises
        ------
        subprocess.CalledProcessError
            If it fails.
        """
        command = ["sbatch", "--wait", *words]
        subprocess.run(
            command, cwd=cwd, env={**environ, **self.variables}, check=True, capture_output=True, text=True, timeout=300
        )


@contextmanager
def running_slurm() -> Iterator[Slurm]:
    """Start it, and stop it by its process ids."""
    need("Slurm")
    if os.geteuid() != 0:
        pytest.skip("slurmd takes jobs of others only as root")
    with ExitStack() as stack:
        # munged wants a path that nobody else can change, and a socket's has at most 107 bytes (unix(7)).
        folder = Path(tempfile.mkdtemp(prefix="envcap-slurm-", dir="/run"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        for name in ("state", "spool"):
            (folder / name).mkdir()
        (key := folder / "munge.key").write_bytes(os.urandom(128))
        key.chmod(0o600)
        controller, daemon = _free_ports(2)
        host = socket.gethostname().partition(".")[0]
        (conf := folder / "slurm.conf").write_text(
            _CONF.format(host=host, controller=controller, daemon=daemon, folder=folder)
        )
        variables = {"SLURM_CONF": str(conf)}
        munge = (f"--key-file={key}", f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid",
                 f"--log-file={folder}/munged.log", f"--seed-file={folder}/munge.seed")  # fmt: skip
        for command in (["munged", "--foreground", "--force", *munge], ["slurmctld", "-D"], ["slurmd", "-D"]):
            stack.enter_context(_running(command, folder, variables))
        deadline = time.monotonic() + _SECONDS
        while _state(variables) != "idle":
            assert time.monotonic() < deadline, "\n".join(p.read_text(errors="replace") for p in folder.glob("*.log"))
            time.sleep(0.2)
        yield Slurm(variables)


@contextmanager
def _running(command: list[str], folder: Path, variables: dict[str, str]) -> Iterator[None]:
    with open(folder / f"{command[0]}-output.log", "wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _state(variables: dict[str, str]) -> str:
    done = subprocess.run(
        ["sinfo", "--noheader", "--format=%t"], env={**os.environ, **variables}, capture_output=True, text=True
    )
    return done.stdout.strip()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
