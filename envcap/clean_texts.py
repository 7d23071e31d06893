# SPDX-License-Identifier: Apache-2.0
"""Texts in which no credential was found: what one job says, most others on the node say too.

To look at them again in each process would cost more than anything else that a short job is recorded with. Only texts
that go into the store as they are come here, and of them only digests are kept.
"""

from __future__ import annotations

from collections.abc import Iterable

from .digest import sha256_hex
from .fingerprint import fingerprint

__all__ = ("CleanTexts",)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .memo import Memo

_LONGEST = 256
_MOST = 4096
_WORTH_KEEPING = 8
_OF_EACH = 4
_SUBJECT = "clean texts"
_MARK = "\x1d"
_DIGITS = 20


class CleanTexts:
    """A set of texts, of which a part may come from earlier processes.

    Parameters
    ----------
    judged_by : iterable of `str`
        The files of the code that finds credentials: with another version of it, nothing is known.
    """

    def __init__(self, judged_by: Iterable[str]) -> None:
        self.judged_by = tuple(judged_by)
        self._new: set[str] = set()
        self._documents = 0
        self._seen: set[str] = set()
        self._kept: frozenset[str] = frozenset()
        self._loaded = False

    def __contains__(self, text: str) -> bool:
        if text in self._new or text in self._seen:
            return True
        if not self._kept or _digest(text) not in self._kept:
            return False
        if len(self._seen) < _MOST:
            self._seen.add(text)
        return True

    @staticmethod
    def mark(text: str, code: bool) -> str:
        """Return what stands for a text that is too long to be kept, or that was looked at as source code."""
        return f"{_MARK}{'code' if code else 'text'} {_digest(text)}"

    def add(self, texts: Iterable[str]) -> None:
        """Add texts; long ones are seldom seen twice."""
        if len(self._new) < _MOST:
            self._new.update(text for text in texts if len(text) <= _LONGEST)

    def add_document(self, texts: Iterable[str]) -> None:
        """Add the texts of one document."""
        self._documents += 1
        self.add(texts)

    def load(self, memo: Memo) -> None:
        """Take in what earlier processes on this node found."""
        if not self._loaded:
            self._loaded = True
            found = memo.get(_SUBJECT, fingerprint(self.judged_by))
            if isinstance(found, str):
                self._kept = frozenset(found[at : at + _DIGITS] for at in range(0, len(found), _DIGITS))

    def save(self, memo: Memo) -> None:
        """Keep for later processes what this one found, if that is worth it.

        Every job says a few things of its own, and so does each quantum: to keep those would drive out what others say.
        """
        new = {_digest(text) for text in self._new} - self._kept
        costly = any(text.startswith(_MARK) and _digest(text) in new for text in self._new)
        if self._loaded and (costly or len(new) >= max(_WORTH_KEEPING, _OF_EACH * self._documents)):
            kept = new if len(self._kept) + len(new) > _MOST else new | self._kept
            # One text: thousands would take as long to guard, to write and to read as all that a short job says.
            memo.put(_SUBJECT, fingerprint(self.judged_by), "".join(kept))
            self._kept = frozenset(kept)


def _digest(text: str) -> str:
    return sha256_hex(text.encode("utf-8", "surrogatepass"))[:_DIGITS]
