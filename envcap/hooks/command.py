# SPDX-License-Identifier: Apache-2.0
"""`envcap run`: records one command as a job, and switches the hooks on for what runs inside it.

The payload comes first: whatever goes wrong with capture is said in one line on stderr, and the payload runs as it
would have run without.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence

from ..digest import digest_of_file
from ..environment import Environment, capture_environment
from ..errors import CollectorError, EnvcapError, StoreError, UsageError
from ..model.components import Command
from ..model.descriptor import Descriptor
from ..model.manifest import Job, Outcome
from ..model.result import FileRecord, Input, Output
from ..redact import scrub, scrub_argv
from ..store.journal import Journal
from ..store.keeper import Keeper
from ..store.local import LocalStore
from ..target import Target, find_program
from .attempt import AttemptWriter, file_record
from .context import CONFIRM_VARIABLE, CONTEXT_VARIABLE, Context
from .payload import Signals, keep_standard_streams, read_confirmations, spawn, wait

__all__ = ("CANNOT_START", "NOT_EXECUTABLE", "NOT_FOUND", "CommandJob", "run_command")

CANNOT_START = 125
NOT_EXECUTABLE = 126
NOT_FOUND = 127

_MAX_CONFIG = 1 << 24
_STDERR = 2


class CommandJob:
    """A command with what its user declared.

    Attributes
    ----------
    argv : sequence of `str`
    job_id : `str` or `None`
    configs, inputs, outputs : sequence of `str`
        Paths.
    env_names : sequence of `str`
        Environment variables to record by value, beyond the allow-list.
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
    ) -> None:
        self.argv = argv
        self.job_id = job_id
        self.configs = configs
        self.inputs = inputs
        self.outputs = outputs
        self.env_names = env_names
        for path in (*configs, *inputs):
            if not os.path.isfile(path):
                raise UsageError(f"{path}: no such file; --config and --input name files that exist")


def run_command(job: CommandJob, store: LocalStore) -> int:
    """Run a command, record it, and return its exit status as a shell tells it (128 + n for signal n)."""
    keep_standard_streams()
    environ = _child_environ(job)
    program = find_program(job.argv[0], environ)
    if program is None:
        known = os.sep in job.argv[0] and os.path.exists(job.argv[0])
        _say(f"{job.argv[0]}: {'not executable' if known else 'no such command'}")
        return NOT_EXECUTABLE if known else NOT_FOUND
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    os.set_blocking(writer, False)
    recording = _Recording(job, store, environ)
    recording.begin()
    pipe = os.fstat(writer)
    environ[CONFIRM_VARIABLE] = f"{writer}:{pipe.st_dev}:{pipe.st_ino}"
    if recording.context is not None:
        environ[CONTEXT_VARIABLE] = recording.context.to_text()
    try:
        with Signals() as signals:
            pid = spawn(program, job.argv, environ, signals.to_restore)
            os.close(writer)
            signals.pass_on_to(pid)
            status, resources = wait(pid)
    except OSError as err:
        status = {errno.EACCES: NOT_EXECUTABLE, errno.ENOEXEC: NOT_EXECUTABLE, errno.ENOENT: NOT_FOUND}.get(
            err.errno or 0, CANNOT_START
        )
        _say(f"{program}: {err.strerror}")
        recording.end(status, {}, f"not started: {err.strerror}", [])
        return status
    recording.end(status, resources, None, read_confirmations(reader))
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
        self._inputs: dict[str, FileRecord] = {}
        self._prefix = ""
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
        journal = Journal(self._store.root)
        journal.reserve()
        outcomes: dict[str, Outcome] = {}
        try:
            target = Target.of_command(self._job.argv, self._environ)
        except (CollectorError, OSError) as err:
            target = Target.none(self._environ)
            for kind in ("interpreter", "python_dists", "source"):
                outcomes[kind] = Outcome(status="failed", reason=str(err))
        environment = capture_environment(target, self._store)
        self._prefix = environment.prefix
        work = self._work(environment, outcomes)
        enclosing = Context.from_environ()
        job = Job(
            kind="command",
            name=os.path.basename(self._job.argv[0]),
            activator="envcap run",
            argv=scrub_argv(self._job.argv),
            cwd=os.getcwd(),
            parent=enclosing.parent if enclosing else None,
        )
        writer = AttemptWriter(journal, environment, work, job, job_id=self._job.job_id, outcomes=outcomes)
        writer.begin()
        self._writer = writer
        self.context = Context(self._store, writer.attempt, environment)

    def _work(self, environment: Environment, outcomes: dict[str, Outcome]) -> Command:
        names = _names((*self._job.configs, *self._job.inputs))
        config = {names[path]: self._keep_config(path, outcomes) for path in self._job.configs}
        self._inputs = {path: file_record(os.path.abspath(path)) for path in self._job.inputs}
        digests = {names[path]: record.digest or "" for path, record in self._inputs.items()}
        outcomes["command"] = outcomes.get("command") or Outcome(status="captured")
        return Command(argv=_portable(self._job), config=config, inputs=digests)

    def _keep_config(self, path: str, outcomes: dict[str, Outcome]) -> Descriptor:
        if os.path.getsize(path) > _MAX_CONFIG:
            digest, size = digest_of_file(path)
            outcomes["command"] = Outcome(status="failed", reason=f"{path}: too large to keep, only its digest is")
            return Descriptor(mediaType="application/octet-stream", digest=digest, size=size)
        with open(path, "rb") as stream:
            data = scrub(stream.read().decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        keeper = Keeper(self._store)
        kept = keeper.blob("application/octet-stream", data)
        if keeper.failure is not None:
            outcomes["command"] = keeper.failure
        return kept

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
        degraded = self._confirm(said)
        outputs, missing = self._outputs(degraded)
        names = _names((*self._job.configs, *self._job.inputs))
        writer.end(
            status="ok" if status == 0 else "failed",
            exit_status=status,
            error=error,
            inputs=[Input(dataset=r.uri or "", available=True, used=True, file=r) for r in self._inputs.values()],
            outputs=outputs,
            missing=missing,
            contents={names[path]: record.digest for path, record in self._inputs.items()},
            resources=resources,
            degraded=degraded,
        )

    def _outputs(self, degraded: dict[str, str]) -> tuple[list[Output], list[str]]:
        outputs, missing = [], []
        for path in self._job.outputs:
            try:
                outputs.append(Output(file=file_record(os.path.abspath(path))))
            except FileNotFoundError:
                missing.append(path)
            except OSError as err:
                degraded[f"output {path}"] = err.strerror or str(err)
        return outputs, missing

    def _confirm(self, said: Sequence[str]) -> dict[str, str]:
        """Return what the payload's own Python contradicts, and what its hooks could not do."""
        degraded = {
            f"hook {i}": line.removeprefix("degraded ") for i, line in enumerate(said) if line[:8] == "degraded"
        }
        prefixes = [line.removeprefix("prefix ") for line in said if line.startswith("prefix ")]
        if prefixes and prefixes[0] != self._prefix:
            captured = f"captured in {self._prefix}" if self._prefix else "no Python was captured"
            degraded["interpreter"] = f"{captured}, but the command ran Python in {prefixes[0]}"
        for reason in degraded.values():
            _say(f"degraded: {reason}")
        return degraded


def _names(paths: Sequence[str]) -> dict[str, str]:
    """Return a name for each path that holds no place: its last part, numbered where several have the same."""
    names: dict[str, str] = {}
    for path in paths:
        base = os.path.basename(path)
        same = sum(os.path.basename(other) == base for other in names)
        names.setdefault(path, f"{base}#{same + 1}" if same else base)
    return names


def _portable(job: CommandJob) -> list[str]:
    """Return the command line without the places of this site: declared files and programs go by name."""
    declared = dict.fromkeys(job.configs, "config") | dict.fromkeys(job.inputs, "input")
    declared |= dict.fromkeys(job.outputs, "output")
    names = _names(list(declared))

    def portable(word: str) -> str:
        option, equals, value = word.partition("=")
        if word in declared:
            return f"{{{declared[word]}:{names[word]}}}"
        if equals and value in declared:
            return f"{option}={{{declared[value]}:{names[value]}}}"
        return os.path.basename(word) if word.endswith(".py") and os.path.isfile(word) else word

    clean = scrub_argv(job.argv)
    return [os.path.basename(clean[0]), *map(portable, clean[1:])]
