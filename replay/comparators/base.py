# SPDX-License-Identifier: Apache-2.0
"""What a comparator is, and the one error it raises."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from envcap.errors import EnvcapError
from envcap.printable import printable

from .difference import Difference
from .matching import IN_PLACE, Matching

__all__ = ("Comparator", "ComparisonError", "reading")

_LONGEST = 1000
"""Most of a reason that is kept, in characters; some parsers repeat what they could not read."""


class ComparisonError(EnvcapError):
    """A file could not be measured.

    Parameters
    ----------
    path : `pathlib.Path`
        Which of the two files is to blame.
    reason : `str`
        Why; line breaks are folded, so that the message is one line, and what has no glyph is escaped.
    """

    error_type = "comparison_failed"

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = printable(" ".join(reason.split())[:_LONGEST], "")
        super().__init__(path, self.reason)

    def __str__(self) -> str:
        return f"{printable(str(self.path), '')}: {self.reason}"


class Comparator(ABC):
    """Measures how two files of one type differ, and passes no judgement.

    Parameters
    ----------
    matching : `Matching`, optional
        Which rows of tables belong together; by default those at the same place.

    Notes
    -----
    Subclasses implement `_compare` and wrap what touches one file in `reading`, so that an error names it.
    """

    name: ClassVar[str]
    """Short stable name, kept in stored verdicts."""
    description: ClassVar[str]
    """One line for people: which files, and what of them is compared."""

    def __init__(self, matching: Matching = IN_PLACE) -> None:
        self.matching = matching

    def compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        """Measure how two files differ.

        Parameters
        ----------
        original, remade : `pathlib.Path`
            The files.

        Returns
        -------
        differences : `tuple` [ `Difference`, ... ]
            Empty if every value is the same.

        Raises
        ------
        ComparisonError
            Raised if either file is missing, unreadable, truncated or not of this type.
        """
        for path in (original, remade):
            with reading(path), path.open("rb"):
                pass
        with reading(original, f"cannot be compared with {remade}: "), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a library thinks of a file is no line of a verdict
            return self._compare(original, remade)

    @abstractmethod
    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        """Measure two files that exist; see `compare`."""


@contextmanager
def reading(path: Path, context: str = "") -> Iterator[None]:
    """Turn whatever a parser raises into an error that names the file.

    Parameters
    ----------
    path : `pathlib.Path`
        The file being read.
    context : `str`, optional
        Put before the reason.

    Raises
    ------
    ComparisonError
        Raised in place of any other exception; parsers of damaged files raise nearly every type there is.
    """
    try:
        yield
    except ComparisonError:
        raise
    except RecursionError as error:
        raise ComparisonError(path, f"{context}nested too deeply, or contains itself") from error
    except Exception as error:
        text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        raise ComparisonError(path, context + text) from error
