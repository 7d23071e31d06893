# SPDX-License-Identifier: Apache-2.0
"""A small observatory in a directory: a job environment, a pipeline under git, a Butler repository, a store.

The demo and the end-to-end tests start from one. Everything in it is real; only the sky is simulated.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ("RUBIN_LIBRARIES", "CommandFailedError", "World")

_SOURCE = Path(__file__).resolve().parents[1]
RUBIN_LIBRARIES = ("astropy", "pyarrow")
"""What the example pipeline imports besides the middleware."""


class CommandFailedError(Exception):
    """A command of the world's own making failed; the message ends with what it printed."""


@dataclass(frozen=True)
class World:
    """The places of one observatory.

    Attributes
    ----------
    root : `pathlib.Path`
        Its directory.
    python : `str`
        The interpreter to make the job environment with.
    """

    root: Path
    python: str = sys.executable

    @property
    def env(self) -> Path:
        """The job environment: a virtual environment with the middleware and envcap."""
        return self.root / "env"

    @property
    def stack(self) -> Path:
        """The pipeline's code, in a git repository of its own."""
        return self.root / "stack"

    @property
    def repo(self) -> Path:
        """The Butler repository."""
        return self.root / "repo"

    @property
    def store(self) -> Path:
        """The store of manifests."""
        return self.root / "store"

    @property
    def pipeline(self) -> Path:
        """The pipeline file."""
        return self.stack / "pipelines" / "starfield.yaml"

    def variables(self, *, job: bool = True) -> dict[str, str]:
        """Return a user's environment variables, in the job environment with the pipeline's code, or outside it."""
        kept = ("HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "DOCKER_HOST")
        found = {name: value for name, value in os.environ.items() if name in kept or name.startswith(("PIP_", "UV_"))}
        first = self.env / "bin" if job else Path(sys.executable).parent
        path = os.pathsep.join((str(first), os.environ["PATH"]))
        found |= {"PATH": path, "ENVCAP_STORE": str(self.store), "ENVCAP_CACHE": str(self.root / "cache")}
        found["ENVCAP_KEY"] = str(self.root / "key")  # seals what is captured here
        if job:
            found["PYTHONPATH"] = str(self.stack)
        return found

    def make_environment(self, *pins: str) -> None:
        """Make the job environment from the lock, then install what `pins` ask for instead."""
        self._uv("venv", "--quiet", "--no-project", "--python", self.python, str(self.env))
        self.install("--constraint", str(_constraints(self.root)), f"envcap[rubin] @ {_SOURCE}", *RUBIN_LIBRARIES)
        if pins:
            self.install("--no-deps", *pins)

    def make_small_environment(self, *distributions: str) -> None:
        """Make a job environment without the middleware, its distributions as the lock has them."""
        self._uv("venv", "--quiet", "--no-project", "--python", self.python, str(self.env))
        self.install("--constraint", str(_constraints(self.root)), f"envcap @ {_SOURCE}", *distributions)

    def install(self, *arguments: str) -> None:
        """Install distributions into the job environment."""
        # Byte-compiled, as an installer leaves a real one.
        self._uv("pip", "install", "--quiet", "--compile-bytecode", "--python", str(self.env), *arguments)

    def make_stack(self) -> None:
        """Put the example pipeline into a git repository."""
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(_SOURCE / "examples" / "starfield", self.stack, ignore=ignored)
        (self.stack / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
        self.git("init", "--quiet")
        self.commit("The pipeline as it was")

    def commit(self, message: str) -> None:
        """Commit everything in the pipeline's repository."""
        self.git("add", "--all")
        identity = ("-c", "user.name=Demo", "-c", "user.email=demo@example.org", "-c", "commit.gpgsign=false")
        self.git(*identity, "commit", "--quiet", "--message", message)

    def git(self, *arguments: str) -> None:
        """Run git in the pipeline's repository."""
        self.run(["git", "-C", str(self.stack), *arguments])

    def make_repo(self, *arguments: str) -> None:
        """Make the Butler repository, with simulated raw frames and flats."""
        self.run([str(self.env / "bin" / "python"), "-m", "starfield.repository", str(self.repo), *arguments])

    def pipetask(self, output: str, *arguments: str) -> list[str]:
        """Return the command line that runs the pipeline into a collection."""
        return ["pipetask", "run", "-b", str(self.repo), "-i", "StarCam/defaults", "-o", output,
                "-p", str(self.pipeline), "--register-dataset-types", *arguments]  # fmt: skip

    def edit(self, path: Path, old: str, new: str) -> None:
        """Replace a text in a file of the pipeline; it must be there."""
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise CommandFailedError(f"{path} does not hold {old!r}")
        path.write_text(text.replace(old, new), encoding="utf-8")

    def run(
        self, command: Sequence[str], *, variables: Mapping[str, str] | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there and return what it printed."""
        done = subprocess.run(
            command,
            env=dict(variables or self.variables()),
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode:
            last = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
            raise CommandFailedError(f"{' '.join(command)}: exit status {done.returncode}\n{last}")
        return done

    def _uv(self, *arguments: str) -> None:
        from uv import find_uv_bin

        self.run([find_uv_bin(), *arguments], variables=self.variables(job=False))


def _constraints(folder: Path) -> Path:
    """Return the lock without its hashes: a constraint with hashes would bind what is built from this tree, too."""
    pins = re.findall(
        r"^[a-z0-9-]+==[^\\\n]*", (_SOURCE / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
    path = folder / "constraints.txt"
    path.write_text("\n".join(pin.strip() for pin in pins) + "\n", encoding="utf-8")
    return path
