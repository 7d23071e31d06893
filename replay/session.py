# SPDX-License-Identifier: Apache-2.0
"""One session of replays: rebuild, execute, compare, and put the verdicts into the store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice

from envcap.environment import Environment
from envcap.errors import EnvcapError
from envcap.hooks.attempt import AttemptWriter, file_record
from envcap.ids import uuid7
from envcap.memo import cache_dir
from envcap.model.manifest import Job
from envcap.model.result import FileRecord, Output
from envcap.store.journal import Journal

from .build.base import Built
from .bundle.places import bundled_repository
from .errors import BuildError, ReplayFailedError, ReplayRefusedError
from .execute.command import WORK, run_command
from .execute.destination import Destination
from .execute.isolated import IsolatedRepositories
from .execute.leftovers import Leftovers
from .execute.quantum import Asked, MissingInputsError, ask_for_quantum, hear, made_outputs
from .execute.reading import read_outputs
from .execute.remade import RemadeOutput
from .execute.server import Servers
from .execute.visible import input_files
from .fidelity import Fidelity, Layer
from .jobs.base import CapturedJob
from .jobs.command import CapturedCommand
from .jobs.quantum import CapturedQuantum
from .options import ANOTHER_PLACE, Options
from .pinning.replayed import ReplayedNumerics
from .planning import Plan
from .progress import Progress
from .rubin.places import absolute, is_here
from .under_way import Executed, Started
from .verdict import ReadOutputs, ReplayVerdict, judge_outputs

__all__ = ("ReplaySession",)

_MOST_FILES = 1024
"""Inputs of quanta to come that a server is shown: bubblewrap takes 9,000 arguments, and each file is three."""


class ReplaySession:
    """Replays of one or more jobs, with the quanta that have to be re-made first.

    Each environment is rebuilt once, and has one server that forks for each quantum.

    Parameters
    ----------
    journal : `Journal`
    options : `Options`
    progress : `Progress`
    """

    def __init__(self, journal: Journal, options: Options, progress: Progress) -> None:
        self._journal = journal
        self._options = options
        self._progress = progress
        self.folder = os.path.join(cache_dir(), "replays", uuid7())
        self._remade: dict[str, str] = {}
        self._started = False
        self._under_way: list[Started] = []
        self._servers = Servers()
        self._repositories = IsolatedRepositories(self.folder)
        self._isolated = self._repositories.first
        self._built: dict[object, Built] = {}
        self._leftovers = Leftovers(self._repositories)
        if self.folder.startswith("~"):
            raise BuildError(f"there is no place for replays, since this user has no home directory; {ANOTHER_PLACE}")
        try:
            os.makedirs(self.folder)
        except OSError as err:
            raise BuildError(f"{self.folder}: {err.strerror}; {ANOTHER_PLACE}") from err

    def expect(self, jobs: Iterable[CapturedJob]) -> None:
        """Say which jobs are to come, so that one server serves them all."""
        files = (path for job in jobs if isinstance(job, CapturedQuantum) for path in input_files(job))
        self._servers.files = tuple(islice(dict.fromkeys(files), _MOST_FILES))

    def start(self, plan: Plan) -> Started:
        """Begin with a job. Another one may be under way: what nobody keeps is asked for at once, and runs after it.

        Raises
        ------
        EnvcapError
            With the exit code that DESIGN section 5 gives the reason.
        """
        isolated = self._repositories.first
        if isinstance(plan.job, CapturedQuantum):
            isolated = self._repositories.free_for(plan.job, copied=self._kept)
        self._isolated = isolated
        return self._start(plan, isolated, self._progress.another(), ahead=not self._kept)

    def finish(self, started: Started) -> Executed:
        """Wait until a job has run; the jobs are to be waited for in the order in which they were started.

        Raises
        ------
        EnvcapError
            As `start`.
        """
        job, numerics, writer = started.plan.job, started.numerics, started.writer
        with self._ended_by_error(started):
            remade = self._run(started)
        self._under_way.remove(started)
        writer.end(status="ok", outputs=[_output(one) for one in remade], **vars(numerics.recorded))
        layers = self._reached(started.plan, numerics.built, numerics.after, started.made_first)
        replace(started.plan, layers=layers).check(self._options.require)
        read: ReadOutputs = {}
        if isinstance(job, CapturedQuantum):
            destination = self._destination(job, started.isolated)
            read = read_outputs(job, remade, numerics.built, destination, started.scratch, self._servers)
        place = self._place(job, started.isolated)
        return Executed(started.plan, layers, writer.attempt, remade, read, place, started.progress)

    def judge(self, executed: Executed) -> ReplayVerdict:
        """Compare what a job made with what it made when it was captured; another job may be executed meanwhile.

        Raises
        ------
        EnvcapError
            As `start`.
        """
        job, options, remade = executed.plan.job, self._options, executed.remade
        policy = options.policy.for_new_run() if options.new_run else options.policy
        policy = policy.for_unknown_seed() if job.origin is not None else policy
        with executed.progress.step("compare"):
            outputs = judge_outputs(job, remade, policy, options.given, executed.read)
        judged = {output.remade.original for output in outputs}
        verdict = ReplayVerdict(
            job=job,
            replay=executed.attempt,
            outputs=outputs,
            extra=[
                one.dataset_type for one in remade if one.original not in judged and job.is_science(one.dataset_type)
            ],
            layers=executed.layers,
            engine=executed.plan.engine,
            code=executed.plan.code,
            seconds=executed.progress.seconds,
            place=executed.place,
            campaign=options.campaign,
        )
        self._journal.append(("verdict", verdict.to_bytes()))
        if verdict.verdict in options.discarded:
            self._leftovers.discard(self._scratch(job), remade)
        else:
            self._leftovers.keep(remade)
        return verdict

    def remake(self, plan: Plan) -> list[RemadeOutput]:
        """Replay a job and return what it made, without a verdict.

        Raises
        ------
        EnvcapError
            As `start`.
        """
        return self.finish(self.start(plan)).remade

    def forget(self, job: CapturedJob) -> None:
        """Delete what was re-made of the last job; its code stays, since later jobs may share it."""
        shutil.rmtree(self._place(job, self._isolated), ignore_errors=True)

    def _scratch(self, job: CapturedJob) -> str:
        return os.path.join(self.folder, f"job-{job.manifest.attempt}")

    def _place(self, job: CapturedJob, isolated: str) -> str:
        """Return where what was re-made is, for people."""
        if not isinstance(job, CapturedQuantum):
            return os.path.join(self._scratch(job), WORK)
        return f"RUN {self._options.new_run}" if self._options.new_run else isolated

    def tidy(self) -> None:
        """Leave nothing but the isolated repository and the log."""
        self._servers.close()
        for started in tuple(self._under_way):
            with suppress(EnvcapError), self._ended_by_error(started):
                raise ReplayFailedError("its end was not waited for")
        for name in os.listdir(self.folder):
            if name.startswith(("job-", "server")):
                for part in ("asked", "code", "home", "tmpdir"):
                    shutil.rmtree(os.path.join(self.folder, name, part), ignore_errors=True)
                with suppress(OSError):  # it has a log
                    os.rmdir(os.path.join(self.folder, name))
        if self._options.discarded:
            self._leftovers.prune()
            if os.listdir(self.folder) == ["server"]:  # a log of nothing that is kept
                shutil.rmtree(os.path.join(self.folder, "server"), ignore_errors=True)
        with suppress(OSError):  # it has what was re-made
            os.rmdir(self.folder)

    def drop(self) -> None:
        """Delete what was re-made."""
        for path in self._repositories.paths:
            shutil.rmtree(path, ignore_errors=True)

    def _start(self, plan: Plan, isolated: str, progress: Progress, *, ahead: bool) -> Started:
        job = plan.job
        scratch = self._scratch(job)
        os.makedirs(scratch)
        numerics = self._numerics(job, self._environment(plan, scratch, progress), scratch, progress)
        replace(plan, layers=self._reached(plan, numerics.built, numerics.before)).check(self._options.require)
        started = Started(plan, isolated, progress, scratch, numerics, self._begin(job, numerics.built))
        self._under_way.append(started)
        if ahead and isinstance(job, CapturedQuantum):
            with self._ended_by_error(started):
                started.asked = self._ask(started, job)
        return started

    def _numerics(self, job: CapturedJob, built: Built, scratch: str, progress: Progress) -> ReplayedNumerics:
        """Return the numerics of a replay, pinned if the user asked for that."""
        if not self._options.pin_math:
            return ReplayedNumerics(job, built, scratch, pin=False)
        with progress.step("pin the numerics"):
            return ReplayedNumerics(job, built, scratch, pin=True)

    def _environment(self, plan: Plan, scratch: str, progress: Progress) -> Built:
        """Return the job's environment; one that was rebuilt for another job of this session serves again."""
        manifest = plan.job.manifest
        software = tuple(sorted((kind, one.digest) for kind, one in plan.job.attempt.recipe.software.items()))
        place = manifest.site.digest if manifest.site else None
        container = manifest.host.get("container")
        key = (software, place, container.digest if container else None, plan.job.origin is None)
        if key not in self._built:
            self._built[key] = plan.chosen.build(plan.job, plan.code, scratch, progress)
        return self._built[key]

    @contextmanager
    def _ended_by_error(self, started: Started) -> Iterator[None]:
        """Let the replay's own record say what ended it."""
        try:
            yield
        except BaseException as err:
            self._under_way.remove(started)
            reason = f"{type(err).__name__}: {err}"
            started.writer.end(status="failed", error=reason, **vars(started.numerics.recorded))
            raise

    def _run(self, started: Started) -> list[RemadeOutput]:
        try:
            remade = self._made(started)
        except MissingInputsError as err:
            if not self._options.recursive:
                raise ReplayRefusedError(f"{err}; --recursive makes it again first") from err
            assert isinstance(started.plan.job, CapturedQuantum)
            for uuid in err.uuids:
                if uuid not in self._remade:  # one quantum may make several
                    self._make_first(started, started.plan.job, uuid)
            remade = self._made(started)
        self._started = True
        return remade

    def _made(self, started: Started) -> list[RemadeOutput]:
        """Return what a job made, once it has run."""
        job, built, title = started.plan.job, started.numerics.built, f"run {started.plan.job.manifest.job.name}"
        if not isinstance(job, CapturedQuantum):
            assert isinstance(job, CapturedCommand)
            with started.progress.step(title):
                return run_command(job, built, started.scratch)
        with started.progress.step(title):
            asked = started.asked or self._ask(started, job)
            response, seconds = hear(asked, self._servers)
        if started.asked is not None:
            started.progress.seconds[title] = seconds  # it waited for the one before it, and ran while nobody listened
        return made_outputs(asked, response)

    def _ask(self, started: Started, job: CapturedQuantum) -> Asked:
        destination = self._destination(job, started.isolated)
        return ask_for_quantum(job, started.numerics.built, destination, started.scratch, self._servers)

    def _make_first(self, started: Started, consumer: CapturedQuantum, uuid: str) -> None:
        try:
            producer = consumer.producer(uuid)
        except EnvcapError as err:
            raise ReplayRefusedError(f"input {uuid} is gone, and it can't be made again: {err}") from err
        plan = self._options.plan(producer)
        plan.check(self._options.require)
        first = self._start(plan, started.isolated, started.progress, ahead=False)
        self._remade |= {one.original: one.dataset for one in self.finish(first).remade}
        started.made_first += [*first.made_first, producer.manifest.job.name]

    def _destination(self, job: CapturedQuantum, isolated: str) -> Destination:
        options = self._options
        repository = absolute(options.repository or self._repository(job))
        run = options.new_run or job.manifest.job.run
        if run is None:
            raise ReplayRefusedError("the job's RUN was not captured; name one with --run")
        place = None if options.new_run else isolated
        return Destination(repository, place, run, self._remade, self._started, self._kept)

    @property
    def _kept(self) -> bool:
        """Whether the isolated repositories are to be such: what is pruned at the end needs no registry and inputs."""
        return self._options.recursive or not self._options.discarded

    def _repository(self, job: CapturedQuantum) -> str:
        """Return the job's repository, or what came of it in a bundle if that is gone, or nothing may be fetched."""
        bundled = bundled_repository(job.manifest.attempt)
        if bundled is not None and (self._options.engine_options.offline or not is_here(job.repository)):
            return bundled
        return job.repository

    def _reached(self, plan: Plan, built: Built, numerics: Layer, made_first: Sequence[str] = ()) -> tuple[Layer, ...]:
        """Return the plan's layers with what the engine reached, the numerics, and what had to be re-made."""
        reached = {layer.name: layer for layer in (*built.layers, numerics)}
        layers = [reached.get(layer.name, layer) for layer in plan.layers]
        if made_first:
            detail = f"re-made first: {', '.join(made_first)}"
            layers = [Layer("inputs", Fidelity.REBUILT, detail) if one.name == "inputs" else one for one in layers]
        return tuple(layers)

    def _begin(self, job: CapturedJob, built: Built) -> AttemptWriter:
        """Write the replay's own manifest: what it ran in, captured like any job's environment."""
        job.keep()
        environment = _environment_of(job, built)
        original = job.manifest.job
        own = Job(
            kind=original.kind,
            name=original.name,
            activator="replay",
            argv=["rerun"],
            quantum=original.quantum,
            run=self._options.new_run or original.run,
            butler=self._options.repository or original.butler,
            inputs=original.inputs,
            init_inputs=original.init_inputs,
            outputs=original.outputs,
        )
        writer = AttemptWriter(
            self._journal, environment, job.work, own, job_id=job.manifest.job_id, replay_of=job.replay_of
        )
        writer.begin()
        return writer


def _environment_of(job: CapturedJob, built: Built) -> Environment:
    environment = built.environment
    source = next((layer for layer in built.layers if layer.name == "source"), None)
    captured = job.attempt.recipe.software.get("source")
    if source is not None and source.fidelity is Fidelity.EXACT and captured is not None:
        # Put back from the commit, it stands outside git now; what it is has not changed.
        environment.software["source"] = captured
    return environment


def _output(one: RemadeOutput) -> Output:
    record = file_record(one.path, one.uri) if one.path else FileRecord(uri=one.uri)
    return Output(dataset=one.dataset, dataset_type=one.dataset_type, file=record)
