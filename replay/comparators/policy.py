# SPDX-License-Identifier: Apache-2.0
"""What differences mean: the only place that turns measurements into a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from envcap.digest import canonical_json, digest_of

from .difference import Difference, Leaf
from .matching import Matching
from .paths import fits
from .policy_file import PolicyError, read_policy_file
from .rules import RowKey, Tolerance
from .volatile import BY_READING_ORDER, EVERYWHERE, IN_A_NEW_RUN, Volatile

__all__ = (
    "DEFAULT",
    "NEW_RUN",
    "Judgement",
    "Policy",
    "PolicyError",
    "RowKey",
    "Tolerance",
    "Verdict",
    "Volatile",
    "worst",
)


class Verdict(StrEnum):
    """How a re-made file relates to the original, best first."""

    IDENTICAL = "identical"
    """The same bytes."""
    EQUAL = "equal"
    """The same values; bytes differ only in fields declared volatile, in how values are stored, or in the order of
    rows that the policy names a key of."""
    EQUIVALENT = "equivalent"
    """Floating-point values differ, within the policy's tolerance."""
    DIFFERENT = "different"
    """Something differs that the policy does not excuse."""
    FAILED = "failed"
    """There was nothing to compare, or it could not be read."""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Sum up several files: the worst verdict counts.

    Raises
    ------
    ValueError
        Raised if there are no verdicts: nothing compared is not a success.
    """
    return max(verdicts, key=list(Verdict).index)


@dataclass(frozen=True)
class Judgement:
    """A verdict and the differences it rests on, each under what it was taken for."""

    verdict: Verdict
    significant: tuple[Leaf, ...] = ()
    volatile: tuple[Leaf, ...] = ()
    """What the policy says carries no meaning: volatile fields, and the order of rows that have a key."""
    tolerated: tuple[Leaf, ...] = ()
    note: str = ""
    """What a reader should know that no difference says."""

    def to_json(self) -> dict[str, Any]:
        """Return the judgement as a JSON-able document."""
        return {
            "verdict": self.verdict.value,
            "significant": [leaf.to_json() for leaf in self.significant],
            "volatile": [leaf.to_json() for leaf in self.volatile],
            "tolerated": [leaf.to_json() for leaf in self.tolerated],
            "note": self.note,
        }


@dataclass(frozen=True)
class Policy:
    """What may differ, and by how much.

    Notes
    -----
    A tolerance covers finite floating-point values that satisfy ``|Δ| <= atol + rtol·|original|`` and nothing
    else: no NaN, no infinity, no integer, no type.
    """

    rtol: str | None = None
    """Relative tolerance as a decimal number, for what none of ``tolerances`` concerns; `None` is exact."""
    atol: str | None = None
    """Absolute tolerance in the unit of the data, likewise."""
    volatile: tuple[Volatile, ...] = EVERYWHERE
    tolerances: tuple[Tolerance, ...] = ()
    """For parts of a dataset; the first that concerns a difference decides on it, whatever the others say."""
    keys: tuple[RowKey, ...] = ()
    """What rows are matched on, whatever their order."""
    bitwise: bool = False
    """Nothing but the same bytes will do."""
    source: str = ""
    """Why the policy exists."""
    dataset_types: tuple[str, ...] = ()
    """Patterns of the dataset types that it is for; none is for all."""

    @classmethod
    def from_toml(cls, path: Path) -> Policy:
        """Read a policy file.

        Parameters
        ----------
        path : `pathlib.Path`
            A TOML file. What it declares volatile adds to the default policy's.

        Returns
        -------
        policy : `Policy`
            The policy.

        Raises
        ------
        PolicyError
            Raised if the file cannot be read, or has a key or a value that no policy has.
        """
        fields = read_policy_file(path)
        return cls(**{**fields, "volatile": EVERYWHERE + fields["volatile"]})

    def for_new_run(self) -> Policy:
        """Return this policy for a re-run into a new RUN, where datasets and quanta have new UUIDs."""
        return replace(self, volatile=self.volatile + IN_A_NEW_RUN)

    def for_unknown_seed(self) -> Policy:
        """Return this policy for a job whose PYTHONHASHSEED isn't known: it decides in which order inputs are read.

        How many there are stays exact (``N_INPUTS``), and the re-run is given no others than the job.
        """
        return replace(self, volatile=self.volatile + BY_READING_ORDER)

    @property
    def matching(self) -> Matching:
        """What a comparator has to know of the policy before it can measure: which rows belong together."""
        return Matching(tuple(one.key for one in self.keys))

    def names(self, dataset_type: str) -> bool:
        """Tell whether the policy names a dataset type, not being for all."""
        return any(fits(pattern, dataset_type) for pattern in self.dataset_types)

    def to_document(self) -> dict[str, Any]:
        """Return the policy as a canonical JSON-able document: no floats, one order, nothing that says nothing."""
        said: dict[str, Any] = {
            "tolerance": [one.to_document() for one in self.tolerances],
            "key": [one.to_document() for one in self.keys],
            "bitwise": self.bitwise,
            "source": self.source,
            "dataset_type": sorted(set(self.dataset_types)),
        }
        return {
            "rtol": self.rtol,
            "atol": self.atol,
            "volatile": [one.to_document() for one in sorted(set(self.volatile))],
            **{name: value for name, value in said.items() if value},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Policy:
        """Read back what `to_document` returned."""
        return cls(
            document["rtol"],
            document["atol"],
            tuple(Volatile(**one) for one in document["volatile"]),
            tuple(Tolerance(**one) for one in document.get("tolerance", ())),
            tuple(RowKey.from_document(one) for one in document.get("key", ())),
            document.get("bitwise", False),
            document.get("source", ""),
            tuple(document.get("dataset_type", ())),
        )

    @property
    def digest(self) -> str:
        """Name of the policy: ``sha256:`` over its canonical document."""
        return digest_of(canonical_json(self.to_document()))

    def judge(self, identical_bytes: bool, differences: Iterable[Difference]) -> Judgement:
        """Say what the differences between two files mean.

        Parameters
        ----------
        identical_bytes : `bool`
            Whether the files have the same bytes.
        differences : `~collections.abc.Iterable` [ `Difference` ]
            What a comparator measured; each leaf is judged.

        Returns
        -------
        judgement : `Judgement`
            Never with `Verdict.FAILED`.
        """
        if identical_bytes:
            return Judgement(Verdict.IDENTICAL)
        leaves = [leaf for difference in differences for leaf in difference.leaves()]
        if self.bitwise:
            return Judgement(Verdict.DIFFERENT, tuple(leaves), note="the policy takes nothing but the same bytes")
        taken: dict[Verdict, list[Leaf]] = {verdict: [] for verdict in Verdict}
        for leaf in leaves:
            taken[self._judge_leaf(leaf)].append(leaf)
        return Judgement(
            worst((Verdict.EQUAL, *(verdict for verdict, found in taken.items() if found))),
            significant=tuple(taken[Verdict.DIFFERENT]),
            volatile=tuple(taken[Verdict.EQUAL]),
            tolerated=tuple(taken[Verdict.EQUIVALENT]),
            note="" if leaves else "the bytes of the files differ though no value does",
        )

    def _judge_leaf(self, leaf: Leaf) -> Verdict:
        difference = leaf.difference
        if any(one.covers(difference) for one in self.volatile) or any(one.excuses(difference) for one in self.keys):
            return Verdict.EQUAL
        otherwise = Tolerance("*", self.rtol, self.atol)
        rule = next((one for one in self.tolerances if one.concerns(leaf)), otherwise)
        return Verdict.EQUIVALENT if rule.allows(difference) else Verdict.DIFFERENT


DEFAULT = Policy()
"""Every value exact, in a re-run that keeps UUIDs and the name of the RUN."""
NEW_RUN = DEFAULT.for_new_run()
"""Every value exact, in a re-run into a new RUN."""
