# SPDX-License-Identifier: Apache-2.0
"""`envcap run`: records one command as a job, and switches the hooks on for what runs inside it.

The payload comes first: whatever goes wrong with capture is said in one line on stderr, and the payload runs as it
would have run without.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from ..digest import digest_of_file
from ..environment import Environment, capture_environment
from ..errors import CollectorError, EnvcapError, StoreError, UsageError
from ..model.components import Command
from ..model.descriptor import Descriptor, describe_bytes
from ..model.manifest import Job, Outcome
from ..model.result import FileRecord, Input, Output
from ..redact import scrub, scrub_argv
from ..store.journal import Journal
from ..store.local import LocalStore
from ..target import Target, find_program
from .attempt import AttemptWriter, file_record
from .context import CONFIRM_VARIABLE, CONTEXT_VARIABLE, Context

__all__ = ("CANNOT_START", "NOT_EXECUTABLE", "NOT_FOUND", "CommandJob", "run_command")

CANNOT_START = 125
NOT_EXECUTABLE = 126
NOT_FOUND = 127

_MAX_CONFIG = 1 << 24
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT)
# Python ignores these; a payload expects them as they are by default.
_RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)


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
    environ = _child_environ(job)
    program = find_program(job.argv[0], environ)
    if program is None:
        known = os.sep in job.argv[0] and os.path.exists(job.argv[0])
        _say(f"{job.argv[0]}: {'not executable' if known else 'no such command'}")
        return NOT_EXECUTABLE if known else NOT_FOUND
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    recording = _Recording(job, store, environ)
    recording.begin()
    environ[CONFIRM_VARIABLE] = str(writer)
    if recording.context is not None:
        environ[CONTEXT_VARIABLE] = recording.context.to_text()
    try:
        pid = _spawn(program, job.argv, environ)
    except OSError as err:
        status = NOT_EXECUTABLE if err.errno in (errno.EACCES, errno.ENOEXEC) else CANNOT_START
        _say(f"{program}: {err.strerror}")
        recording.end(status, {}, f"not started: {err.strerror}", [])
        return status
    os.close(writer)
    status, resources = _wait(pid)
    recording.end(status, resources, None, _read_confirmations(reader))
    return status


def _say(message: str) -> None:
    sys.stderr.write(f"envcap: {message}\n")


def _child_environ(job: CommandJob) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if name not in (CONTEXT_VARIABLE, CONFIRM_VARIABLE)}
    # Without it, Python draws a seed that nobody can read back, and the order of sets is lost (ADR 0003).
    environ.setdefault("PYTHONHASHSEED", "0")
    if job.env_names:
        environ["ENVCAP_EXTRA_ENV"] = ",".join(job.env_names)
    return environ


def _spawn(program: str, argv: Sequence[str], environ: Mapping[str, str]) -> int:
    try:
        return os.posix_spawn(program, list(argv), environ, setsigdef=_RESTORED)
    except OSError as err:
        if err.errno != errno.ENOEXEC:
            raise
        # A script without a first line that names its interpreter: POSIX has the shell run it.
        return os.posix_spawn("/bin/sh", ["/bin/sh", program, *argv[1:]], environ, setsigdef=_RESTORED)


def _wait(pid: int) -> tuple[int, dict[str, str]]:
    """Wait for the payload, passing signals on; the terminal's own (INT, QUIT) reach it without us."""

    def forward(number: int, frame: object) -> None:
        os.kill(pid, number)

    previous: dict[int, Callable[..., object] | int | None] = {n: signal.signal(n, forward) for n in _FORWARDED}
    previous |= {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGQUIT)}
    try:
        _, wait_status, usage = os.wait4(pid, 0)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    code = os.waitstatus_to_exitcode(wait_status)
    resources = {
        "user_s": f"{usage.ru_utime:.3f}",
        "system_s": f"{usage.ru_stime:.3f}",
        "max_rss_kb": str(usage.ru_maxrss),
    }
    return (code if code >= 0 else 128 - code), resources


def _read_confirmations(reader: int) -> list[str]:
    """Return what the payload's Python processes said; a grandchild may still hold the other end, so don't wait."""
    os.set_blocking(reader, False)
    pieces = []
    try:
        while piece := os.read(reader, 65536):
            pieces.append(piece)
    except BlockingIOError:
        pass
    finally:
        os.close(reader)
    return b"".join(pieces).decode("utf-8", "replace").splitlines()


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
            outcomes["interpreter"] = Outcome(status="failed", reason=str(err))
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
        config = {os.path.basename(path): self._keep_config(path, outcomes) for path in self._job.configs}
        self._inputs = {path: file_record(os.path.abspath(path)) for path in self._job.inputs}
        digests = {os.path.basename(path): record.digest or "" for path, record in self._inputs.items()}
        outcomes["command"] = outcomes.get("command") or Outcome(status="captured")
        return Command(argv=_portable(self._job), config=config, inputs=digests)

    def _keep_config(self, path: str, outcomes: dict[str, Outcome]) -> Descriptor:
        if os.path.getsize(path) > _MAX_CONFIG:
            digest, size = digest_of_file(path)
            outcomes["command"] = Outcome(status="failed", reason=f"{path}: too large to keep, only its digest is")
            return Descriptor(mediaType="application/octet-stream", digest=digest, size=size)
        with open(path, "rb") as stream:
            data = scrub(stream.read().decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        try:
            self._store.put(data)
        except StoreError as err:
            outcomes["command"] = Outcome(status="failed", reason=f"captured, but not kept: {err}")
        return describe_bytes("application/octet-stream", data)

    def end(self, status: int, resources: Mapping[str, str], error: str | None, said: Sequence[str]) -> None:
        if self._writer is None:
            return
        degraded = self._confirm(said)
        outputs, missing = self._outputs(degraded)
        try:
            self._writer.end(
                status="ok" if status == 0 else "failed",
                exit_status=status,
                error=error,
                inputs=[Input(dataset=r.uri or "", available=True, used=True, file=r) for r in self._inputs.values()],
                outputs=outputs,
                missing=missing,
                contents={os.path.basename(path): record.digest for path, record in self._inputs.items()},
                resources=resources,
                degraded=degraded,
            )
        except EnvcapError as err:
            _say(f"this job's result is not recorded: {err}")

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
        if self._prefix and prefixes and prefixes[0] != self._prefix:
            degraded["interpreter"] = f"captured in {self._prefix}, but the command ran in {prefixes[0]}"
        for reason in degraded.values():
            _say(f"degraded: {reason}")
        return degraded


def _portable(job: CommandJob) -> list[str]:
    """Return the command line without the places of this site: declared files and programs go by name."""
    declared = dict.fromkeys(job.configs, "config") | dict.fromkeys(job.inputs, "input")
    declared |= dict.fromkeys(job.outputs, "output")
    words = [os.path.basename(job.argv[0])]
    for word in scrub_argv(job.argv)[1:]:
        if word in declared:
            words.append(f"{{{declared[word]}:{os.path.basename(word)}}}")
        else:
            words.append(os.path.basename(word) if word.endswith(".py") and os.path.isfile(word) else word)
    return words
