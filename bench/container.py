# SPDX-License-Identifier: Apache-2.0
"""What images and containers cost a replay: building one, finding it, starting in it, and each further quantum.

The engine is the one at ``DOCKER_HOST``, else one that is started for this. Its builder's cache is emptied.

Sizes, by environment variables: ``PAIRS`` (of builds and sessions), ``STARTS`` (of containers), ``FINDS`` (of the
image), ``QUANTA`` (of a session).
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from envcap.errors import EnvcapError
from envcap.store.index import Index
from envcap.store.local import LocalStore
from examples.world import World
from replay.build.base import EngineOptions, wheelhouse
from replay.build.venv import VenvEngine
from replay.comparators.policy import Verdict
from replay.image.builder import ImageBuilder
from replay.image.client import EngineClient, connect
from replay.image.ladder import Ladder
from replay.jobs.base import CapturedJob
from replay.jobs.registry import captured_job
from replay.progress import Progress
from replay.rerunning import Options, rerun_all
from replay.sandbox.base import Program
from replay.sandbox.container import ContainerSandbox
from tests.services.docker_engine import DockerEngine, start_engine, stop_engine

from .hook import say
from .paired import Figures, Row, measure_pairs, report, setting, value_row

__all__ = ("Harbour", "main")

_BY_HAND = "envcap-bench/by-hand:1"
_SECONDS = 60
_SAME = (Verdict.IDENTICAL, Verdict.EQUAL)


def main() -> None:
    """Measure, print and keep the figures."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder, "world"))
        world.root.mkdir()
        # What is measured in this process is to find what the commands find.
        os.environ.update(world.variables(job=False))
        with engine_in(Path(folder, "engine")) as engine:
            say("building the environment of the jobs, and running the pipeline")
            harbour = Harbour(world, engine)
            try:
                rows = list(measure(harbour))
            finally:
                harbour.forget()
    report("container", rows)


@contextmanager
def engine_in(folder: Path) -> Iterator[DockerEngine]:
    """Give an engine with a base image; what is started for it is stopped in the end."""
    folder.mkdir()
    say("starting an engine")
    try:
        start_engine(folder)
        engine = DockerEngine(**json.loads((folder / "engine.json").read_text()))
        os.environ["DOCKER_HOST"] = engine.host
        base = engine.image_id(engine.base)
        try:
            yield engine
        finally:
            engine.docker("rmi", "--force", base, check=False)
    except (pytest.skip.Exception, pytest.fail.Exception) as err:  # the tests' way to say what is not installed
        raise SystemExit(f"bench container: {err}") from None
    finally:
        stop_engine(folder)


class Harbour:
    """Captured jobs beside an engine, and what both sides of a pair are made with.

    Attributes
    ----------
    world : `World`
        The pipeline ran in it on one detector.
    engine : `DockerEngine`
    client : `EngineClient`
    options : `EngineOptions`
        They name the base image.
    """

    def __init__(self, world: World, engine: DockerEngine) -> None:
        self.world = world
        self.engine = engine
        self.client = connect("docker")
        self.options = EngineOptions(base=engine.base)
        self._tags: set[str] = set()
        world.make_environment()
        world.make_stack()
        world.make_repo("--exposures", str(setting("QUANTA", 6)))
        world.run(["envcap", "run", "--", *world.pipetask("u/me/first", "-d", "detector = 0")])

    def jobs(self, name: str = "measure {") -> list[CapturedJob]:
        """Return the jobs whose names begin so, those of the catalogs by default, with nothing read of them yet."""
        index = Index(LocalStore.existing(str(self.world.store)))
        found = index.attempts("name LIKE ? AND replay_of IS NULL", (f"{name}%",))
        return [captured_job(index, one) for one in found]

    def other_code(self) -> CapturedJob:
        """Capture a command in the same environment, whose script differs from all before, and return it."""
        folder = self.world.root / "command"
        folder.mkdir(exist_ok=True)
        (folder / "write.py").write_text(f"open('out.txt', 'w').write('{time.time_ns()}')\n")
        command = "envcap run --output out.txt -- python write.py"
        self.world.run(["sh", "-c", f"cd {folder} && exec {command}"])
        return self.jobs("python")[-1]

    def ladder(self, job: CapturedJob, client: EngineClient | None = None) -> Ladder:
        """Return the images that a job can be replayed in."""
        found = client or self.client
        return Ladder(found, ImageBuilder(found, wheelhouse(), offline=False), job, self.options, "captured")

    @contextmanager
    def context(self, job: CapturedJob) -> Iterator[str]:
        """Give a directory with the Dockerfile of a job and all that it copies."""
        with tempfile.TemporaryDirectory(dir=self.world.root) as folder:
            self.replay("dockerfile", job, "--output", folder)
            yield folder

    def replay(self, command: str, job: CapturedJob, *words: str) -> None:
        """Do something with a job by the command line."""
        argv = ["replay", command, f"attempt:{job.manifest.attempt}", "--engine", "docker", "--base", self.engine.base]
        self.world.run([*argv, *words], variables=self.world.variables(job=False))

    def by_hand(self, folder: str) -> float:
        """Return the seconds that docker takes to build a directory."""
        taken = timed(lambda: self.engine.docker("build", "--network", "none", "--tag", _BY_HAND, folder))
        self.engine.docker("rmi", "--force", _BY_HAND)
        return taken

    def by_replay(self, job: CapturedJob) -> float:
        """Return the seconds that replay takes to make a job's image anew."""
        found = self.ladder(job).rung()
        assert found.recipe is not None
        if found.image is not None:
            self.engine.docker("rmi", "--force", found.recipe.tag)
        self._tags.add(found.recipe.tag)
        progress = Progress(quiet=True)
        taken = timed(lambda: self.ladder(job).climb(progress))
        if not any(step.startswith("build ") for step in progress.seconds):
            raise RuntimeError("replay found an image where it should have built one")
        return taken

    def forget(self) -> None:
        """Take away the images that were made."""
        for tag in self._tags:
            self.engine.docker("rmi", "--force", tag, check=False)


def timed(action: Callable[[], object]) -> float:
    """Do something and return the seconds that it took."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def measure(harbour: Harbour) -> Iterator[Row]:
    """Yield all rows; the builds leave the image that the others need."""
    for part in (cold_rows, warm_rows, found_rows, start_rows, session_rows):
        for row in part(harbour):
            say(f"{row.metric}: {row.value:.3g} {row.unit}")
            yield row


def cold_rows(harbour: Harbour) -> Iterator[Row]:
    """Yield the cost of an image of which nothing is there but the base and the wheels."""
    job = harbour.jobs()[0]

    def cold(build: Callable[[], float]) -> float:
        harbour.engine.docker("builder", "prune", "--all", "--force")
        return build()

    with harbour.context(job) as folder:
        by_hand, by_replay = partial(harbour.by_hand, folder), partial(harbour.by_replay, job)
        pairs = measure_pairs(partial(cold, by_hand), partial(cold, by_replay), setting("PAIRS", 3), warm_up=0)
    count = len(job.dists.distributions)
    versus = f"docker build of the same context, {count} wheels"
    yield Figures.of(pairs, float).ratio_row("image, builder's cache empty: wall time", "s", versus)


def warm_rows(harbour: Harbour) -> Iterator[Row]:
    """Yield the cost of an image that differs from the one before in one file of code."""

    def by_hand() -> float:
        # Each side has new code each time: they share the builder's cache, and one would find what the other built.
        with harbour.context(harbour.other_code()) as folder:
            return harbour.by_hand(folder)

    pairs = measure_pairs(by_hand, lambda: harbour.by_replay(harbour.other_code()), setting("PAIRS", 3))
    figures = Figures.of(pairs, float)
    yield figures.ratio_row("image, one file of code is new: wall time", "s", "docker build of such a context")


def found_rows(harbour: Harbour) -> Iterator[Row]:
    """Yield how long it takes to see that the image of a job is there."""

    def found(connection: Callable[[], EngineClient]) -> float:
        job = harbour.jobs()[0]  # a new one: what it holds has to be read from the store again

        def look() -> None:
            assert harbour.ladder(job, connection()).rung().image is not None

        return timed(look) * 1000

    count = setting("FINDS", 101)
    connected = [found(lambda: harbour.client) for _ in range(count)]
    yield value_row("image found", connected, "ms", f"{count} look-ups, each of a job just opened", 20)
    connecting = [found(lambda: connect("docker")) for _ in range(count)]
    yield value_row("image found, connecting included", connecting, "ms", f"{count} look-ups", 20)


def start_rows(harbour: Harbour) -> Iterator[Row]:
    """Yield what it costs to run a Python that does nothing in the sandbox."""
    image = harbour.ladder(harbour.jobs()[0]).rung().image
    assert image is not None
    sandbox = ContainerSandbox(harbour.client, image.id, harbour.options.limits)
    log = str(harbour.world.root / "log.txt")
    nothing = ["python", "-c", "pass"]

    def in_sandbox() -> None:
        with sandbox.start(Program(nothing, {}, [], "/", log)) as process:
            ended = process.wait(_SECONDS)
        if ended.status:
            raise RuntimeError(f"a Python that does nothing: {ended}")

    def by_hand() -> None:
        harbour.engine.docker("run", "--rm", "--network", "none", image.id, *nothing)

    def on_host() -> None:
        harbour.world.run([str(harbour.world.env / "bin" / "python"), *nothing[1:]])

    name = "container start: wall time"
    for peer, other in (("docker run --rm --network none", by_hand), ("the job's Python, on this host", on_host)):
        pairs = measure_pairs(partial(timed, other), partial(timed, in_sandbox), setting("STARTS", 21))
        yield Figures.of(pairs, lambda taken: taken * 1000).ratio_row(name, "ms", peer)


def session_rows(harbour: Harbour) -> Iterator[Row]:
    """Yield what each quantum costs once a worker has imported the stack."""
    count = setting("PAIRS", 3)
    venv = f"engine venv, {VenvEngine(harbour.options).sandbox().partition(':')[0]}"
    pairs = measure_pairs(lambda: session(harbour, "venv"), lambda: session(harbour, "docker"), count)
    firsts = [(first[0], second[0]) for first, second in pairs]
    yield Figures.of(firsts, float).ratio_row("first quantum of a session: wall time", "s", venv)
    name = "further quantum of a session: wall time"
    yield _further(pairs).ratio_row(name, "s", venv)
    pairs = measure_pairs(lambda: one_by_one(harbour), lambda: session(harbour, "docker"), count, warm_up=0)
    yield _further(pairs).ratio_row(name, "s", "a replay run of its own")


def _further(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Figures:
    """Return the figures of all quanta but the first of each session, each beside the same quantum."""
    found = [pair for first, second in pairs for pair in zip(first[1:], second[1:], strict=True)]
    return Figures.of(found, float)


def session(harbour: Harbour, engine: str) -> list[float]:
    """Re-run the catalogs in one session and return the seconds from one verdict to the next."""
    options = Options(engine=engine, engine_options=harbour.options)
    jobs = harbour.jobs()
    taken = []
    began = time.perf_counter()
    with closing(rerun_all(jobs, options, Progress(quiet=True))) as verdicts:
        for job, found in verdicts:
            ended = time.perf_counter()
            if isinstance(found, EnvcapError):
                raise found
            if found.verdict not in _SAME:
                raise RuntimeError(f"{job.manifest.job.name}: {found.verdict}")
            taken.append(ended - began)
            began = time.perf_counter()
    return taken


def one_by_one(harbour: Harbour) -> list[float]:
    """Re-run the catalogs by a command each and return the seconds that each took."""
    return [timed(partial(harbour.replay, "run", job)) for job in harbour.jobs()]


if __name__ == "__main__":
    main()
