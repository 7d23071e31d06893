# SPDX-License-Identifier: Apache-2.0
"""Where a campaign's batches run, as configurations of Parsl."""

from __future__ import annotations

import os
import shlex
import socket
import sys
from typing import Any

from envcap.errors import UsageError

__all__ = ("EXECUTORS", "parsl_config")

EXECUTORS = ("threads", "processes", "slurm")
_LOOPBACK = "127.0.0.1"


def parsl_config(executor: str, workers: int, folder: str) -> Any:
    """Return a configuration of Parsl.

    Parameters
    ----------
    executor : `str`
        One of `EXECUTORS`, or the path of a Python file in which ``config`` is one.
    workers : `int`
        How many quanta run at a time; a file of the user's own says that itself.
    folder : `str`
        Where Parsl puts its logs.

    Raises
    ------
    UsageError
        If there is no such executor, or Parsl isn't installed.
    """
    try:
        from parsl.config import Config
    except ImportError:
        raise UsageError("campaigns run on Parsl: pip install 'envcap[campaign]'") from None
    # Parsl starts programs of its own, which are beside this interpreter.
    os.environ["PATH"] = os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)))
    if executor in EXECUTORS:
        made = {"threads": _threads, "processes": _processes, "slurm": _slurm}[executor](workers)
        return Config(executors=[made], run_dir=folder, usage_tracking=0, strategy="none", initialize_logging=False)
    if not executor.endswith(".py"):
        raise UsageError(
            f"--executor {executor}: expected {', '.join(EXECUTORS)}, or a file .py with 'config = Config(…)'"
        )
    config = _of_file(executor)
    if not isinstance(config, Config):
        raise UsageError(f"--executor {executor}: it must say 'config = Config(…)', with parsl.config.Config")
    # What may be tried again is known here, and by quanta.
    config.retries = 0
    config.run_dir = folder
    return config


def _of_file(path: str) -> Any:
    import runpy

    try:
        return runpy.run_path(path).get("config")
    except OSError as err:
        raise UsageError(f"--executor {path}: {err.strerror or err}") from err
    except Exception as err:
        raise UsageError(f"--executor {path}: {type(err).__name__}: {err}") from err


def _threads(workers: int) -> Any:
    from parsl.executors import ThreadPoolExecutor

    return ThreadPoolExecutor(label="threads", max_threads=workers)


def _processes(workers: int) -> Any:
    from parsl.executors import HighThroughputExecutor
    from parsl.providers import LocalProvider

    provider = LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1, worker_init=_worker_init())
    return HighThroughputExecutor(
        label="processes",
        address=_LOOPBACK,
        loopback_address=_LOOPBACK,
        provider=provider,
        max_workers_per_node=workers,
        encrypted=True,
    )


def _slurm(workers: int) -> Any:
    """Return an executor whose workers are Slurm jobs, each of one core: they start as the queue lets them."""
    from parsl.executors import HighThroughputExecutor
    from parsl.providers import SlurmProvider

    provider = SlurmProvider(
        init_blocks=workers,
        min_blocks=workers,
        max_blocks=workers,
        nodes_per_block=1,
        cores_per_node=1,
        exclusive=False,
        walltime="24:00:00",
        worker_init=_worker_init(),
    )
    return HighThroughputExecutor(
        label="slurm",
        address=_own_address(),
        provider=provider,
        max_workers_per_node=1,
        encrypted=True,
    )


def _own_address() -> str | None:
    """Return the address by which other nodes reach this one; `None` has Parsl's workers try all that it has."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return None


def _worker_init() -> str:
    """Return what a node runs before Parsl's worker: its program is found beside this interpreter."""
    return f"export PATH={shlex.quote(os.path.dirname(sys.executable))}:$PATH"
