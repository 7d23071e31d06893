# SPDX-License-Identifier: Apache-2.0
"""The verdict of a replay: output by output, and the worst of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envcap import html
from envcap.digest import canonical_json
from envcap.ids import timestamp
from envcap.model.result import Output
from envcap.model.verdict import Verdict as StoredVerdict
from envcap.printable import printable
from envcap.redact import scrub_document

from .comparators.base import ComparisonError
from .comparators.files import FileComparison, compare_files
from .comparators.policies import Policies
from .comparators.policy import Policy, Verdict, worst
from .errors import ReplayRefusedError
from .execute.remade import RemadeOutput
from .fidelity import Layer, layers_as_html
from .fidelity import worst as lowest
from .jobs.base import CapturedJob

__all__ = ("JudgedOutput", "ReadOutputs", "ReplayVerdict", "judge_outputs")

ReadOutputs = Mapping[str, tuple[Path, Path] | str]
"""See `replay.execute.reading.read_outputs`."""


@dataclass(frozen=True)
class JudgedOutput:
    """One output of the job against its re-made counterpart.

    Attributes
    ----------
    original : `Output`
        As the job left it.
    original_path : `str`
        Where it is now.
    remade : `RemadeOutput`
    comparison : `FileComparison`
    note : `str`
        What a reader must know besides, e.g. that the original isn't what the job wrote any more.
    """

    original: Output
    original_path: str
    remade: RemadeOutput
    comparison: FileComparison
    note: str

    def lines(self) -> Iterator[str]:
        """Yield what a person should know of it."""
        if self.note:
            yield self.note
        yield from self.comparison.lines()

    def to_json(self) -> dict[str, Any]:
        """Return the output as JSON."""
        return {
            "dataset_type": self.remade.dataset_type,
            "dataset": self.remade.original,
            "original": {"path": self.original_path, "captured_digest": self.original.file.digest},
            "remade": {"dataset": self.remade.dataset, "uri": self.remade.uri},
            "verdict": str(self.comparison.verdict),
            "note": self.note,
            "comparison": self.comparison.to_json(),
        }


@dataclass(frozen=True, repr=False)
class ReplayVerdict:
    """What a replay came to.

    Attributes
    ----------
    job : `CapturedJob`
    replay : `str`
        Attempt id of the replay.
    outputs : sequence of `JudgedOutput`
    extra : sequence of `str`
        Science outputs that the replay made and the job did not.
    layers : sequence of `Layer`
        The fidelity that was reached.
    engine, code : `str`
    seconds : mapping
        How long each step took.
    place : `str`
        Where the re-made datasets are: a directory, or a RUN of the user's repository.
    campaign : `str` or `None`
        Id of the campaign that it belongs to.
    judged : `str`
        When, as RFC 3339.
    """

    job: CapturedJob
    replay: str
    outputs: Sequence[JudgedOutput]
    extra: Sequence[str]
    layers: Sequence[Layer]
    engine: str
    code: str
    seconds: Mapping[str, float]
    place: str
    campaign: str | None = None
    judged: str = field(default_factory=timestamp)

    @property
    def verdict(self) -> Verdict:
        """The worst of the outputs' verdicts; a replay without outputs is failed, never green."""
        verdicts = [output.comparison.verdict for output in self.outputs]
        return worst([*verdicts, *(Verdict.DIFFERENT for _ in self.extra)]) if verdicts else Verdict.FAILED

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON, without floats."""
        return {
            "mediaType": StoredVerdict.media_type,
            "replay": self.replay,
            "replay_of": self.job.manifest.attempt,
            "judged": self.judged,
            "verdict": str(self.verdict),
            **({"source": self.job.origin.source} if self.job.origin else {}),
            **({"campaign": self.campaign} if self.campaign else {}),
            "engine": self.engine,
            "code": self.code,
            "layers": [layer.to_json() for layer in self.layers],
            "outputs": [output.to_json() for output in self.outputs],
            "extra": list(self.extra),
            "seconds": {step: f"{seconds:.3f}" for step, seconds in self.seconds.items()},
            "place": self.place,
        }

    def to_bytes(self) -> bytes:
        """Return the canonical bytes, as stored: what is compared may hold credentials, the store may not."""
        return canonical_json(scrub_document(self.to_json())[0])

    def __repr__(self) -> str:
        return printable(f"<verdict on {self.job.manifest.job.name}: {self.verdict}, replay {self.replay}>", "")

    def _repr_html_(self) -> str:
        outputs = [
            (one.remade.dataset_type, html.Badge(one.comparison.verdict), "\n".join(one.lines()))
            for one in self.outputs
        ]
        outputs += [(name, html.Badge("different"), "the job did not make it") for name in self.extra]
        steps = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in self.seconds.items())
        facts = [("engine", f"{self.engine}, {self.code} code"), ("re-made in", self.place), ("steps", steps)]
        return html.page(
            f"replay of {self.job.manifest.job.name}",
            html.table(("output", "verdict", ""), outputs),
            html.table((), facts),
            html.folded(f"how close the replay came: {lowest(self.layers)}", layers_as_html(self.layers)),
            badge=str(self.verdict),
        )


def judge_outputs(
    job: CapturedJob,
    remade: Iterable[RemadeOutput],
    policies: Policies,
    given: Mapping[str, str],
    read: ReadOutputs = {},  # noqa: B006  (never written to)
) -> list[JudgedOutput]:
    """Compare each science output and init-output with its original.

    Parameters
    ----------
    policies : `Policies`
        Each output is judged by that of its dataset type.
    given : mapping
        Files that the user named, by dataset UUID: where one is given, it is that file which is judged.
    read : mapping, optional
        What was read by the formatters of the repository, of outputs whose files no comparator knows.

    Raises
    ------
    PolicyError
        If several policies are for one dataset type.
    ReplayRefusedError
        If an original is gone, or one of the files can't be read: then nothing can be said of it.
    """
    by_original = {output.original: output for output in remade}
    judged = []
    for original in job.science_outputs():
        name = str(original.dataset or original.file.uri)
        again = by_original[name]
        captured_at = (original.file.uri or "").removeprefix("file://")
        where = given.get(name) or again.original_path or captured_at
        if again.path is None or not where.startswith("/"):
            raise ReplayRefusedError(f"{again.dataset_type}: only local files are compared ({where}, {again.uri})")
        gone = not os.path.exists(where)
        policy = policies.for_dataset(again.dataset_type)
        # Of an original that is gone, the digest is known: if the re-run has it, it is the same to the byte.
        paths = Path(again.path if gone else where), Path(again.path)
        archives = read.get(again.original) if where == again.original_path and not gone else None
        try:
            comparison, unread = _compare(paths, policy, archives)
        except ComparisonError as err:
            raise ReplayRefusedError(f"{again.dataset_type} was re-made at {again.path}, but: {err}") from err
        if gone and comparison.remade.digest != original.file.digest:
            known = f"{original.file.digest} is known of it, and the re-run is another file"
            raise ReplayRefusedError(f"{again.dataset_type} was re-made at {again.path}, but {where} is gone: {known}")
        note = "; ".join(filter(None, (_note(original, comparison, gone), unread)))
        judged.append(JudgedOutput(original, where, again, comparison, note))
    return judged


def _compare(
    paths: tuple[Path, Path], policy: Policy, archives: tuple[Path, Path] | str | None
) -> tuple[FileComparison, str]:
    """Return how two files compare, and why what their formatter reads was of no use, if it was asked."""
    if archives is None:
        return compare_files(*paths, policy), ""
    if isinstance(archives, str):
        return compare_files(*paths, policy), f"compared by its bytes: {archives}"
    try:
        return compare_files(*paths, policy, archives), ""
    except ComparisonError as err:
        return compare_files(*paths, policy), f"compared by its bytes: {err}"


def _note(original: Output, comparison: FileComparison, gone: bool) -> str:
    captured = original.file.digest
    if gone:
        return "the original is gone; the re-run is, byte for byte, what the job wrote"
    if captured is None or comparison.original.digest == captured:
        return ""
    if comparison.remade.digest == captured:
        return "the original was changed since; the re-run is, byte for byte, what the job wrote"
    return "the original was changed since the job wrote it; this compares with what it is now"
