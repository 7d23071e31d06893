# SPDX-License-Identifier: Apache-2.0
"""Fetch the wheels of captured distributions from the user's package index, or pack them where they are installed.

pip is asked, so that the index, the proxy and the credentials are those of the user's own configuration. It is told
which interpreter and platform the wheels are for, since that is the image's, not this one's.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from envcap.artifacts.wheel_target import WheelTarget
from envcap.errors import EnvcapError
from envcap.model.components import Distribution
from envcap.redact import scrub

from .. import grammar
from ..build.installed import record_digest, records
from ..errors import BuildError
from ..grammar import checked
from .repack import repack
from .wheelhouse import Wheelhouse

__all__ = ("fetch", "fetch_tool")

_SECONDS = 1800
_MAX_REASON = 240


def fetch(
    wheelhouse: Wheelhouse,
    from_index: Sequence[Distribution],
    elsewhere: Sequence[Distribution],
    installed_in: Iterable[str],
    target: WheelTarget,
) -> dict[str, str]:
    """Bring the wheels of distributions into the wheelhouse, and return why it can't be had of those that it lacks.

    Parameters
    ----------
    wheelhouse : `Wheelhouse`
    from_index, elsewhere : sequence of `Distribution`
        What an index is asked for, and what is packed where it is installed. So is what the index doesn't have.
    installed_in : iterable of `str`
        Library directories to look in.
    target : `WheelTarget`

    Returns
    -------
    reasons : `dict` [ `str`, `str` ]
        By name. A wheel of that name and version that is another build counts as one that can't be had.
    """
    scratch = wheelhouse.scratch()
    try:
        refused = dict(_download(from_index, target, scratch))
        for path in scratch.glob("*.whl"):
            try:
                wheelhouse.adopt(path)
            except EnvcapError as err:
                refused[path.name.partition("-")[0].replace("_", "-").lower()] = str(err)
        for one in (*elsewhere, *from_index):
            if wheelhouse.find(one) is None:
                _pack(wheelhouse, one, installed_in, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    lacking = [one for one in (*from_index, *elsewhere) if wheelhouse.find(one) is None]
    return {one.name: refused.get(one.name, "the index has another build of it") for one in lacking}


def fetch_tool(wheelhouse: Wheelhouse, name: str, version: str) -> None:
    """Bring a wheel of pure Python into the wheelhouse, whoever built it.

    Raises
    ------
    BuildError
        If it can't be had.
    """
    scratch = wheelhouse.scratch()
    try:
        reason = _pip_download([f"{name}=={version}"], [], scratch)
        if reason is not None:
            raise BuildError(f"{name} {version} can't be fetched: {reason}")
        for path in scratch.glob("*.whl"):
            wheelhouse.adopt(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _download(wanted: Sequence[Distribution], target: WheelTarget, folder: Path) -> Iterator[tuple[str, str]]:
    """Download wheels; yield those that can't be had, found by halving, since pip stops at the first."""
    if not wanted:
        return
    reason = _pip_download(_pins(wanted), list(target.options()), folder)
    if reason is None:
        return
    if len(wanted) == 1 or "connection" in reason.lower():
        yield from ((one.name, reason) for one in wanted)
        return
    middle = len(wanted) // 2
    yield from _download(wanted[:middle], target, folder)
    yield from _download(wanted[middle:], target, folder)


def _pins(wanted: Sequence[Distribution]) -> list[str]:
    return [
        checked(f"python_dists: {one.name!r:.80}", one.name, grammar.DISTRIBUTION)
        + "=="
        + checked(f"python_dists: version of {one.name}", one.version, grammar.VERSION)
        for one in wanted
    ]


def _pip_download(pins: Sequence[str], options: Sequence[str], folder: Path) -> str | None:
    """Return why pip failed, `None` if it did not."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--no-input", "--only-binary", ":all:", "--dest", str(folder), *options, *pins]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no connection: pip takes more than {_SECONDS} s"
    except OSError as err:
        raise BuildError(f"pip can't be run: {err.strerror}") from err
    if done.returncode == 0:
        return None
    if "No module named pip" in done.stderr:
        raise BuildError("wheels are fetched by pip, and it isn't installed: pip install 'envcap[replay]'")
    if "NewConnectionError" in done.stderr or "Connection refused" in done.stderr:
        return "no connection to the package index"
    lines = [scrub(line.strip()) for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return " ".join(lines)[:_MAX_REASON] or f"pip ended with {done.returncode}"


def _pack(wheelhouse: Wheelhouse, wanted: Distribution, installed_in: Iterable[str], folder: Path) -> None:
    """Pack a distribution from the first place where it still stands as captured."""
    for site in installed_in:
        try:
            found = records(site).get(wanted.name)
            if found is not None and wanted.record is not None and record_digest(found) == wanted.record:
                wheelhouse.adopt(repack(found, folder))
        except EnvcapError:
            continue  # the next place may have it whole
