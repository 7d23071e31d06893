# SPDX-License-Identifier: Apache-2.0
"""`envcap run`: records one command as a job, and switches the hooks on for what runs inside it.

The payload comes first: whatever goes wrong with capture is said in one line on stderr, and the payload runs as it
would have run without.
"""

from __future__ import annotations

import errno
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
from ..target import Target, find_program
from ..trust.key import key_path
from .attempt import AttemptWriter, open_journal, to_be_told
from .context import Context
from .declared import DeclaredFiles, portable_names
from .listening import Listener
from .payload import Signals, keep_standard_streams, over_within, spawn, wait
from .schedulers import scheduler_facts
from .variables import CONFIRM_VARIABLE, CONTEXT_VARIABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .quanta import PayloadQuanta

__all__ = ("CANNOT_START", "NOT_EXECUTABLE", "NOT_FOUND", "CommandJob", "run_command")

CANNOT_START = 125
NOT_EXECUTABLE = 126
NOT_FOUND = 127

_MAX_CONFIG = 1 << 24
_STDERR = 2
_MAX_CONTEXT = 120_000
"""Longest value of a variable, in bytes: Linux takes 128 KiB for one string, its name included (execve(2))."""


class CommandJob:
    """A command with what its user declared.

    Attributes
    ----------
    argv : sequence of `str`
    job_id : `str` or `None`
    files : `DeclaredFiles`
    env_names : sequence of `str`
        Environment variables to record by value, beyond the allow-list.
    check_files : `str` or `None`
        How to look at installed files, whenever they were looked at last (`envcap.hooks.installed`).
    prove : `bool`
        Whether to ask the index which file each distribution was installed from.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        job_id: str | None = None,
        configs: Sequence[str] = (),
        inputs: Sequence[str] = (),
        outputs: Sequence[str] = (),
        env_names: Sequence[str] = (),
        check_files: str | None = None,
        prove: bool = False,
    ) -> None:
        self.argv = argv
        self.job_id = job_id
        self.files = DeclaredFiles(configs, inputs, outputs)
        self.env_names = env_names
        self.check_files = check_files
        self.prove = prove


def run_command(job: CommandJob, store: LocalStore) -> int:
    """Run a command, record it, and return its exit status as a shell tells it (128 + n for signal n)."""
    keep_standard_streams()
    environ = _child_environ(job)
    program = find_program(job.argv[0], environ)
    if program is None:
        known = os.sep in job.argv[0] and os.path.exists(job.argv[0])
        _say(f"{job.argv[0]}: {'no executable file; chmod +x makes one' if known else 'no such command on PATH'}")
        return NOT_EXECUTABLE if known else NOT_FOUND
    recording = _Recording(job, store, environ)
    recording.begin()
    listener = Listener(recording.hear)
    if recording.context is not None:
        text = recording.context.to_text()
        if len(text.encode("utf-8", "surrogateescape")) < _MAX_CONTEXT:
            environ[CONTEXT_VARIABLE] = text
            listener.begin()
        else:
            _say("degraded: what children would have to know is too long for a variable; quanta are not recorded")
    environ[CONFIRM_VARIABLE] = listener.variable
    try:
        with Signals() as signals:
            pid = spawn(program, job.argv, environ, signals.to_restore)
            signals.pass_on_to(pid)
            recording.beside(lambda seconds: over_within(pid, seconds))
            status, resources = wait(pid)
    except OSError as err:
        status = {errno.EACCES: NOT_EXECUTABLE, errno.ENOEXEC: NOT_EXECUTABLE, errno.ENOENT: NOT_FOUND}.get(
            err.errno or 0, CANNOT_START
        )
        # The program itself was found.
        reason = "the interpreter that it asks for is not there" if err.errno == errno.ENOENT else err.strerror
        _say(f"{program}: {reason}")
        recording.end(status, {}, f"not started: {reason}", listener.end())
        return status
    recording.end(status, resources, None, listener.end())
    return status


def _say(message: str) -> None:
    try:
        os.write(_STDERR, f"envcap: {message}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        # stderr is closed, full or missing: the payload matters more than what we have to say.
        return


def _child_environ(job: CommandJob) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if name not in (CONTEXT_VARIABLE, CONFIRM_VARIABLE)}
    # Without it, Python draws a seed that nobody can read back, and the order of sets is lost (ADR 0003).
    environ.setdefault("PYTHONHASHSEED", "0")
    if job.env_names:
        environ["ENVCAP_EXTRA_ENV"] = ",".join(job.env_names)
    return environ


class _Recording:
    """The two documents of a command. Neither method raises: capture never kills a job."""

    def __init__(self, job: CommandJob, store: LocalStore, environ: Mapping[str, str]) -> None:
        self._job = job
        self._store = store
        self._environ = environ
        self._writer: AttemptWriter | None = None
        self._target = Target.none(environ)
        self._environment = Environment(self._target)
        self._beside: dict[str, tuple[Descriptor | None, Outcome]] = {}
        self._journal: Journal | None = None
        self._fault: str | None = None
        self._quanta: PayloadQuanta | None = None
        self._sealed: dict[str, Outcome] = {}
        self.context: Context | None = None

    def begin(self) -> None:
        try:
            self._begin()
        except StoreError as err:
            _say(f"this job is not recorded: {err}")
        except Exception as err:  # noqa: BLE001  (a fault of ours must not keep the payload from running)
            _say(f"this job is not recorded, by a fault of envcap's own: {type(err).__name__}: {err}")

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
            _say(f"degraded: {reason}")
        enclosing = Context.from_environ()
        job = Job(
            kind="command",
            name=os.path.basename(self._job.argv[0]),
            activator="envcap run",
            argv=scrub_argv(self._job.argv),
            cwd=os.getcwd(),
            parent=enclosing.parent if enclosing else None,
            scheduler=scheduler_facts(self._environ),
            files={name: os.path.abspath(path) for path, name in _placeholders(self._job.files).items()} or None,
        )
        writer = AttemptWriter(
            journal,
            environment,
            work,
            job,
            job_id=self._job.job_id or (job.scheduler or {}).get("bps.job"),
            outcomes=outcomes,
            scrubbed=self._job.files.scrubbed,
        )
        writer.begin()
        self._writer, self._journal = writer, journal
        self.context = Context(self._store, writer.attempt, environment, key_path())

    def _work(self, outcomes: dict[str, Outcome]) -> Command:
        config, outcomes["command"] = self._job.files.keep_configs(self._store)
        return Command(argv=_portable(self._job), config=config, inputs=self._job.files.read_inputs())

    def hear(self, line: str) -> None:
        """Record what a process of the payload tells of its quanta, while it runs. It never raises."""
        if self.context is None or self._journal is None:
            return
        try:
            if self._quanta is None:
                from .quanta import PayloadQuanta

                self._quanta = PayloadQuanta(self.context, self._journal, self._sealed)
            self._quanta.hear(line)
        except Exception as err:  # noqa: BLE001  (a fault of ours, while the payload runs: it must be waited for)
            self.context = None  # it would be the same with whatever else is told
            self._blame(err)

    def beside(self, over: Callable[[float], bool]) -> None:
        """Look at what need not be known before the payload starts, while it runs. It never raises."""
        if self._writer is None:
            return
        try:
            self._look_beside(over)
        except Exception as err:  # noqa: BLE001  (a fault of ours, while the payload runs: it must be waited for)
            self._blame(err)

    def _blame(self, err: Exception) -> None:
        self._fault = f"{type(err).__name__}: {err}"
        _say(f"degraded: what is done beside the payload: {self._fault}")

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

    def end(self, status: int, resources: Mapping[str, str], error: str | None, said: Sequence[str]) -> None:
        if self._writer is None:
            return
        try:
            self._end(self._writer, status, resources, error, said)
        except EnvcapError as err:
            _say(f"this job's result is not recorded: {err}")
        except Exception as err:  # noqa: BLE001  (a fault of ours must not change the payload's exit status)
            _say(f"this job's result is not recorded, by a fault of envcap's own: {type(err).__name__}: {err}")

    def _end(
        self, writer: AttemptWriter, status: int, resources: Mapping[str, str], error: str | None, said: Sequence[str]
    ) -> None:
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
            _say(f"unstable: {kind} changed while the job ran: {what}")
        outputs, missing = self._job.files.written(degraded)
        writer.end(
            status="ok" if status == 0 else "failed",
            exit_status=status,
            error=error,
            inputs=self._job.files.used(),
            outputs=outputs,
            missing=missing,
            contents=self._job.files.contents(),
            resources=resources,
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
            _say(f"degraded: {reason}")
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
