# SPDX-License-Identifier: Apache-2.0
"""`make demo`: capture a Rubin pipeline, change the world around it, and re-run two of its datasets from the manifests.

Everything stands in ``demo-out/`` afterwards, so that you can go on from there.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from .picture import draw
from .world import CommandFailedError, World

__all__ = ("main",)

_OUT = Path("demo-out")
_CACHE = "Signature: 8a477f597d28d172789f06886806bc55\n"  # https://bford.info/cachedir
_OLD_NUMPY = "numpy==2.3.5"
_COADD = ("--data-id", "instrument=StarCam", "--data-id", "detector=0", "--collection", "u/me/first")
_CATALOG = (*_COADD, "--data-id", "exposure=2026031400001")
_CHANGES = (
    ("starfield/coadd.py", "default=[0.1, 0.8, 0.1]", "default=[0.25, 0.5, 0.25]", "a new default in CoaddTask's code"),
    ("pipelines/starfield.yaml", "detect.threshold: 6.0", "detect.threshold: 9.0", "an edited pipeline file"),
    ("config/calibrate.py", "40500.0", "30000.0", "an edited instrument override"),
)


class _Demo:
    """The demo's steps. Each prints the command that a user would type."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._out = Console(highlight=False, soft_wrap=True)
        self.verdicts: list[tuple[str, str]] = []

    def title(self, number: int, text: str) -> None:
        self._out.print(f"\n[bold cyan]{number}. {escape(text)}[/bold cyan]")

    def say(self, text: str) -> None:
        self._out.print(f"   {escape(text)}")

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show that something is going on, and how long it took."""
        started = time.perf_counter()
        with self._out.status(f"   {text} …"):
            yield
        self._out.print(f"   [green]✓[/green] {escape(text)} [dim]{time.perf_counter() - started:.1f} s[/dim]")

    def typed(self, command: list[str]) -> str:
        """Return a command as somebody in ``demo-out/`` would type it."""
        return shlex.join(command).replace(str(self._world.root) + "/", "")

    def run(self, command: list[str], *, job: bool = False, show: bool = True, allowed: tuple[int, ...] = (0,)) -> str:
        """Run a command as a user would and return what it printed on stdout."""
        self._out.print(f"   [bold]$ {escape(self.typed(command))}[/bold]")
        with self._out.status("   …"):
            done = self._world.run(command, variables=self._world.variables(job=job), check=False)
        if done.returncode not in allowed:
            raise CommandFailedError(f"exit status {done.returncode}\n{done.stdout}{done.stderr}")
        if show:
            for line in done.stdout.splitlines():
                self._out.print(f"   {escape(line.rstrip())}")
        return done.stdout

    def rerun(self, what: str, command: list[str]) -> dict[str, str]:
        """Re-run a dataset; return the paths of the original and the re-made file."""
        found = json.loads(self.run([*command, "--json"], show=False, allowed=(0, 1)))
        for layer in found["layers"]:
            self.say(f"{layer['layer']:<17}{layer['fidelity']:<13}{layer['detail']}")
        for output in found["outputs"]:
            judged = output["comparison"]["judgement"]
            differs = [leaf["detail"] for leaf in judged["significant"]]
            differs += [f"volatile: {leaf['where']}" for leaf in judged["volatile"]]
            self.say(f"{output['dataset_type']:<17}{output['verdict']:<13}{'; '.join(differs[:3])}")
        self.say(", ".join(f"{step} {float(seconds):.1f} s" for step, seconds in found["seconds"].items()))
        self.verdicts.append((what, found["verdict"]))
        (output,) = found["outputs"]
        return {"original": output["original"]["path"], "remade": output["remade"]["uri"].removeprefix("file://")}


def main() -> int:
    """Run the demo; 0 if both re-runs are the same as the originals and the control isn't."""
    shutil.rmtree(_OUT, ignore_errors=True)
    _OUT.mkdir()
    # What lies in it is no code of the checkout, for git or for whoever captures a job whose code that is.
    (_OUT / ".gitignore").write_text("*\n")
    (_OUT / "CACHEDIR.TAG").write_text(_CACHE)
    world = World(_OUT.resolve())
    demo = _Demo(world)
    try:
        _observe(demo, world)
        _change_the_world(demo, world)
        coadd = _rerun(demo, world)
        _control(demo, world, coadd)
    except CommandFailedError as err:
        sys.stderr.write(f"demo: {err}\n")
        return 1
    return _summary(demo, world)


def _observe(demo: _Demo, world: World) -> None:
    demo.title(1, "An observatory: an environment for jobs, a pipeline under git, a Butler repository with raw frames")
    with demo.waiting("install Rubin's middleware from the package index, with an older numpy"):
        world.make_environment(_OLD_NUMPY)
    with demo.waiting("put the example pipeline under git, simulate a star field, ingest it"):
        world.make_stack()
        world.make_repo()
    demo.title(2, "Run the pipeline under capture: 'envcap run --' in front of the command is all")
    demo.run(["envcap", "run", "--job-id", "first-night", "--", *world.pipetask("u/me/first")], job=True, show=False)
    demo.title(3, "Each quantum has a manifest now")
    demo.run(["envcap", "jobs"])
    (coadd,) = (world.repo / "u" / "me" / "first").rglob("coadd_*S00*.fits")
    demo.run(["envcap", "show", str(coadd)])


def _change_the_world(demo: _Demo, world: World) -> None:
    demo.title(4, "Months go by, and the world changes")
    for path, old, new, what in _CHANGES:
        world.edit(world.stack / path, old, new)
        demo.say(f"{what}: {path}: {old} → {new}")
    world.commit("The pipeline as it is today")
    with demo.waiting("numpy is upgraded in the job environment"):
        world.install("--no-deps", "--upgrade", "--constraint", str(world.root / "constraints.txt"), "numpy")


def _rerun(demo: _Demo, world: World) -> dict[str, str]:
    demo.title(5, "What would a re-run of the old coadd reach? (Nothing is built or run.)")
    (original,) = (world.repo / "u" / "me" / "first").rglob("coadd_*S00*.fits")
    demo.run(["replay", "plan", str(original)])
    demo.title(6, "Re-run it, as exactly as possible: the old code, the old packages, the frozen configuration")
    coadd = demo.rerun("coadd", ["rerun-dataset", str(world.repo), "coadd", *_COADD])
    demo.title(7, "Re-run a catalog with today's code, and still the frozen configuration; its file was renamed")
    first = next((world.repo / "u" / "me" / "first").rglob("catalog_StarCam*S00*.parq"))
    renamed = world.root / "somebody-renamed-it.parq"
    shutil.copyfile(first, renamed)
    demo.rerun("catalog", ["rerun-dataset", str(world.repo), str(renamed), "--code", "current"])
    return coadd


def _control(demo: _Demo, world: World, coadd: dict[str, str]) -> None:
    demo.title(8, "Control: today's world without the frozen configuration")
    demo.run([*world.pipetask("u/me/control"), "-d", "detector = 0"], job=True, show=False)
    (control,) = (world.repo / "u" / "me" / "control").rglob("coadd_*S00*.fits")
    command = ["replay", "compare", coadd["original"], str(control), "--new-run", "--json"]
    found = json.loads(demo.run(command, show=False, allowed=(1,)))
    for leaf in found["judgement"]["significant"][:3]:
        demo.say(f"{' / '.join(leaf['path'])}: {leaf['detail']}")
    demo.verdicts.append(("control", found["judgement"]["verdict"]))
    with demo.waiting("draw demo-out/coadd.png"):
        draw(Path(coadd["original"]), Path(coadd["remade"]), control, world.root / "coadd.png")


def _summary(demo: _Demo, world: World) -> int:
    demo.title(9, "What to try next")
    for line in (
        "look at demo-out/coadd.png",
        "cd demo-out; . ./use",
        "envcap show @last",
        "rerun-dataset repo coadd " + " ".join(_COADD) + " --run u/me/again",
        "rerun-dataset repo catalog " + " ".join(_CATALOG) + " --require exact   # refused: see why",
    ):
        demo.say(line)
    variables = world.variables(job=False)
    names = ("PATH", "ENVCAP_STORE", "ENVCAP_CACHE", "ENVCAP_KEY")
    lines = (f"export {name}={shlex.quote(variables[name])}\n" for name in names)
    (world.root / "use").write_text("".join(lines), encoding="utf-8")
    wanted = {"coadd": ("identical", "equal"), "catalog": ("identical", "equal"), "control": ("different",)}
    out = Console(highlight=False)
    out.print()
    for what, verdict in demo.verdicts:
        right = verdict in wanted[what]
        told = "without the frozen configuration" if what == "control" else "re-run from its manifest"
        out.print(f"   [{'bold green' if right else 'bold red'}]{verdict:<10}[/] {what} {told}")
    good = [what for what, verdict in demo.verdicts if verdict in wanted[what]]
    return 0 if good == list(wanted) else 1


if __name__ == "__main__":
    sys.exit(main())
