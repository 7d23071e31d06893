# SPDX-License-Identifier: Apache-2.0
"""Runs a captured command in a rebuilt environment, in a directory of its own that looks like the job's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from envcap.digest import digest_of_file

from ..build.base import Built, own_directories
from ..build.code import original_roots
from ..bundle.places import standing
from ..errors import ReplayFailedError, ReplayRefusedError
from ..jobs.command import CapturedCommand, DeclaredFile
from ..readback.programs import Telling, told_file
from ..sandbox.base import Mount, Program
from .remade import RemadeOutput
from .server import last_lines

__all__ = ("WORK", "run_command")

_READ_ONLY = 0o444
WORK = "work"
"""The command's working directory, below the replay's own."""


def run_command(job: CapturedCommand, built: Built, scratch: str) -> list[RemadeOutput]:
    """Run a command and return its declared outputs.

    Its configuration files and inputs are copied to where they stood from its working directory, which is where it was
    if the sandbox can do that; what stood elsewhere, and was named on the command line, is named anew.

    Raises
    ------
    ReplayFailedError
        If it ends otherwise than the job did, or an output is not there.
    ReplayRefusedError
        If an input is gone or was changed; nothing has run.
    """
    folder = os.path.join(scratch, WORK)
    os.makedirs(folder)
    built.sandbox.own(folder)
    paths = {placeholder: _place(job, one, folder, built) for placeholder, one in job.files().items()}
    log = os.path.join(scratch, "log.txt")
    telling = Telling(built.sandbox)
    mounts = (*built.mounts, *telling.mounts, Mount(scratch, scratch, writable=True))
    seen = built.sandbox.place_of(folder, job.directory, mounts)
    program = Program(
        _words(job, built, {name: seen + path.removeprefix(folder) for name, path in paths.items()}),
        {**telling.variables(built.variables, scratch), **own_directories(scratch, built.sandbox)},
        mounts if seen == folder else (*mounts, Mount(folder, seen, writable=True)),
        seen,
        log,
        umask=job.umask,
    )
    _make_told(scratch, built)
    with built.sandbox.start(program) as process:
        ended = process.wait(built.sandbox.limits.seconds)
    status = ended.status if ended.status >= 0 else 128 - ended.status
    expected = job.attempt.result.exit if job.attempt.result else None
    if status != (expected or 0) or ended.cause:
        raise ReplayFailedError(f"the payload failed: {ended}: {last_lines(log)} (log: {log})")
    return _outputs(job, paths, log)


def _make_told(scratch: str, built: Built) -> None:
    """Make the file for what the command's processes tell of their numerics."""
    path = told_file(scratch)
    open(path, "xb").close()
    built.sandbox.own(path)


def _place(job: CapturedCommand, one: DeclaredFile, folder: str, built: Built) -> str:
    """Return where a declared file is for the replay, having put it there."""
    path = os.path.join(folder, one.relative) if one.relative else os.path.join(folder, f".{one.kind}s", one.name)
    parent = os.path.dirname(path)
    while not os.path.isdir(parent):
        parent = os.path.dirname(parent)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    made = os.path.dirname(path)
    while made != parent:
        built.sandbox.own(made)
        made = os.path.dirname(made)
    if one.kind == "config":
        with open(path, "wb") as stream:
            stream.write(job.store.get(job.config_files()[one.name].digest))
    elif one.kind == "input":
        given = standing(job.manifest.attempt, one.original)
        if not os.path.isfile(given):
            raise ReplayRefusedError(f"the input {one.original} is gone")
        shutil.copyfile(given, path)
        if digest_of_file(path)[0] != one.digest:
            raise ReplayRefusedError(f"the input {one.original} is not what the job read")
    else:
        return path
    os.chmod(path, _READ_ONLY)
    return path


def _words(job: CapturedCommand, built: Built, paths: Mapping[str, str]) -> list[str]:
    """Return the command line with the places of the replay."""
    restored = built.variables.get("PYTHONPATH", "").split(os.pathsep)
    roots = dict(zip(original_roots(job), restored, strict=False))
    found = []
    for number, (word, typed) in enumerate(job.words()):
        option, equals, value = word.partition("=")
        if word in paths:
            found.append(paths[word])
        elif equals and value in paths:
            found.append(f"{option}={paths[value]}")
        elif (word.endswith(".py") or (number == 0 and "/" in typed)) and (
            script := _restored(typed, job.manifest.job.cwd or "/", roots)
        ):
            found.append(script)
        elif number == 0:
            found.append(built.python if _is_python(word) else word)
        else:
            found.append(word)
    return found


def _restored(typed: str, cwd: str, roots: Mapping[str, str]) -> str | None:
    """Return where a script is that stood in a code root."""
    path = os.path.normpath(os.path.join(cwd, typed))
    for original, restored in roots.items():
        if original and os.path.dirname(path) == original:
            return os.path.join(restored, os.path.basename(path))
    return None


def _is_python(word: str) -> bool:
    return word.removeprefix("python").replace(".", "").isdecimal() or word == "python"


def _outputs(job: CapturedCommand, paths: Mapping[str, str], log: str) -> list[RemadeOutput]:
    made, absent = [], []
    for placeholder, one in job.files().items():
        if one.kind != "output":
            continue
        path = paths[placeholder]
        if not os.path.isfile(path) or os.path.islink(path):
            absent.append(one.original)
            continue
        uri = f"file://{path}"
        original = standing(job.manifest.attempt, one.original)
        made.append(RemadeOutput(f"file://{one.original}", uri, one.name, uri, path, original))
    if absent:
        raise ReplayFailedError(f"the payload ended well but did not make {', '.join(absent)} (log: {log})")
    return made
