# SPDX-License-Identifier: Apache-2.0
"""`envcap run`: records one command as a job, and switches the hooks on for what runs inside it.

The payload comes first: whatever goes wrong with capture is said in one line on stderr, and the payload runs as it
would have run without.
"""

from __future__ import annotations

import os

from ..target import find_program
from .ahead import may_go_ahead
from .listening import Listener
from .payload import NOT_EXECUTABLE, NOT_FOUND, Ended, Payload, Signals, keep_standard_streams
from .stderr import warn
from .variables import CONFIRM_VARIABLE, CONTEXT_VARIABLE

__all__ = ("CommandJob", "run_command")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .command_recording import CommandRecording
    from .declared import DeclaredFiles


class CommandJob:
    """A command with what its user declared.

    Attributes
    ----------
    argv : sequence of `str`
    store : `str`
    job_id : `str` or `None`
    env_names : sequence of `str`
        Environment variables to record by value, beyond the allow-list.
    check_files : `str` or `None`
        How to look at installed files, whenever they were looked at last (`envcap.hooks.installed`).
    prove : `bool`
        Whether to ask the index which file each distribution was installed from.
    reads_files : `bool`
        Whether files were declared that the payload could change before they are read.
    """

    def __init__(
        self,
        argv: Sequence[str],
        store: str,
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
        self.store = store
        self.env_names = env_names
        self.check_files = check_files
        self.prove = prove
        self.reads_files = bool(configs or inputs)
        self._declared = (configs, inputs, outputs)
        self._files: DeclaredFiles | None = None
        if self.reads_files:
            self._files = self.files  # they have to be there

    @property
    def files(self) -> DeclaredFiles:
        """The files that were declared.

        Raises
        ------
        UsageError
            If one that is to be read isn't there.
        """
        if self._files is None:
            from .declared import DeclaredFiles

            self._files = DeclaredFiles(*self._declared)
        return self._files


def run_command(job: CommandJob) -> int:
    """Run a command, record it, and return its exit status as a shell tells it (128 + n for signal n)."""
    keep_standard_streams()
    environ = _child_environ(job)
    program = find_program(job.argv[0], environ)
    if program is None:
        known = os.sep in job.argv[0] and os.path.exists(job.argv[0])
        warn(f"{job.argv[0]}: {'no executable file; chmod +x makes one' if known else 'no such command on PATH'}")
        return NOT_EXECUTABLE if known else NOT_FOUND
    payload, listener = Payload(program, job.argv), _listener()
    told = None if listener is None or job.reads_files else may_go_ahead(job.argv, environ)
    if listener is None or told is None:
        recording, context = _begun(job, environ, listener)
        if context is not None:
            environ[CONTEXT_VARIABLE] = context
        if listener is not None:
            environ[CONFIRM_VARIABLE] = listener.variable
        with Signals() as signals:
            payload.start(environ, signals)
            ended = _ended(payload, recording, listener, context)
    else:
        with Signals() as signals:
            payload.start({**environ, CONFIRM_VARIABLE: listener.variable, CONTEXT_VARIABLE: told}, signals)
            recording, context = _begun(job, environ, listener)
            if not listener.tell(context or ""):
                context = None
            ended = _ended(payload, recording, listener, context)
    said = listener.end(recording.expects_more if recording is not None else None) if listener is not None else []
    if recording is not None:
        recording.end(ended, said)
    return ended.status


def _listener() -> Listener | None:
    try:
        return Listener()
    except OSError as err:
        warn(f"degraded: what runs in this job can't be heard: {err.strerror}")
        return None


def _begun(
    job: CommandJob, environ: Mapping[str, str], listener: Listener | None
) -> tuple[CommandRecording | None, str | None]:
    """Return the recording of a job, and what its processes have to know of it, as far as there are any."""
    try:
        from .command_recording import CommandRecording

        recording = CommandRecording(job, environ)
        recording.begin()
        return recording, recording.context_text(listener.variable if listener is not None else None)
    except Exception as err:  # noqa: BLE001  (a fault of ours must not keep the payload from running)
        warn(f"this job is not recorded, by a fault of envcap's own: {type(err).__name__}: {err}")
        return None, None


def _ended(
    payload: Payload, recording: CommandRecording | None, listener: Listener | None, context: str | None
) -> Ended:
    """Let the payload run to its end, and hear and look at what there is meanwhile."""
    if listener is not None:
        listener.begin(recording.hear if recording is not None and context is not None else None)
    if recording is not None and payload.runs:
        recording.beside(payload.over_within)
    return payload.wait()


def _child_environ(job: CommandJob) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if name not in (CONTEXT_VARIABLE, CONFIRM_VARIABLE)}
    # Without it, Python draws a seed that nobody can read back, and the order of sets is lost (ADR 0003).
    environ.setdefault("PYTHONHASHSEED", "0")
    if job.env_names:
        environ["ENVCAP_EXTRA_ENV"] = ",".join(job.env_names)
    return environ
