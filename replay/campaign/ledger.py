# SPDX-License-Identifier: Apache-2.0
"""What was judged, as lines of JSON: one file for each process that judges, only ever appended to.

A line is ``{"begin": BATCH, …}``, ``{"entry": ENTRY}`` or ``{"end": BATCH}``. The process holds a lock of its file as
long as it lives (fcntl(2), which NFS has, too), so that others can tell whether it still does.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from envcap.hooks.schedulers import scheduler_facts
from envcap.ids import is_uuid, uuid7

from .entry import Entry
from .errors import CampaignError

__all__ = ("JUDGED", "Ledger", "LedgerReader")

JUDGED = "judged"
"""The directory of these files, in a campaign's folder."""
_END = ".jsonl"


class Ledger:
    """The file of this process.

    Parameters
    ----------
    folder : `str`
        The campaign's.

    Raises
    ------
    CampaignError
        If it can't be made.
    """

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, JUDGED, f"{uuid7()}{_END}")
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            self._descriptor = os.open(
                self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_APPEND, 0o644
            )
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        except OSError as err:
            raise CampaignError(f"{self.path}: {err.strerror or err}") from err

    def begin(self, batch: str) -> None:
        """Say that a batch is begun, and where: on which node, and in which job of which batch system."""
        facts = scheduler_facts(os.environ) or {}
        self._write({"begin": batch, "host": os.uname().nodename, "pid": os.getpid(), "scheduler": facts})

    def end(self, batch: str) -> None:
        """Say that nothing of a batch is judged any more."""
        self._write({"end": batch})

    def add(self, entry: Entry) -> None:
        """Add what became of a quantum; it is on the disk when this returns."""
        self._write({"entry": entry.to_json()})

    def close(self) -> None:
        """Close it; if nothing stands in it, it is deleted."""
        if os.fstat(self._descriptor).st_size == 0:
            os.unlink(self.path)
        os.close(self._descriptor)

    def _write(self, line: Mapping[str, Any]) -> None:
        data = memoryview(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
        except OSError as err:
            raise CampaignError(f"{self.path}: {err.strerror or err}") from err


class LedgerReader:
    """Reads all ledgers of a campaign, each time what is new.

    Attributes
    ----------
    busy : `dict` [ `str`, `str` ]
        Path of the ledgers in which a batch was begun and not ended, with that batch.

    Parameters
    ----------
    folder : `str`
        The campaign's.
    """

    def __init__(self, folder: str) -> None:
        self._folder = os.path.join(folder, JUDGED)
        self._read_to: dict[str, int] = {}
        self.busy: dict[str, str] = {}

    def new(self) -> Iterator[Entry]:
        """Yield the entries that were added since.

        Raises
        ------
        CampaignError
            If a line is no entry, or a file can't be read.
        """
        for path in self.paths():
            yield from self._new_of(path)

    def paths(self) -> list[str]:
        """Return the paths of the ledgers, oldest first."""
        try:
            names = sorted(os.listdir(self._folder))
        except FileNotFoundError:
            return []
        return [os.path.join(self._folder, name) for name in names if is_uuid(name.removesuffix(_END))]

    def held(self) -> list[str]:
        """Return the paths of the ledgers whose process lives."""
        return [path for path in self.paths() if _is_held(path)]

    def _new_of(self, path: str) -> Iterator[Entry]:
        done = self._read_to.get(path, 0)
        try:
            if os.path.getsize(path) == done:
                return
            with open(path, "rb") as stream:
                stream.seek(done)
                data = stream.read()
        except FileNotFoundError:  # one without lines was closed meanwhile
            return
        except OSError as err:
            raise CampaignError(f"{path}: {err.strerror or err}") from err
        # What follows the last line's end is being written, or its writer died.
        whole = data[: data.rfind(b"\n") + 1]
        for line in whole.splitlines():
            try:
                found = json.loads(line)
                entry = Entry.from_json(found["entry"]) if "entry" in found else None
            except (ValueError, TypeError, KeyError) as err:
                raise CampaignError(f"{path}: a line is no entry ({err}); it was changed") from err
            if entry is not None:
                yield entry
            elif "begin" in found:
                self.busy[path] = str(found["begin"])
            else:
                self.busy.pop(path, None)
        self._read_to[path] = done + len(whole)


def _is_held(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as err:
        raise CampaignError(f"{path}: {err.strerror or err}") from err
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    except OSError as err:
        raise CampaignError(f"{path}: this file system has no locks ({err.strerror})") from err
    finally:
        os.close(descriptor)
    return False
