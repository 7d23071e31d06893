# SPDX-License-Identifier: Apache-2.0
"""Environment variables: one that the code names, or that Python obeys in what the code does, is likelier."""

from __future__ import annotations

from collections.abc import Mapping

from ..facts import Facts
from .base import Raw, Rule, Weight, by_size

__all__ = ("NumericsRule", "VariableRule")

_TIME = ("localtime", "strftime", "fromtimestamp", "mktime", "ctime", "now", "astimezone", "tzset")
_LOCALE = ("setlocale", "strcoll", "strxfrm", "localeconv", "getpreferredencoding", "open", "read_text", "write_text")
_OBEYED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "PYTHONHASHSEED": (("hash", "set", "frozenset"), "it decides the order of sets"),
    "TZ": (_TIME, "it decides local times"),
    "LANG": (_LOCALE, "it decides encodings, and how texts are sorted and written"),
    "LC_ALL": (_LOCALE, "it decides encodings, and how texts are sorted and written"),
    "LC_COLLATE": (_LOCALE, "it decides how texts are sorted"),
    "LC_CTYPE": (_LOCALE, "it decides encodings"),
    "LC_NUMERIC": (_LOCALE, "it decides how numbers are written"),
    "LC_TIME": (_TIME, "it decides how dates are written"),
}


class VariableRule(Rule):
    """Weighs variables by what the code mentions."""

    layers = ("process_env",)

    def weigh(self, raw: Raw, facts: Facts) -> Weight:
        """Weigh a variable."""
        if mention := facts.code.first((raw.name,)):
            return Weight(76, (f"the code names it: {mention}",))
        names, what = _OBEYED.get(raw.name, ((), ""))
        if mention := facts.code.first(names):
            return Weight(64, (what, f"the code may depend on that: {mention}"))
        if names:
            return Weight(28, (what, "the job's own code shows no use of it"))
        return Weight(30 if raw.name.startswith(("PYTHON", "LD_")) else 10, ("no code of the job's names it",))


class NumericsRule(Rule):
    """Weighs variables that choose kernels, threads and instruction sets: they change last digits."""

    layers = ("numerics",)

    def weigh(self, raw: Raw, facts: Facts) -> Weight:
        """Weigh a variable."""
        if mention := facts.code.first((raw.name,)):
            return Weight(76, (f"the code names it: {mention}",))
        return by_size(34, 74, facts)
