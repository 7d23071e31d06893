# SPDX-License-Identifier: Apache-2.0
"""Asks pip which file it would install for a distribution: pip knows the user's indexes, and nobody else needs to.

An index has several wheels of one version. The first question is for what fits the interpreter best; the second, only
where that was not the one, names the tags of the wheel that is installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence

from ..errors import CollectorError
from ..redact import scrub
from .installed import InstalledWheel, normalised
from .wheel_target import WheelTarget

__all__ = ("Located", "locate", "locate_by_tags")

_SECONDS = 600
_MAX_REASON = 200
_UNREACHABLE = re.compile(r"Could not fetch URL \S+: (connection error|.*timed out|.*SSL)[^\n]*")
"""In pip's log: what it says aloud is only that it found nothing."""


class Located:
    """A file on an index: its address, and the digest that the index tells."""

    __slots__ = ("sha256", "url")

    def __init__(self, url: str, sha256: str) -> None:
        self.url = url
        self.sha256 = sha256

    @property
    def file_name(self) -> str:
        """Its name."""
        from urllib.parse import unquote, urlsplit

        return os.path.basename(unquote(urlsplit(self.url).path))


def locate(target: WheelTarget, wanted: Sequence[InstalledWheel]) -> dict[str, Located | str]:
    """Return the file of each distribution that fits an interpreter best, or why there is none, by name.

    Raises
    ------
    CollectorError
        If no index can be asked at all.
    """
    found: dict[str, Located | str] = {}
    for located, reason, some in _halved(list(target.options()), wanted):
        for one in some:
            found[one.name] = located.get(one.name, reason or "no index has a wheel of it")
    return found


def locate_by_tags(target: WheelTarget, one: InstalledWheel) -> Located | str:
    """Return the file of a distribution that has the tags of the installed one, or why there is none."""
    if not one.tags:
        return "it does not tell the tags of its wheel"
    interpreter, abi, platforms = one.tags_for_pip
    options = ["--implementation", interpreter[:2], "--abi", abi]
    options += [word for platform in platforms for word in ("--platform", platform)]
    # A tag may say no more than the major version, which by itself would be too old for anything.
    options += ["--python-version", interpreter[2:] if len(interpreter) > 3 else target.python]
    try:
        found = _ask([one], options)
    except _RefusedError as err:
        return str(err)
    return found.get(one.name, "no index has a wheel of it with these tags")


class _RefusedError(CollectorError):
    """pip finds one of the distributions nowhere."""

    error_type = "no_such_wheel"


def _halved(
    options: Sequence[str], wanted: Sequence[InstalledWheel]
) -> Iterator[tuple[dict[str, Located], str, Sequence[InstalledWheel]]]:
    """Yield what pip finds: it gives up at the first that it doesn't, so that one is looked for by halving."""
    if not wanted:
        return
    try:
        yield _ask(wanted, options), "", wanted
    except _RefusedError as err:
        if len(wanted) == 1:
            yield {}, str(err), wanted
            return
        middle = len(wanted) // 2
        yield from _halved(options, wanted[:middle])
        yield from _halved(options, wanted[middle:])


def _ask(wanted: Sequence[InstalledWheel], options: Sequence[str]) -> dict[str, Located]:
    if importlib.util.find_spec("pip") is None:
        raise CollectorError("pip, which knows the indexes, is not installed: pip install 'envcap[export]'")
    with tempfile.TemporaryDirectory(prefix="envcap-pip-") as scratch:
        return _report(wanted, options, scratch)


def _report(wanted: Sequence[InstalledWheel], options: Sequence[str], scratch: str) -> dict[str, Located]:
    log = os.path.join(scratch, "log.txt")
    # It wants a directory to install into, where it writes nothing.
    places = ["--log", log, "--target", os.path.join(scratch, "nowhere")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--dry-run", "--report", "-"]
    command += ["--no-deps", "--ignore-installed", "--only-binary", ":all:", "--disable-pip-version-check"]
    command += [*places, *options, "--", *(one.pin for one in wanted)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ENVCAP_", "PYTHON"))}
    if index := environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL"):
        environ.setdefault("PIP_INDEX_URL", index)
    try:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError) as err:
        raise CollectorError(f"pip can't be asked: {err}") from err
    said = scrub(" ".join(done.stderr.split()))
    if done.returncode:
        if unreachable := _UNREACHABLE.search(_read(log)):
            raise CollectorError(f"no index can be reached: {scrub(unreachable[0])[:_MAX_REASON]}")
        raise _RefusedError(said[-_MAX_REASON:])
    try:
        report = json.loads(done.stdout)
        return {name: located for name, located in map(_located, report["install"]) if located is not None}
    except (ValueError, KeyError, TypeError) as err:
        raise CollectorError(f"pip's report is none: {type(err).__name__}: {err}") from err


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def _located(entry: dict[str, dict[str, object]]) -> tuple[str, Located | None]:
    info = entry["download_info"]
    archive = info.get("archive_info")
    hashes = archive.get("hashes") if isinstance(archive, dict) else None
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    located = Located(str(info["url"]), sha256) if isinstance(sha256, str) else None
    return normalised(str(entry["metadata"]["name"])), located
