# SPDX-License-Identifier: Apache-2.0
"""The settings of BPS that capture a workflow, given what a submit file and what it includes say already.

A prefix in the command is what every workflow system of BPS passes on: Parsl ignores BPS's ``environment``. It begins
with `env`, which finds `envcap` on the PATH of the worker (HTCondor does not look there). The job's name stands in the
command itself, not in the variable beside it: only there does PanDA replace it job by job (``placeholderParams``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...errors import HookError, UsageError
from .base import absolute, words
from .bps_includes import merged

if TYPE_CHECKING:
    from typing import Any, TypeAlias

__all__ = ("SWITCH", "Keys", "Settings")

Keys: TypeAlias = "tuple[str, ...]"
"""Where a setting stands: the keys of the mappings around it, and its own."""

SWITCH = "envcapRun"
"""The variable of BPS that holds the wrapper. Where a user sets it to nothing, nothing is captured."""

_PREFIX = f"/usr/bin/env ENVCAP_BPS_JOB={{jobName}} {{{SWITCH}}} "
_FACTS = "ENVCAP_BPS_RUN={uniqProcName} ENVCAP_BPS_LABEL={jobLabel} ENVCAP_BPS_TASK={curr_pipetask}"
_COMMAND = "runQuantumCommand"
# BPS's own, of 30.2026.4300. That of 30.2026.300 has ${CTRL_MPEXEC_DIR}/bin/ before pipetask, which wheels don't set.
_DEFAULTS: dict[Keys, str] = {
    (_COMMAND,): "pipetask {runPreCmdOpts} run-qbb {butlerConfig} {fileDistributionEndPoint}{qgraphFile} "
    "--qgraph-node-id {qgraphNodeId} {extraRunQuantumOptions}",
    ("pipetask", "pipetaskInit", _COMMAND): "pipetask {initPreCmdOpts} pre-exec-init-qbb {butlerConfig} "
    "{fileDistributionEndPoint}{qgraphFile} {extraInitOptions}",
}
_GRAPH = "-o {submitPath}/{uniqProcName}_provenance.qg"
_HAS_GRAPH = re.compile(r"(^|\s)(-o|--output)\b")
_AGGREGATE = "extraAggregateOptions"
_PLACEHOLDERS = "placeholderParams"
_JOB = "jobName"
_SEVERAL = re.compile(r"[;&|\n`]|\$\(")
_SHELL_ONLY = frozenset({".", "cd", "eval", "exec", "export", "set", "source", "ulimit", "umask", "unset"})
_STORE = re.compile(r"[\w./:@%+,-]+")


class Settings:
    """What is to be set in a file of envcap's own, and what is to be inserted into the user's.

    Parameters
    ----------
    own : `dict`
        What the submit file itself says.
    included : `dict`
        What the files say that it includes.
    store : `str` or `None`
        The store that jobs write to.

    Attributes
    ----------
    values : `dict` [ `Keys`, `str` or `list` ]
        What is to be set.
    before : `dict` [ `Keys`, `str` ]
        Words to be put before texts of the submit file.
    placeholders : sequence of `Keys`
        Lists of the submit file that the job's name must be added to.
    notes : `list` [ `str` ]
        What there will not be, and why.

    Raises
    ------
    HookError
        If a command can't be wrapped safely.
    UsageError
        If the store's name can't stand in a command of BPS.
    """

    def __init__(self, own: dict[str, Any], included: dict[str, Any], store: str | None) -> None:
        if store is not None and not _STORE.fullmatch(absolute(store)):
            raise UsageError(f"--store {store}: a command of BPS can't hold such a name; use letters, digits and ._-/")
        self._own, self._included = own, included
        self._both = merged(included, own)
        self.values: dict[Keys, str | list[str]] = {(SWITCH,): f"{_FACTS} {words('envcap', 'run', store=store)} --"}
        self.before: dict[Keys, str] = {}
        self.notes: list[str] = []
        if SWITCH in own:
            self.notes.append(f"{SWITCH} is set in this file itself, and stays as it is")
        self._wrap_commands()
        self.placeholders = list(self._tell_panda())
        self._close(words("envcap", "ingest", store=store))

    def _wrap_commands(self) -> None:
        found = dict(_found(self._both, _COMMAND))
        for keys, command in {**_DEFAULTS, **found}.items():
            if _is_captured(keys, command):
                continue
            if _has(self._own, keys):
                self.before[keys] = _PREFIX
            else:
                self.values[keys] = _PREFIX + command.strip()

    def _tell_panda(self) -> Iterator[Keys]:
        default = ["qgraphNodeId", "qgraphId"]
        for keys, names in {(_PLACEHOLDERS,): default, **dict(_found(self._both, _PLACEHOLDERS))}.items():
            if not isinstance(names, list):
                raise HookError(f"{'.'.join(keys)}: expected a list of names")
            if _JOB in names:
                continue
            if _has(self._own, keys):
                yield keys
            else:
                self.values[keys] = [_JOB, *map(str, names)]

    def _close(self, ingest: str) -> None:
        """Have the final job write a provenance graph, and bring the index up to date."""
        final = self._both.get("finalJob") or {}
        if str(final.get("whenRun", "")).upper() == "NEVER":
            self.notes.append(f"finalJob.whenRun is NEVER: no provenance graph, and '{ingest}' is yours to run")
            return
        keys = ("finalJob", _AGGREGATE) if _AGGREGATE in final else (_AGGREGATE,)
        options = str((final if len(keys) > 1 else self._both).get(_AGGREGATE) or "")
        if "command1" in final and f"{{{_AGGREGATE}}}" not in str(final["command1"]):
            self.notes.append(
                f"finalJob.command1 is your own and has no {{{_AGGREGATE}}}: no provenance graph by envcap"
            )
        elif not _HAS_GRAPH.search(options):
            if _has(self._own, keys):
                self.before[keys] = f"{_GRAPH} "
            else:
                self.values[keys] = f"{_GRAPH} {options}".strip()
        commands = {name: text for name, text in final.items() if re.fullmatch(r"command\d+", name)}
        if not any("envcap ingest" in str(text) for text in commands.values()):
            number = next(n for n in range(2, len(commands) + 3) if f"command{n}" not in commands)
            # The final job ends at the first command that fails, and is then said to have failed itself.
            self.values["finalJob", f"command{number}"] = f"{ingest} || true"


def _found(data: dict[str, Any], name: str, above: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Yield each setting of that name, whatever section it stands in."""
    for key, value in data.items():
        if key == name:
            yield (*above, key), value
        elif isinstance(value, dict):
            yield from _found(value, name, (*above, str(key)))


def _has(data: Any, keys: Keys) -> bool:
    for key in keys:
        if not isinstance(data, dict) or key not in data:
            return False
        data = data[key]
    return True


def _is_captured(keys: Keys, command: object) -> bool:
    """Whether a command is captured already.

    Raises
    ------
    HookError
        If it is not, and a prefix would not reach all of it.
    """
    where = ".".join(keys)
    if not isinstance(command, str) or not command.strip():
        raise HookError(f"{where}: expected a command, found {command!r}")
    if f"{{{SWITCH}}}" in command or "envcap run" in command:
        return True
    first = command.split()[0]
    if _SEVERAL.search(command.strip()) or "=" in first or first in _SHELL_ONLY:
        told = f"put '{_PREFIX.strip()}' before its pipetask yourself, then apply again"
        raise HookError(f"{where}: is more than one command, or one of the shell's own: {told}")
    return False
