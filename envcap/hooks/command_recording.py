# SPDX-License-Identifier: Apache-2.0
"""Records one command as a job: its manifest before the payload runs, its result after it, and the quanta within."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from ..environment import Environment, capture_environment
from ..errors import CollectorError, EnvcapError, StoreError
from ..memo import Memo
from ..model.components import Command
from ..model.descriptor import Descriptor
from ..model.manifest import Job, Outcome
from ..redact import CLEAN, scrub_argv
from ..revalidation import changes_since
from ..store.journal import Journal
from ..store.local import LocalStore
from ..store.state import runs
from ..target import Target
from ..trust.key import key_path
from .attempt import AttemptWriter, open_journal, to_be_told
from .command import CommandJob
from .context import Context
from .declared import DeclaredFiles, portable_names
from .payload import Ended
from .schedulers import scheduler_facts
from .stderr import warn

__all__ = ("CommandRecording",)

_MAX_CONTEXT = 120_000
"""Longest value of a variable, in bytes: Linux takes 128 KiB for one string, its name included (execve(2))."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .quanta import PayloadQuanta


class CommandRecording:
    """The two documents of a command. No method raises: capture never kills a job.

    Parameters
    ----------
    job : `CommandJob`
    environ : mapping
        The payload's environment variables.
    """

    def __init__(self, job: CommandJob, environ: Mapping[str, str]) -> None:
        self._job = job
        self._files = job.files
        self._store = LocalStore(job.store)
        self._environ = environ
        self._writer: AttemptWriter | None = None
        self._target = Target.none(environ)
        self._environment = Environment(self._target)
        self._beside: dict[str, tuple[Descriptor | None, Outcome]] = {}
        self._journal: Journal | None = None
        self._fault: str | None = None
        self._quanta: PayloadQuanta | None = None
        self._sealed: dict[str, Outcome] = {}
        self._context: Context | None = None

    def begin(self) -> None:
        """Write the manifest."""
        try:
            self._begin()
        except StoreError as err:
            warn(f"this job is not recorded: {err}")
        except Exception as err:  # noqa: BLE001  (a fault of ours must not keep the payload from running)
            warn(f"this job is not recorded, by a fault of envcap's own: {type(err).__name__}: {err}")

    def _begin(self) -> None:
        self._store.create()
        journal, self._sealed = open_journal(self._store)
        outcomes = dict(self._sealed)
        journal.reserve()
        try:
            target = Target.of_command(self._job.argv, self._environ)
        except (CollectorError, OSError) as err:
            target = Target.none(self._environ)
            for kind in ("interpreter", "python_dists", "source"):
                outcomes[kind] = Outcome(status="failed", reason=str(err))
        environment = capture_environment(target, self._store)
        self._target, self._environment = target, environment
        work = self._work(outcomes)
        for reason in to_be_told({**environment.outcomes, **outcomes}):
            warn(f"degraded: {reason}")
        enclosing = Context.from_environ()
        job = Job(
            kind="command",
            name=os.path.basename(self._job.argv[0]),
            activator="envcap run",
            argv=scrub_argv(self._job.argv),
            cwd=os.getcwd(),
            parent=enclosing.parent if enclosing else None,
            scheduler=scheduler_facts(self._environ),
            files={name: os.path.abspath(path) for path, name in _placeholders(self._files).items()} or None,
        )
        writer = AttemptWriter(
            journal,
            environment,
            work,
            job,
            job_id=self._job.job_id or (job.scheduler or {}).get("bps.job"),
            outcomes=outcomes,
            scrubbed=self._files.scrubbed,
        )
        writer.begin()
        self._writer, self._journal = writer, journal
        self._context = Context(self._store, writer.attempt, environment, key_path())

    def _work(self, outcomes: dict[str, Outcome]) -> Command:
        config, outcomes["command"] = self._files.keep_configs(self._store)
        return Command(argv=_portable(self._job), config=config, inputs=self._files.read_inputs())

    def context_text(self, heard: str | None) -> str | None:
        """Return what the payload's processes have to know of the job; `None` if it is not recorded.

        Parameters
        ----------
        heard : `str` or `None`
            The value of `CONFIRM_VARIABLE`.
        """
        if self._context is None:
            return None
        text = self._context.to_text(heard)
        if len(text.encode("utf-8", "surrogateescape")) < _MAX_CONTEXT:
            return text
        warn("degraded: what children would have to know is too long for a variable; quanta are not recorded")
        return None

    def hear(self, line: str) -> None:
        """Record what a process of the payload tells of its quanta, while it runs. It raises if it never can."""
        if self._quanta is None:
            from .quanta import PayloadQuanta

            assert self._context is not None
            assert self._journal is not None
            self._quanta = PayloadQuanta(self._context, self._journal, self._sealed)
        self._quanta.hear(line)

    def beside(self, over: Callable[[float], bool]) -> None:
        """Look at what need not be known before the payload starts, while it runs. It never raises."""
        if self._writer is None:
            return
        try:
            self._look_beside(over)
        except Exception as err:  # noqa: BLE001  (a fault of ours, while the payload runs: it must be waited for)
            self._fault = f"{type(err).__name__}: {err}"
            warn(f"degraded: what is looked at beside the payload: {self._fault}")

    def _look_beside(self, over: Callable[[float], bool]) -> None:
        # What is imported here has the payload wait no longer; the last one is for its end.
        from . import children, installed, node  # noqa: F401

        environment, store = self._environment, self._store
        method = self._job.check_files
        self._beside[installed.KIND] = installed.look_at_installed(self._target, environment, store, method)
        self._beside[node.KIND] = node.look_at_node(environment, store, over)
        if self._job.prove:
            from . import artifacts

            self._beside[artifacts.KIND] = artifacts.look_for_artifacts(self._target, store)

    @staticmethod
    def expects_more(said: Sequence[str]) -> bool:
        """Whether a process of the payload, which is over, has still to say what it had loaded."""
        from .children import unended

        return any(runs(int(pid)) for pid in unended(said) if pid.isdecimal())

    def end(self, ended: Ended, said: Sequence[str]) -> None:
        """Write the result.

        Parameters
        ----------
        ended : `Ended`
        said : sequence of `str`
            What the payload's processes said, line by line.
        """
        if self._writer is None:
            return
        try:
            self._end(self._writer, ended, said)
        except EnvcapError as err:
            warn(f"this job's result is not recorded: {err}")
        except Exception as err:  # noqa: BLE001  (a fault of ours must not change the payload's exit status)
            warn(f"this job's result is not recorded, by a fault of envcap's own: {type(err).__name__}: {err}")

    def _end(self, writer: AttemptWriter, ended: Ended, said: Sequence[str]) -> None:
        from .children import observed_in_children

        if self._quanta is not None:
            said = [*said, *self._quanta.settle()]
        degraded = self._confirm(said)
        observed = observed_in_children(self._store, said, self._environment)
        for kind, found in self._beside.items():
            observed.add(kind, *found)
        degraded |= observed.failures
        if self._fault is not None:
            degraded["beside the payload"] = self._fault
        environment = self._environment
        components = {**environment.software, **environment.host}
        unstable = changes_since(environment.fingerprints, components, self._target, self._store)
        for kind, what in unstable.items():
            warn(f"unstable: {kind} changed while the job ran: {what}")
        outputs, missing = self._files.written(degraded)
        writer.end(
            status="ok" if ended.status == 0 else "failed",
            exit_status=ended.status,
            error=ended.error,
            inputs=self._files.used(),
            outputs=outputs,
            missing=missing,
            contents=self._files.contents(),
            resources=ended.resources,
            outcomes=observed.outcomes,
            observed=observed.components,
            unstable=unstable,
            degraded=degraded,
        )
        if self._journal is not None:
            self._journal.close()
        CLEAN.save(Memo())

    def _confirm(self, said: Sequence[str]) -> dict[str, str]:
        """Return what the payload's own Python contradicts, and what its hooks could not do."""
        degraded = {
            f"hook {i}": line.removeprefix("degraded ") for i, line in enumerate(said) if line[:8] == "degraded"
        }
        prefixes = [line.removeprefix("prefix ") for line in said if line.startswith("prefix ")]
        prefix = self._environment.prefix
        if prefixes and prefixes[0] != prefix:
            captured = f"captured in {prefix}" if prefix else "no Python was captured"
            degraded["interpreter"] = f"{captured}, but the command ran Python in {prefixes[0]}"
        for reason in degraded.values():
            warn(f"degraded: {reason}")
        return degraded


def _placeholders(files: DeclaredFiles) -> dict[str, str]:
    """Return what stands for each declared file in the recipe: its kind and its name."""
    kinds = dict.fromkeys(files.configs, "config") | dict.fromkeys(files.inputs, "input")
    kinds |= dict.fromkeys(files.outputs, "output")
    names = portable_names(list(kinds))
    return {path: f"{kind}:{names[path]}" for path, kind in kinds.items()}


def _portable(job: CommandJob) -> list[str]:
    """Return the command line without the places of this site: declared files and programs go by name."""
    declared = _placeholders(job.files)

    def portable(word: str) -> str:
        option, equals, value = word.partition("=")
        if word in declared:
            return f"{{{declared[word]}}}"
        if equals and value in declared:
            return f"{option}={{{declared[value]}}}"
        return os.path.basename(word) if word.endswith(".py") and os.path.isfile(word) else word

    clean = scrub_argv(job.argv)
    return [os.path.basename(clean[0]), *map(portable, clean[1:])]
