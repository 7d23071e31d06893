# SPDX-License-Identifier: Apache-2.0
"""The environment that measured jobs run in: a real installation in a scratch folder, and nothing of the caller's own.

The hook is loaded by ``envcap.pth``, which an editable installation does not have; and whoever runs a benchmark may
have set ``PYTHONPATH`` or switched byte code off.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ("ROOT", "JobEnvironment", "Usage")

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The project's root."""


@dataclass(frozen=True)
class Usage:
    """What one process and its children took: wall and CPU time in seconds, peak memory in kilobytes."""

    wall: float
    cpu: float
    peak: int


class JobEnvironment:
    """A virtual environment with envcap, Rubin's middleware, astropy and pyarrow, as `requirements.lock` has them.

    Attributes
    ----------
    folder : `str`
        The scratch folder; the caller removes it.
    python, uv, pip : `str`
        The environment's interpreter, the `uv` that made it, and a `pip` beside it, to be run as a folder.
    store : `str`
        The store that `environ` names.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.store = os.path.join(folder, "store")
        self.prefix = os.path.join(folder, "env")
        self.python = os.path.join(self.prefix, "bin", "python")
        found = shutil.which("uv", path=os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"])))
        if found is None:
            raise RuntimeError("uv is needed to build the environment of the jobs; 'make bench-hook' installs it")
        self.uv = found
        os.mkdir(os.path.join(folder, "home"))
        self.pip = os.path.join(folder, "pip", "pip")
        self._install()

    def _install(self) -> None:
        quiet = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
        subprocess.run([self.uv, "venv", "--quiet", "--python", sys.executable, self.prefix], env=quiet, check=True)
        install = [self.uv, "pip", "install", "--quiet", "--python", self.python, "--compile-bytecode"]
        # An environment that uv made has no pip, but its interpreter can run one.
        subprocess.run([*install, "--target", os.path.dirname(self.pip), "pip"], env=quiet, check=True)
        # uv takes a cached wheel of a folder as long as its pyproject.toml is the same, whatever the code.
        install += ["--refresh-package", "envcap", "--constraint", os.path.join(ROOT, "requirements.lock")]
        subprocess.run([*install, f"envcap[rubin] @ {ROOT}", "astropy", "pyarrow"], env=quiet, check=True)

    def environ(self, **others: str) -> dict[str, str]:
        """Return the environment variables of a measured process."""
        return {
            "HOME": os.path.join(self.folder, "home"),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join((os.path.join(self.prefix, "bin"), os.defpath)),
            "ENVCAP_STORE": self.store,
            # As envcap run sets it, so that both sides of a pair do the same work.
            "PYTHONHASHSEED": "0",
            **others,
        }

    def run(self, argv: Sequence[str], *, cwd: str | None = None, environ: Mapping[str, str] | None = None) -> Usage:
        """Run a command to its end.

        Raises
        ------
        RuntimeError
            If it fails, or if envcap complains: a run that was not recorded would be a cheap one.
        """
        log = os.path.join(self.folder, "log")
        with open(log, "wb") as stream:
            began = time.perf_counter()
            process = subprocess.Popen(
                argv,
                cwd=cwd or self.folder,
                env=self.environ() if environ is None else environ,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        with open(log, encoding="utf-8", errors="replace") as stream:
            said = stream.read()
        if process.returncode != 0 or "envcap: " in said:
            raise RuntimeError(f"{' '.join(argv)} ended with status {process.returncode} and said:\n{said[-4000:]}")
        return Usage(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
