# SPDX-License-Identifier: Apache-2.0
"""Say what works here: each collector, and what capture and replay need; and what to do about what doesn't.

The exit status is 1 if something that ought to work doesn't.

Examples
--------
  envcap doctor
  envcap doctor --json
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterator

from ..collectors.base import collect
from ..collectors.registry import COLLECTORS
from ..describe import summary
from ..errors import EnvcapError
from ..hooks.loaded import LIBRARIES
from ..hooks.mapped import mapped_files
from ..model.descriptor import describe_bytes
from ..store.local import LocalStore
from ..store.place import default_store
from ..target import Target
from ..trust.key import Key, key_path
from .dispatch import add_json, add_store, print_json

__all__ = ("add_arguments", "run")

WORKS, ABSENT, FAILED = "works", "absent", "failed"

_COLOURS = {WORKS: "green", ABSENT: "yellow", FAILED: "bold red"}
_PACKAGES = (
    ("lsst.pipe.base", "Rubin quanta", "pip install 'envcap[rubin]'"),
    ("rich", "tables for people", "pip install 'envcap[cli]'"),
    ("uv", "replay: rebuild an environment", "pip install 'envcap[replay]'"),
    ("astropy", "replay: compare FITS files", "pip install 'envcap[replay]'"),
    ("pyarrow", "replay: compare Parquet files", "pip install 'envcap[replay]'"),
    ("jinja2", "replay: reports of campaigns", "pip install 'envcap[campaign]'"),
    ("matplotlib", "replay: plots and cut-outs of reports", "pip install 'envcap[campaign]'"),
    ("cpuinfo", "details of the processor", "pip install 'envcap[node]'"),
    ("distro", "details of the distribution", "pip install 'envcap[node]'"),
    ("psutil", "details of the memory", "pip install 'envcap[node]'"),
    ("pynvml", "details of GPUs", "pip install 'envcap[node]'"),
    ("cryptography", "signatures", "pip install 'envcap[sign]'"),
)


class Finding:
    """One line: what was looked at, ``works``, ``absent`` or ``failed``, and what is to be said or done about it."""

    def __init__(self, area: str, name: str, status: str, detail: str) -> None:
        self.area = area
        self.name = name
        self.status = status
        self.detail = detail

    def to_json(self) -> dict[str, str]:
        """Return the finding as JSON."""
        return {"area": self.area, "name": self.name, "status": self.status, "detail": self.detail}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add_store(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look at everything and print what was found."""
    root = arguments.store or default_store()
    found = [*_collectors(), *_capture(root), *_software()]
    if arguments.json:
        print_json([one.to_json() for one in found])
    else:
        _print(found)
    return 1 if any(one.status == FAILED for one in found) else 0


def _collectors() -> Iterator[Finding]:
    target = Target.current()
    for cls in COLLECTORS:
        collected, outcome = collect(cls(), target, describe_bytes)
        if collected is not None:
            yield Finding("collector", cls.kind, WORKS, summary(cls.kind, collected.component.data))
        else:
            yield Finding("collector", cls.kind, ABSENT if outcome.status == ABSENT else FAILED, outcome.reason or "")
    yield _tried("collector", LIBRARIES, lambda: f"{len(mapped_files())} loaded here")


def _capture(root: str) -> Iterator[Finding]:
    yield _tried("capture", "store", lambda: _store(root))
    yield _tried("capture", "key", lambda: _key(root))
    pth = os.path.join(sysconfig.get_path("purelib"), "envcap.pth")
    if os.path.exists(pth) or _editable_hook():
        yield Finding("capture", "per-quantum hook", WORKS, f"envcap.pth in {sys.prefix}")
    else:
        told = f"no envcap.pth in {os.path.dirname(pth)}: quanta are not recorded; pip install envcap there"
        yield Finding("capture", "per-quantum hook", FAILED, told)


def _editable_hook() -> bool:
    """Whether this is a checkout that was installed for development; its hook stands where Python looks, too."""
    return any(os.path.exists(os.path.join(path, "envcap.pth")) for path in sys.path if path)


def _store(root: str) -> str:
    store = LocalStore(root)
    if not os.path.exists(store.root):
        return f"{store.root}: not there yet; the first job makes it"
    LocalStore.existing(root)
    if not os.access(store.root, os.W_OK):
        raise EnvcapError(f"{store.root} can be read, not written: no job can be recorded there")
    free = shutil.disk_usage(store.root).free
    return f"{store.root}, {free / 1e9:.1f} GB free"


def _key(root: str) -> str:
    path = key_path()
    if not os.path.exists(path):
        return f"{path}: not there yet; the first job makes it"
    return f"{path}, key {Key.own(path, LocalStore(root).root).id}"


def _software() -> Iterator[Finding]:
    git = shutil.which("git")
    told = git or "code under git is captured file by file; install git"
    yield Finding("software", "git", WORKS if git else ABSENT, told)
    for module, what, remedy in _PACKAGES:
        there = _is_installed(module)
        yield Finding("software", module, WORKS if there else ABSENT, what if there else f"{what}: {remedy}")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _tried(area: str, name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(area, name, WORKS, look())
    except (EnvcapError, OSError) as err:
        return Finding(area, name, FAILED, str(err))


def _print(found: list[Finding]) -> None:
    from .console import console, table

    rows = [(one.area, one.name, one.status, one.detail) for one in found]
    console(stderr=False).print(table(("", "", "", ""), rows, colours=_COLOURS))
