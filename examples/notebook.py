# SPDX-License-Identifier: Apache-2.0
"""The notebook of ``docs/notebooks.md``, run in a real kernel that listens on sockets of the file system alone."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

__all__ = ("PAGE", "Notebooks", "cells_of_page", "html_of", "text_of")

_SOURCE = Path(__file__).resolve().parents[1]
PAGE = _SOURCE / "docs" / "notebooks.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROGRAM = '''\
"""Stack exposures, without what stands out in one of them."""

import sys

import numpy as np

frames = np.load(sys.argv[1])
middle, noise = np.median(frames, axis=0), frames.std(axis=0)
frames[abs(frames - middle) > 3.0 * noise] = np.nan
np.save(sys.argv[2], np.nanmean(frames, axis=0))
'''
_SECONDS = 300


def cells_of_page() -> list[str]:
    """Return the cells of the page, in order."""
    return [block.rstrip("\n") for block in _BLOCK.findall(PAGE.read_text(encoding="utf-8"))]


def html_of(cell: NotebookNode) -> list[str]:
    """Return what a cell shows as HTML."""
    return [one.data["text/html"] for one in cell.outputs if "text/html" in one.get("data", {})]


def text_of(cell: NotebookNode) -> str:
    """Return what a cell prints, and what it shows as plain text."""
    return "".join(one.get("text", "") or one.get("data", {}).get("text/plain", "") for one in cell.outputs)


@dataclass(frozen=True)
class Notebooks:
    """A directory in which notebooks are run, with a job environment, a program, some exposures and a store.

    Attributes
    ----------
    root : `pathlib.Path`
    """

    root: Path

    @property
    def work(self) -> Path:
        """Where a notebook lies."""
        return self.root / "work"

    @property
    def store(self) -> Path:
        """The store."""
        return self.root / "store"

    def make(self) -> None:
        """Make everything but the job environment."""
        for name in ("first", "second"):
            (self.work / name).mkdir(parents=True)
        (self.work / "stack.py").write_text(_PROGRAM, encoding="utf-8")
        random = np.random.default_rng(12)
        frames = random.normal(100.0, 5.0, (12, 64, 64))
        frames[random.random(frames.shape) < 0.002] += 900.0  # cosmic rays
        np.save(self.work / "frames.npy", frames)

    def make_environment(self) -> None:
        """Make the environment of the program that the page runs: a Python with NumPy."""
        from uv import find_uv_bin

        lock = (_SOURCE / "requirements.lock").read_text(encoding="utf-8")
        (pin,) = re.findall(r"^numpy==[0-9.]+", lock, re.MULTILINE)[:1]
        environment = str(self.root / "env")
        for words in (["venv", "--no-project", "--python", sys.executable, environment],
                      ["pip", "install", "--compile-bytecode", "--python", environment, pin]):  # fmt: skip
            subprocess.run([find_uv_bin(), *words, "--quiet"], check=True, cwd=self.root)

    def run(self, cells: Sequence[str], *, allow_errors: bool = False) -> list[NotebookNode]:
        """Run a notebook from its first cell on, and return its cells with what they show.

        Raises
        ------
        nbclient.exceptions.CellExecutionError
            If a cell fails, unless errors are allowed.
        """
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        # The path of a socket has at most 107 bytes (unix(7)).
        with tempfile.TemporaryDirectory(prefix="envcap-kernel-") as folder:
            places = {"transport": "ipc", "ip": f"{folder}/socket", "connection_file": f"{folder}/connection.json"}
            client = NotebookClient(
                notebook,
                config=Config(KernelManager=places),
                kernel_name="python3",
                timeout=_SECONDS,
                allow_errors=allow_errors,
                resources={"metadata": {"path": str(self.work)}},
            )
            asyncio.run(client.async_execute(env=self.variables()))
        return list(notebook.cells)

    def variables(self) -> dict[str, str]:
        """Return the environment variables of a kernel."""
        names = ("HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR")
        kept = {n: value for n, value in os.environ.items() if n in names or n.startswith(("PIP_", "UV_"))}
        programs = (str(self.root / "env" / "bin"), str(Path(sys.executable).parent), os.environ["PATH"])
        return {
            **kept,
            "PATH": os.pathsep.join(programs),
            "ENVCAP_STORE": str(self.store),
            "ENVCAP_CACHE": str(self.root / "cache"),
            "ENVCAP_KEY": str(self.root / "key"),
            "IPYTHONDIR": str(self.root / "ipython"),
        }
