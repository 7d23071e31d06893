# SPDX-License-Identifier: Apache-2.0
"""What capture costs in instructions: other users of a machine change how long those take, but not how many there are.

Counted by Valgrind's cachegrind, in user space, in one process. What `envcap run` itself does isn't in it, nor is the
kernel.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

from .paired import Row

__all__ = ("instruction_rows",)

_VALGRIND = "valgrind"
_BILLION = 1e9
# A program that is not this Python would not be one whose environment is known.
_BECOME = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"


def instruction_rows(run: Callable[..., object], python: str, folder: str) -> Iterator[Row]:
    """Yield how many instructions a payload takes more within `envcap run`; nothing where there is no Valgrind.

    Parameters
    ----------
    run : callable
        Runs a pipeline behind the words of a command.
    python : `str`
        The interpreter that it runs on.
    folder : `str`
        A scratch folder.
    """
    if shutil.which(_VALGRIND, path=os.defpath) is None:
        return
    counts = os.path.join(folder, "instructions")
    counting = (_VALGRIND, "-q", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={counts}")
    pipetask = (python, os.path.join(os.path.dirname(python), "pipetask"))
    found = []
    for around in ((), ("envcap", "run", "--", python, "-c", _BECOME)):
        run(*around, *counting, *pipetask)
        with open(counts, encoding="utf-8") as stream:
            summary = stream.read().rpartition("summary:")[2]
        found.append(int(summary) / _BILLION)
    without, with_envcap = found
    yield Row(
        "demo pipeline: instructions of the payload",
        with_envcap,
        "billions",
        f"without envcap: {without:.4g} billions",
        ratio=with_envcap / without,
    )
