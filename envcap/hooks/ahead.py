# SPDX-License-Identifier: Apache-2.0
"""How far a command may get while its job is recorded: to nothing of the job's own (ADR 30)."""

from __future__ import annotations

import os
import sys

from ..target import find_program, runs_here
from .importing import PIPETASK
from .variables import TO_COME

__all__ = ("may_go_ahead",)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HOOK = "envcap.pth"
_LONGEST = 1 << 14
_NOTHING_OF_ITS_OWN = ("", "import re", "import sys")
"""What a script that an installer writes has before the import of its program."""


def may_go_ahead(argv: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Return what a command is told in place of the context of its job; `None` if it must not start before that.

    Its interpreter must be certain to load `envcap.hooks.startup`, which waits; its own start takes a while.
    """
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    # Of the other places on its search path it isn't certain that it looks for hooks there.
    hook = os.path.join(sys.prefix, "lib", version, "site-packages", _HOOK)
    if not (os.path.exists(hook) and runs_here(argv, environ)):
        return None
    return f"{TO_COME} {PIPETASK}" if _imports_first(argv[0], environ, PIPETASK) else TO_COME


def _imports_first(name: str, environ: Mapping[str, str], module: str) -> bool:
    """Whether a program is a script that does nothing before it has imported a module."""
    program = find_program(name, environ)
    try:
        with open(program or name, "rb") as stream:
            text = stream.read(_LONGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    statements = (line for line in text.splitlines() if line[:1] != "#" and line not in _NOTHING_OF_ITS_OWN)
    return next(statements, "").startswith(f"from {module} import ")
