# SPDX-License-Identifier: Apache-2.0
"""A block of Python that runs in this process, recorded as a job."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence

from ..environment import capture_environment
from ..model.components import PythonBlock
from ..model.manifest import Job, Outcome
from ..redact import scrub, scrub_argv
from ..store.local import LocalStore
from ..target import Target
from ..trust.key import key_path
from .attempt import AttemptWriter, open_journal
from .context import Context
from .declared import DeclaredFiles
from .importing import watch_imports
from .loaded import Loaded, LoadedOnce, Remembered
from .observed import Observer
from .resources import Stretch
from .schedulers import scheduler_facts
from .variables import CONTEXT_VARIABLE

__all__ = ("CapturedBlock",)

_log = logging.getLogger("envcap")
_MAX_PARAMETER = 4096


class CapturedBlock:
    """One block of code that is recorded as a job.

    Attributes
    ----------
    attempt : `str` or `None`
        Id of the attempt; `None` before the block and where it could not be recorded.
    """

    activator = "envcap.capture"

    def __init__(
        self,
        name: str,
        files: DeclaredFiles,
        *,
        job_id: str | None,
        env: Sequence[str],
        parameters: Mapping[str, object],
        store: LocalStore,
    ) -> None:
        self._name = name
        self._files = files
        self._job_id = job_id
        self._env = env
        self._parameters = parameters
        self._store = store
        self._writer: AttemptWriter | None = None
        self._enclosing: str | None = None
        self.attempt: str | None = None

    def __enter__(self) -> CapturedBlock:
        self._stretch = Stretch()
        try:
            self._begin()
        except Exception as err:  # noqa: BLE001  (a fault of ours must not keep the block from running)
            _log.warning("this job is not recorded: %s: %s", type(err).__name__, scrub(str(err)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if self._writer is None:
            return
        if self._enclosing is None:
            os.environ.pop(CONTEXT_VARIABLE, None)
        else:
            os.environ[CONTEXT_VARIABLE] = self._enclosing
        try:
            self._end(self._writer, error)
        except Exception as err:  # noqa: BLE001  (a fault of ours must not hide what the block did)
            _log.warning("this job's result is not recorded: %s: %s", type(err).__name__, scrub(str(err)))

    def _begin(self) -> None:
        self._store.create()
        journal, outcomes = open_journal(self._store)
        enclosing = Context.from_environ()
        environ = {n: v for n, v in os.environ.items() if n != CONTEXT_VARIABLE}
        if self._env:
            environ["ENVCAP_EXTRA_ENV"] = ",".join(self._env)
        environment = capture_environment(Target.current(environ, _script_dir()), self._store)
        work = self._work(outcomes)
        job = Job(
            kind="block",
            name=self._name,
            activator=self.activator,
            argv=scrub_argv(sys.orig_argv),
            cwd=os.getcwd(),
            parent=enclosing.parent if enclosing else None,
            scheduler=scheduler_facts(os.environ),
        )
        writer = AttemptWriter(
            journal, environment, work, job, job_id=self._job_id, outcomes=outcomes, scrubbed=self._files.scrubbed
        )
        writer.begin()
        self._writer, self._journal, self.attempt = writer, journal, writer.attempt
        self._remembered = Remembered(self._store, (sys.prefix, sys.base_prefix), environment.fingerprints)
        self._observer = Observer()
        self._enclosing = os.environ.get(CONTEXT_VARIABLE)
        os.environ[CONTEXT_VARIABLE] = Context(self._store, writer.attempt, environment, key_path()).to_text()
        watch_imports()

    def _work(self, outcomes: dict[str, Outcome]) -> PythonBlock:
        config, outcomes["block"] = self._files.keep_configs(self._store)
        texts = {name: _text(value) for name, value in self._parameters.items()}
        return PythonBlock(
            name=self._name,
            parameters={name: text for name, text in texts.items() if text is not None},
            opaque=sorted(f"{n}: {type(self._parameters[n]).__name__}" for n, text in texts.items() if text is None),
            config=config,
            inputs=self._files.read_inputs(),
        )

    def _end(self, writer: AttemptWriter, error: BaseException | None) -> None:
        observed = LoadedOnce(self._loaded, self._remembered).documented()
        degraded = observed.failures
        outputs, missing = self._files.written(degraded)
        # sys.exit(0) is how a script ends well.
        failed = error is not None and not (isinstance(error, SystemExit) and error.code in (None, 0))
        writer.end(
            status="failed" if failed else "ok",
            error=f"{type(error).__name__}: {error}" if failed else None,
            inputs=self._files.used(),
            outputs=outputs,
            missing=missing,
            contents=self._contents(),
            resources=self._stretch.taken(),
            outcomes=observed.outcomes,
            observed=observed.components,
            degraded=degraded,
        )
        self._journal.close()

    def _loaded(self) -> Loaded:
        now = self._observer.observe()
        return Loaded.of_process(now.paths, now.numerics, now.modules)

    def _contents(self) -> dict[str, str | None]:
        """Return the digest of each input by name; `None` for one whose content is not known."""
        contents = self._files.contents()
        if any(_text(value) is None for value in self._parameters.values()):
            contents["(opaque parameters)"] = None
        return contents

    def _repr_html_(self) -> str:
        """Return what a notebook shows of the job."""
        from ..html import message
        from ..store.selector import find

        if self.attempt is None:
            return message(f"{self._name}: not recorded")
        return find(f"attempt:{self.attempt}", store=self._store.root)._repr_html_()


def _script_dir() -> str | None:
    """Return the directory that Python put first on the search path for the running program."""
    if getattr(sys.flags, "safe_path", False):
        return None
    if "" in sys.path:
        return os.getcwd()
    own = os.path.dirname(os.path.realpath(sys.argv[0])) if sys.argv and sys.argv[0] else None
    return own if own in [os.path.realpath(path) for path in sys.path] else None


def _text(value: object) -> str | None:
    """Return a value as Python writes it, if it is simple and short enough to be part of a recipe."""
    if not _is_simple(value, 0):
        return None
    text = repr(value)
    return text if len(text) <= _MAX_PARAMETER else None


def _is_simple(value: object, depth: int) -> bool:
    if value is None or type(value) in (str, bytes, int, float, complex, bool):
        return True
    if depth < 8 and type(value) in (list, tuple):
        return all(_is_simple(item, depth + 1) for item in value)  # type: ignore[attr-defined]
    if depth < 8 and type(value) is dict:
        return all(_is_simple(item, depth + 1) for pair in value.items() for item in pair)
    return False
