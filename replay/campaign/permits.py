# SPDX-License-Identifier: Apache-2.0
"""Who may judge what: nothing is judged twice, although a worker may outlive whoever started it, or be out of reach.

A batch has a permit, a file, as long as its result is waited for. A worker takes a lock of its ledger before it looks
for the permit, and looks before each quantum. So once a permit is taken back, and the ledgers' locks are gone or their
batches ended, nothing of that batch is judged any more, and its ledger has all that was.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from envcap.ids import uuid7

from .entry import Entry
from .errors import CampaignError
from .ledger import LedgerReader

__all__ = ("Permits", "is_permitted", "only_run", "settle")

_PERMITS = "permits"
_LOCK = "run.lock"
_PAUSE_S = 0.2


def is_permitted(folder: str, batch: str) -> bool:
    """Whether a batch of the campaign in a folder may still be judged."""
    return os.path.exists(os.path.join(folder, _PERMITS, batch))


class Permits:
    """The permits of a campaign.

    Parameters
    ----------
    folder : `str`
        The campaign's.
    """

    def __init__(self, folder: str) -> None:
        self._folder = os.path.join(folder, _PERMITS)

    def give(self) -> str:
        """Return the id of a new batch, which may be judged."""
        batch = uuid7()
        os.makedirs(self._folder, exist_ok=True)
        with open(os.path.join(self._folder, batch), "x", encoding="ascii"):
            return batch

    def take_back(self, batch: str) -> None:
        """Let a batch be judged no more."""
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(self._folder, batch))

    def take_all_back(self) -> None:
        """Let nothing be judged any more."""
        if os.path.isdir(self._folder):
            for batch in os.listdir(self._folder):
                self.take_back(batch)


def settle(reader: LedgerReader, batch: str | None, tell: Callable[[int], None], take: Callable[[Entry], None]) -> None:
    """Wait until nothing of a batch without a permit, or of any, is being judged.

    Parameters
    ----------
    reader : `LedgerReader`
    batch : `str` or `None`
        `None` for any.
    tell : callable
        Takes how many workers are waited for, once.
    take : callable
        Takes each entry that is new.
    """
    told = False
    while True:
        for entry in reader.new():
            take(entry)
        held = set(reader.held())
        busy = [path for path, found in reader.busy.items() if path in held and batch in (None, found)]
        if not busy:
            return
        if not told:
            tell(len(busy))
            told = True
        time.sleep(_PAUSE_S)


@contextmanager
def only_run(folder: str) -> Iterator[None]:
    """Be the only one that runs a campaign.

    Raises
    ------
    CampaignError
        If another process does.
    """
    path = os.path.join(folder, _LOCK)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as err:
        raise CampaignError(f"{path}: {err.strerror or err}") from err
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise CampaignError(f"{os.path.basename(folder)} runs already: another process holds {path}") from None
        except OSError as err:
            raise CampaignError(f"{path}: this file system has no locks ({err.strerror})") from err
        yield
    finally:
        os.close(descriptor)
