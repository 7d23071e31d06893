# SPDX-License-Identifier: Apache-2.0
"""Measuring in a process of its own, for types of files whose only reader is a library that hostile files crash.

The process has limits of time and memory; whatever becomes of it, the caller gets differences or the documented error.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from .base import Comparator, ComparisonError
from .difference import Difference
from .matching import IN_PLACE, Key, Matching

__all__ = ("ComparatorApart",)

_SECONDS = 60
_BYTES_PER_SECOND = 1 << 20
_SHARE_OF_MEMORY = 2


class ComparatorApart(Comparator):
    """Has another comparator compare, in a process of its own.

    Parameters
    ----------
    module, comparator : `str`
        Where it is, and its class.
    matching : `Matching`, optional
    """

    description: ClassVar[str] = "files whose library may crash, measured in a process of its own"

    def __init__(self, module: str, comparator: str, matching: Matching = IN_PLACE) -> None:
        super().__init__(matching)
        self._comparator = (module, comparator)

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        size = max(path.stat().st_size for path in (original, remade))
        seconds = _SECONDS + 2 * size // _BYTES_PER_SECOND
        keys = [{"table": key.table, "columns": key.columns} for key in self.matching.keys]
        request = {"comparator": self._comparator, "files": [str(original), str(remade)], "keys": keys}
        answer = _ask(request, original, seconds)
        if "reason" in answer:
            raise ComparisonError(Path(answer["path"]), answer["reason"])
        return tuple(Difference.from_json(one) for one in answer["differences"])


def _ask(request: dict[str, Any], original: Path, seconds: int) -> dict[str, Any]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-P", "-m", __name__]
    try:
        done = subprocess.run(
            command, input=json.dumps(request), capture_output=True, text=True, env=environ, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise ComparisonError(original, f"is not read within {seconds} s; one of the files is damaged") from None
    if done.returncode:
        told = signal.Signals(-done.returncode).name if done.returncode < 0 else f"status {done.returncode}"
        *_, last = ["", *done.stderr.splitlines()]
        detail = f" ({last})" if done.returncode > 0 else ""
        raise ComparisonError(original, f"its reader ended with {told}{detail}; a file is damaged, or too large")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _limit(what: int, most: int) -> None:
    """Set a limit, unless there is a lower one already, which nobody may raise."""
    hard = resource.getrlimit(what)[1]
    limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (limit, limit))


def _main() -> None:
    request = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a library may print
    _limit(resource.RLIMIT_AS, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _SHARE_OF_MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    module, name = request["comparator"]
    matching = Matching(tuple(Key(key["table"], tuple(key["columns"])) for key in request["keys"]))
    original, remade = map(Path, request["files"])
    try:
        found = getattr(import_module(module), name)(matching).compare(original, remade)
        answer: dict[str, Any] = {"differences": [one.to_json() for one in found]}
    except ComparisonError as error:
        answer = {"path": str(error.path), "reason": error.reason}
    json.dump(answer, out)
    out.close()


if __name__ == "__main__":
    _main()
