# SPDX-License-Identifier: Apache-2.0
"""What differences mean: the only place that turns measurements into a verdict."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from envcap.digest import canonical_json, digest_of
from envcap.errors import EnvcapError

from .difference import Difference, Kind, Leaf
from .tolerance import Frontier

__all__ = ("DEFAULT", "NEW_RUN", "Judgement", "Policy", "PolicyError", "Verdict", "Volatile", "worst")


_MEMBERS = {"rtol", "atol", "volatile"}


class PolicyError(EnvcapError):
    """A policy file says something that is not a policy."""

    error_type = "bad_policy"
    exit_code = 2


class Verdict(StrEnum):
    """How a re-made file relates to the original, best first."""

    IDENTICAL = "identical"
    """The same bytes."""
    EQUAL = "equal"
    """The same values; bytes differ only in fields declared volatile, or in how values are stored."""
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


@dataclass(frozen=True, order=True)
class Volatile:
    """A named field that may differ between runs, and why."""

    place: str
    """``card`` (of a FITS header) or ``metadata`` (a key of a table's metadata)."""
    name: str
    """The keyword or key; ``#`` stands for a decimal number."""
    reason: str

    def covers(self, difference: Difference) -> bool:
        """Tell whether a difference is in this field."""
        pattern = re.escape(self.name).replace(r"\#", "[0-9]+")
        name = str(difference.measures.get("name", ""))
        return difference.kind == self.place and re.fullmatch(pattern, name) is not None


_VOLATILE = (
    Volatile("card", "DATE", "when the file was written"),
    Volatile("card", "CHECKSUM", "computed from the HDU's bytes, which are compared themselves"),
    Volatile("card", "DATASUM", "computed from the data's bytes, which are compared themselves"),
    Volatile(
        "card",
        "ZDITHER0",
        "seed of a compression's dither, often the clock; the pixels are compared as they come out",
    ),
)
_VOLATILE_IN_A_NEW_RUN = tuple(
    Volatile(place, separator.join(("LSST", "BUTLER", *words)), reason)
    for place, separator in (("card", " "), ("metadata", "."))
    for words, reason in (
        (("ID",), "the Butler gives every dataset of a new RUN a new UUID"),
        (("RUN",), "the name of the RUN that the dataset was put into"),
        (("QUANTUM",), "a new quantum graph gives every quantum a new UUID"),
        (("INPUT", "#", "ID"), "an input that was re-made too has a new UUID"),
        (("INPUT", "#", "RUN"), "an input that was re-made too is in the new RUN"),
    )
)

_VOLATILE_BY_READING_ORDER = tuple(
    Volatile(place, separator.join(("LSST", "BUTLER", "INPUT", "#", word)), "nobody recorded the order of reading")
    for place, separator in (("card", " "), ("metadata", "."))
    for word in ("ID", "RUN", "DATASETTYPE")
)


@dataclass(frozen=True)
class Judgement:
    """A verdict and the differences it rests on, each under what it was taken for."""

    verdict: Verdict
    significant: tuple[Leaf, ...] = ()
    volatile: tuple[Leaf, ...] = ()
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
    """Relative tolerance as a decimal number; `None` is exact."""
    atol: str | None = None
    """Absolute tolerance in the unit of the data, likewise."""
    volatile: tuple[Volatile, ...] = _VOLATILE

    @classmethod
    def from_toml(cls, path: Path) -> Policy:
        """Read a policy file: ``rtol``, ``atol``, and ``[[volatile]]`` with ``place``, ``name`` and ``reason``.

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
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise PolicyError(f"{path}: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise PolicyError(f"{path}: no TOML: {error}") from error
        if unknown := set(document) - _MEMBERS:
            raise PolicyError(f"{path}: unknown key {min(unknown)!r}; a policy has {', '.join(sorted(_MEMBERS))}")
        tables = document.get("volatile", [])
        if not isinstance(tables, list):
            raise PolicyError(f"{path}: volatile must be an array of tables")
        declared = tuple(_read_volatile(path, table) for table in tables)
        rtol, atol = (_read_tolerance(path, document, key) for key in ("rtol", "atol"))
        return cls(rtol, atol, _VOLATILE + declared)

    def for_new_run(self) -> Policy:
        """Return this policy for a re-run into a new RUN, where datasets and quanta have new UUIDs."""
        return replace(self, volatile=self.volatile + _VOLATILE_IN_A_NEW_RUN)

    def for_unknown_seed(self) -> Policy:
        """Return this policy for a job whose PYTHONHASHSEED isn't known: it decides in which order inputs are read.

        How many there are stays exact (``N_INPUTS``), and the re-run is given no others than the job.
        """
        return replace(self, volatile=self.volatile + _VOLATILE_BY_READING_ORDER)

    def to_document(self) -> dict[str, Any]:
        """Return the policy as a canonical JSON-able document: no floats, one order."""
        return {
            "rtol": self.rtol,
            "atol": self.atol,
            "volatile": [
                {"place": one.place, "name": one.name, "reason": one.reason} for one in sorted(set(self.volatile))
            ],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Policy:
        """Read back what `to_document` returned."""
        return cls(document["rtol"], document["atol"], tuple(Volatile(**one) for one in document["volatile"]))

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
        taken: dict[Verdict, list[Leaf]] = {verdict: [] for verdict in Verdict}
        for difference in differences:
            for leaf in difference.leaves():
                taken[self._judge_leaf(leaf.difference)].append(leaf)
        note = "" if any(taken.values()) else "the bytes of the files differ though no value does"
        return Judgement(
            worst((Verdict.EQUAL, *(verdict for verdict, leaves in taken.items() if leaves))),
            significant=tuple(taken[Verdict.DIFFERENT]),
            volatile=tuple(taken[Verdict.EQUAL]),
            tolerated=tuple(taken[Verdict.EQUIVALENT]),
            note=note,
        )

    def _judge_leaf(self, difference: Difference) -> Verdict:
        if any(one.covers(difference) for one in self.volatile):
            return Verdict.EQUAL
        exact = self.rtol is None and self.atol is None
        frontier = difference.measures.get("frontier")
        if exact or frontier is None:
            return Verdict.DIFFERENT
        within = Frontier.parse(str(frontier)).within(float(self.rtol or 0), float(self.atol or 0))
        return Verdict.EQUIVALENT if within else Verdict.DIFFERENT


DEFAULT = Policy()
"""Every value exact, in a re-run that keeps UUIDs and the name of the RUN."""
NEW_RUN = DEFAULT.for_new_run()
"""Every value exact, in a re-run into a new RUN."""


def _read_tolerance(path: Path, document: Mapping[str, Any], key: str) -> str | None:
    value = document.get(key)
    if value is None:
        return None
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise PolicyError(f"{path}: {key} must be a finite number that is not negative, not {value!r}")
    return repr(number)


def _read_volatile(path: Path, table: Any) -> Volatile:
    fields = ("place", "name", "reason")
    if not isinstance(table, dict):
        raise PolicyError(f"{path}: volatile must be an array of tables")
    if unknown := set(table) - set(fields):
        raise PolicyError(f"{path}: unknown key {min(unknown)!r} in volatile")
    if missing := [key for key in fields if not isinstance(table.get(key), str) or not table[key]]:
        raise PolicyError(f"{path}: volatile needs a text for {missing[0]!r}")
    if table["place"] not in (Kind.CARD, Kind.METADATA):
        raise PolicyError(f"{path}: place must be 'card' or 'metadata', not {table['place']!r}")
    return Volatile(table["place"], table["name"], table["reason"])
