# SPDX-License-Identifier: Apache-2.0
"""Causes in commands, each among seven changes that don't matter.

Each second run has three newer packages that it doesn't import, two more variables that it doesn't read, another file
in its code that it doesn't import, and another configuration file that it doesn't open.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .cause import Cause
from .world import Side, Workshop

__all__ = ("Runner", "Variant", "command_causes")

_KEPT = ("STARS_MODE", "STARS_NOTE", "STARS_OWNER")
_NUDGE = """
double exp(double x) {
    double sum = 1.0, term = 1.0;
    for (int i = 1; i < 60; i++) { term *= x / i; sum += term; }
    return sum * 1.0000001;
}
"""
_COUNTS = [812.5, 640.25, 1203.0, 77.125]


@dataclass(frozen=True)
class Variant:
    """What is otherwise on the second side."""

    script: str
    variables: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, object] = field(default_factory=dict)
    counts: Sequence[float] = ()
    order: Sequence[int] = (0, 1, 2)
    python: str = ""
    change: Callable[[Path, Path], Mapping[str, str] | None] = lambda code, environment: None
    """Changes the code or the environment in place, and returns variables."""


class Runner:
    """Runs one script twice.

    Parameters
    ----------
    workshop : `Workshop`
    variant : `Variant`
    """

    def __init__(self, workshop: Workshop, variant: Variant) -> None:
        self.workshop = workshop
        self.variant = variant

    def __call__(self, folder: str) -> tuple[str, str]:
        """Run it in a folder, and return the two attempts."""
        return self._run("a", Path(folder)), self._run("b", Path(folder))

    def _run(self, side: Side, folder: Path) -> str:
        shop, variant = self.workshop, self.variant
        own = side == "b"
        code = shop.code(folder / side)
        versions = shop.versions(side, **(variant.versions if own else {}))
        python = variant.python if own and variant.python else sys.executable
        environment = shop.environment(versions, python)
        config = {"seed": 7, "scale": 1.25, **(variant.config if own else {})}
        (code / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (code / "notes.json").write_text(json.dumps({"run": side}), encoding="utf-8")
        (code / "counts.json").write_text(json.dumps([*_COUNTS, *(variant.counts if own else ())]), encoding="utf-8")
        variables = {**variant.before, "STARS_OWNER": "alice"}
        if own:
            (code / "unrelated.py").write_text("ANSWER = 42\n", encoding="utf-8")
            variables |= {"STARS_OWNER": "bob", "STARS_NOTE": "second", **variant.variables}
            variables |= variant.change(code, environment) or {}
        self._capture(code, environment, variables, variant.order if own else (0, 1, 2))
        return shop.last()

    def _capture(self, code: Path, environment: Path, variables: Mapping[str, str], order: Sequence[int]) -> None:
        script = self.variant.script
        inputs = ["counts.json"]
        if script == "combine.py":
            inputs = [f"exposure{number}.txt" for number in range(3)]
            for name, value in zip(inputs, (1e8, 3.14159, -1e8), strict=True):
                (code / name).write_text(f"{value} 1 2 3\n", encoding="utf-8")
            inputs = [inputs[number] for number in order]
        output = "out.npy" if script in ("linear.py", "combine.py", "noise.py") else "out.json"
        output = "out.txt" if script == "names.py" else output
        declared = ["--config", "config.json", "--config", "notes.json", "--output", output]
        declared += [word for name in sorted(inputs) for word in ("--input", name)]
        declared += [word for name in _KEPT for word in ("--env", name)]
        argv = ["python", script, "config.json", output, *inputs]
        self.capture(code, environment, argv, declared, dict(variables))

    def capture(
        self, code: Path, environment: Path, argv: Sequence[str], declared: Sequence[str], variables: dict[str, str]
    ) -> None:
        """Run the job under capture."""
        self.workshop.capture(environment, argv, code, declared, variables)


def _edited(code: Path, environment: Path) -> None:
    """Edit an installed file in place, as a debugging session leaves it."""
    (path,) = environment.glob("lib/python*/site-packages/driftgain/__init__.py")
    path.write_text(path.read_text().replace("* GAIN", "* GAIN * 1.001"), encoding="utf-8")


def _dirty(code: Path, environment: Path) -> None:
    """Edit the code without a commit."""
    path = code / "flatfield.py"
    path.write_text(path.read_text().replace("0.97", "0.96"), encoding="utf-8")


def _committed(code: Path, environment: Path) -> None:
    """Edit the code, and commit that."""
    _dirty(code, environment)
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(code), *identity, "commit", "--quiet", "--all", "-m", "flat field"], check=True)


def _preloaded(code: Path, environment: Path) -> Mapping[str, str]:
    """Preload a library whose exponential is another."""
    source, library = code.parent / "nudge.c", code.parent / "libnudge.so"
    source.write_text(_NUDGE, encoding="ascii")
    subprocess.run(["cc", "-O1", "-fno-builtin", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return {"LD_PRELOAD": str(library)}


def _dispatch(workshop: Workshop) -> str:
    """Return the instruction sets that NumPy would dispatch to on this host, by its own names."""
    python = workshop.environment(workshop.versions("a")) / "bin" / "python"
    code = "import numpy._core._multiarray_umath as m; print(*[n for n in m.__cpu_dispatch__ if m.__cpu_features__[n]])"
    return subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _other_patch() -> str:
    """Return another Python of this one's minor version; nothing if this host has none."""
    from uv import find_uv_bin

    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [find_uv_bin(), "python", "list", "--only-installed", "--output-format", "json", minor]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    own = ".".join(map(str, sys.version_info[:3]))
    return next((one["path"] for one in found if one["version"].startswith(f"{minor}.") and one["version"] != own), "")


def command_causes(workshop: Workshop) -> Iterator[Cause]:
    """Yield the causes."""

    def cause(name: str, layer: str, pattern: str, variant: Variant, *, steady: bool = True) -> Cause:
        return Cause(name, layer, pattern, Runner(workshop, variant), steady)

    yield cause("package version", "python_dists", "driftgain", Variant("calibrate.py", versions={"driftgain": "2"}))
    yield cause(
        "transitive package", "python_dists", "driftoffset", Variant("calibrate.py", versions={"driftoffset": "2"})
    )
    yield cause("seed", "configuration", "config.json", Variant("linear.py", config={"seed": 8}))
    yield cause("different input", "inputs", "counts.json", Variant("calibrate.py", counts=[5.0]))
    yield cause("input order", "work", "argv", Variant("combine.py", order=(0, 2, 1)))
    yield cause("another commit", "source", "stars/flatfield.py", Variant("calibrate.py", change=_committed))
    yield cause("dirty source", "source", "stars/flatfield.py", Variant("calibrate.py", change=_dirty))
    yield cause(
        "edited installed file",
        "installed_files",
        ".*driftgain.*",
        Variant("calibrate.py", change=_edited, versions={"driftbeta": "3"}),
    )
    yield cause("PYTHONHASHSEED", "process_env", "PYTHONHASHSEED", Variant("names.py", {"PYTHONHASHSEED": "4"}))
    yield cause("locale", "process_env", "LC_ALL", Variant("names.py", {"LC_ALL": "C"}))
    yield cause("time zone", "process_env", "TZ", Variant("names.py", {"TZ": "America/Santiago"}))
    yield cause("variable read by the task", "process_env", "STARS_MODE", Variant("names.py", {"STARS_MODE": "full"}))
    one = {"OPENBLAS_NUM_THREADS": "1"}
    yield cause(
        "thread count", "numerics", "OPENBLAS_NUM_THREADS", Variant("linear.py", {"OPENBLAS_NUM_THREADS": "2"}, one)
    )
    yield cause(
        "BLAS kernel", "numerics", "OPENBLAS_CORETYPE", Variant("linear.py", {"OPENBLAS_CORETYPE": "Nehalem"}, one)
    )
    features = _dispatch(workshop)
    yield cause(
        "SIMD set",
        "numerics",
        "NPY_DISABLE_CPU_FEATURES",
        Variant("linear.py", {"NPY_DISABLE_CPU_FEATURES": features}, one),
    )
    tunables = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4"}
    yield cause("glibc dispatch", "numerics", "GLIBC_TUNABLES", Variant("linear.py", tunables, one))
    yield cause(
        "preloaded library", "loaded_libraries", ".*libnudge.so", Variant("linear.py", before=one, change=_preloaded)
    )
    if python := _other_patch():
        yield cause("Python patch level", "interpreter", "", Variant("version.py", python=python))
    yield cause("unseeded random numbers", "unrecorded", "chance", Variant("noise.py"), steady=False)
    yield cause("wall-clock dependence", "unrecorded", "time", Variant("stamp.py"), steady=False)
