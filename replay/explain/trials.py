# SPDX-License-Identifier: Apache-2.0
"""Trials: hybrids of two jobs, re-run and compared with the one and the other. What was tried once is known."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from envcap.digest import digest_of_file
from envcap.errors import EnvcapError
from envcap.hooks.attempt import open_journal

from ..comparators.files import compare_files
from ..comparators.policy import Verdict
from ..errors import ReplayRefusedError
from ..execute.remade import RemadeOutput
from ..jobs.base import CapturedJob
from ..options import Options
from ..planning import KnownLayers
from ..progress import Progress
from ..session import ReplaySession
from .changes.base import Change
from .hybrid import hybrid
from .pairs import type_of
from .trial import Outcome, Trial, TrialLog
from .trial_store import TrialStore

__all__ = ("Trials",)


class Trials:
    """Re-runs hybrids of two jobs.

    Parameters
    ----------
    a, b : `CapturedJob`
    changes : sequence of `Change`
        That make the first like the second.
    folder : `str`
        Where the log, and the outputs to compare with, are; what is there already isn't done again.
    options : `Options`
    say : callable
        Is told of each trial.
    """

    def __init__(
        self,
        a: CapturedJob,
        b: CapturedJob,
        changes: Sequence[Change],
        folder: str,
        options: Options,
        say: Callable[[Trial], None],
    ) -> None:
        self.a = a
        self.b = b
        self.changes = changes
        self._folder = folder
        self._options = options
        self._say = say
        os.makedirs(folder, exist_ok=True)
        self._store = TrialStore(os.path.join(folder, "store"), a.store, b.store)
        self._store.create()
        self._types = {str(one.dataset or one.file.uri): type_of(one) for one in a.science_outputs()}
        self._log = TrialLog(os.path.join(folder, "trials.jsonl"))
        self._known_layers: KnownLayers = {}
        self._journal = open_journal(self._store)[0]
        self._session = ReplaySession(self._journal, options, Progress(quiet=True))

    def __enter__(self) -> Trials:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._session.tidy()
        self._journal.close()

    @property
    def count(self) -> int:
        """How many there were, those of an earlier process among them."""
        return len(self._log)

    def reference(self, name: str, chosen: Collection[int]) -> Trial:
        """Return a trial whose outputs are kept to compare with.

        Raises
        ------
        EnvcapError
            If it can't be re-run: then nothing can be said.
        """
        known = self._log.find(name)
        if known is not None and self._digests(self.kept(name)) == known.outputs:
            return known
        began = time.perf_counter()
        job, remade = self._remade(chosen)
        folder = self._kept_in(name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for number, path in enumerate(_paths(remade).values()):
            shutil.copyfile(path, os.path.join(folder, f"{number}-{os.path.basename(path)}"))
        return self._ended(name, chosen, began, Outcome.REFERENCE, job, remade)

    def kept(self, name: str) -> dict[str, str]:
        """Return where the outputs of a reference are kept, by the names of the originals."""
        trial = self._log.find(name)
        folder = self._kept_in(name)
        if trial is None or not os.path.isdir(folder):
            return {}
        files = sorted(os.listdir(folder), key=lambda one: int(one.partition("-")[0]))
        return {original: os.path.join(folder, file) for original, file in zip(trial.outputs, files, strict=False)}

    def again(self, name: str, number: int, chosen: Collection[int]) -> Trial:
        """Return one more re-run of a reference, compared with it."""
        return self._tried(f"{name} again {number}", chosen)

    def tried(self, chosen: Collection[int]) -> Trial:
        """Return the trial of some changes, by their numbers."""
        return self._tried(",".join(map(str, sorted(chosen))), chosen)

    def _tried(self, key: str, chosen: Collection[int]) -> Trial:
        known = self._log.find(key)
        if known is not None:
            return known
        began = time.perf_counter()
        try:
            job, remade = self._remade(chosen)
        except EnvcapError as err:
            return self._ended(key, chosen, began, Outcome.FAILED, None, {}, str(err))
        return self._ended(key, chosen, began, self._compared(remade), job, remade)

    def _remade(self, chosen: Collection[int]) -> tuple[CapturedJob, Mapping[str, RemadeOutput]]:
        job = hybrid(self.a, self.b, [self.changes[number] for number in sorted(chosen)], self._store)
        plan = self._options.plan(job, self._known_layers)
        plan.check(self._options.require)
        made = {one.original: one for one in self._session.remake(plan) if job.is_science(one.dataset_type)}
        return job, dict(sorted(made.items()))

    def _ended(
        self,
        key: str,
        chosen: Collection[int],
        began: float,
        outcome: Outcome,
        job: CapturedJob | None,
        remade: Mapping[str, RemadeOutput],
        reason: str = "",
    ) -> Trial:
        digests = self._digests(_paths(remade))
        trial = Trial(key, sorted(chosen), outcome, digests, reason, f"{time.perf_counter() - began:.3f}")
        if job is not None:
            self._session.forget(job)
        self._log.add(trial)
        self._say(trial)
        return trial

    def _compared(self, remade: Mapping[str, RemadeOutput]) -> Outcome:
        """Say what outputs are like. What a tolerance takes for both is what it is byte for byte, else as B."""
        paths = _paths(remade)
        for outcome, name in ((Outcome.A, "a"), (Outcome.B, "b")):
            if self._worst(paths, self.kept(name)) is Verdict.IDENTICAL:
                return outcome
        for outcome, name in ((Outcome.B, "b"), (Outcome.A, "a")):
            if self._worst(paths, self.kept(name)) not in (Verdict.DIFFERENT, Verdict.FAILED):
                return outcome
        return Outcome.NEITHER

    def _worst(self, paths: Mapping[str, str], kept: Mapping[str, str]) -> Verdict:
        if not kept or paths.keys() != kept.keys():
            return Verdict.FAILED
        # An input that was made in another RUN has other UUIDs, which some formats copy into what is made of it.
        policies = self._options.policy.for_new_run()
        found = [
            compare_files(Path(kept[name]), Path(paths[name]), policies.for_dataset(self._types[name])).verdict
            for name in kept
        ]
        return max(found, key=list(Verdict).index)

    @staticmethod
    def _digests(paths: Mapping[str, str]) -> dict[str, str]:
        return {name: digest_of_file(path)[0] for name, path in paths.items()}

    def _kept_in(self, name: str) -> str:
        return os.path.join(self._folder, "kept", name)


def _paths(remade: Mapping[str, RemadeOutput]) -> dict[str, str]:
    """Return where outputs are, by the names of the originals.

    Raises
    ------
    ReplayRefusedError
        If one of them is no local file, which can't be compared.
    """
    for one in remade.values():
        if one.path is None:
            raise ReplayRefusedError(f"{one.dataset_type}: only local files are compared ({one.uri})")
    return {name: str(one.path) for name, one in remade.items()}
