# SPDX-License-Identifier: Apache-2.0
"""A real conda channel in a directory, with a CPython that runs, and real prefixes installed from it.

Nothing but the package index is needed: the packages are written by conda-package-streaming, indexed, solved and
installed by rattler. Their bytes are the same each time they are made on one machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from conda_package_streaming.create import conda_builder
from rattler import Channel, Gateway, MatchSpec, Subdir, VirtualPackage, solve
from rattler import install as link
from rattler.index import index_fs

PLACEHOLDER = ("/opt/envcap" + "_placehold" * 30)[:255]
"""Stands in packaged files where the prefix will: as long as conda makes it, so that any prefix fits into a binary."""

PYTHON = f"python3.{sys.version_info.minor}"
_NEWEST = 1_700_000_000
_LEFT_OUT = {"test", "idlelib", "turtledemo", "tkinter", "site-packages", "dist-packages", "ensurepip", "__pycache__"}


def make_channel(folder: Path) -> str:
    """Make a channel and return its URL.

    It has ``python`` (this very CPython), ``tool`` 1.0 in the builds ``0`` and ``1`` and 1.1 in the build ``0``
    (text and binary files with the prefix in them), ``table`` 2024.1 (noarch, data alone), and ``app`` 0.5 (noarch
    Python with the script ``app``, which depends on all of these).
    """
    here = str(Subdir.current())
    scratch = folder / "scratch"
    (folder / "noarch").mkdir(parents=True)
    for version, build in (("1.0", "0"), ("1.0", "1"), ("1.1", "0")):
        tree = scratch / f"tool-{version}-{build}"
        _write(tree / "bin" / "tool", f"#!/bin/sh\necho {PLACEHOLDER} {version} {build}\n".encode(), 0o755)
        _write(tree / "lib" / "tool.bin", b"\x7f\0" + PLACEHOLDER.encode() + b"/share\0" + build.encode() + b"\0" * 64)
        prefixed = {"bin/tool": "text", "lib/tool.bin": "binary"}
        _package(folder, tree, "tool", version, build, subdir=here, number=int(build), prefixed=prefixed)
    _write(scratch / "table" / "share" / "table.csv", b"a,b\n1,2\n")
    _package(folder, scratch / "table", "table", "2024.1", "0", noarch="generic")
    _package(folder, _app(scratch / "app"), "app", "0.5", "py_0", noarch="python", depends=["python", "tool", "table"])
    version = ".".join(map(str, sys.version_info[:3]))
    _package(folder, _python(scratch / "python"), "python", version, "0_cpython", subdir=here)
    shutil.rmtree(scratch)
    asyncio.run(index_fs(folder))
    return folder.as_uri()


def make_large_channel(folder: Path, packages: int, files: int) -> str:
    """Make a channel of ``python`` and many packages, ``p0`` to the last, and return its URL.

    A fifth of the files of each hold the prefix, as text or amid bytes. The last package depends on all others.
    """
    here = str(Subdir.current())
    scratch = folder / "scratch"
    for number in range(packages):
        tree, prefixed = scratch / f"p{number}", {}
        for part in range(files):
            path = f"share/p{number}/file{part}"
            if part % 10 == 0:
                _write(tree / path, f"# {number} {part}\nprefix = {PLACEHOLDER}/share\n".encode())
                prefixed[path] = "text"
            elif part % 10 == 1:
                _write(tree / path, b"\x7f\0" + PLACEHOLDER.encode() + b"/lib\0" + bytes([number % 256, part]) * 40)
                prefixed[path] = "binary"
            else:
                _write(tree / path, f"{number} {part}\n".encode() * 20)
        depends = [f"p{other}" for other in range(number)] if number == packages - 1 else []
        _package(folder, tree, f"p{number}", "1.0", "0", subdir=here, prefixed=prefixed, depends=depends)
        shutil.rmtree(tree)
    version = ".".join(map(str, sys.version_info[:3]))
    _package(folder, _python(scratch / "python"), "python", version, "0_cpython", subdir=here)
    shutil.rmtree(scratch)
    asyncio.run(index_fs(folder))
    return folder.as_uri()


def install(channel: str, prefix: Path, specs: Sequence[str]) -> None:
    """Make a prefix hold what some specs ask for, and nothing else; its packages come from one channel.

    What is unpacked stays beside the prefix, in ``PREFIX.pkgs``.
    """
    scratch = prefix.with_name(prefix.name + ".pkgs")

    async def run() -> None:
        records = await solve(
            sources=[Channel(channel)],
            specs=[MatchSpec(spec) for spec in specs],
            gateway=Gateway(cache_dir=scratch / "repodata"),
            platforms=[str(Subdir.current()), "noarch"],
            virtual_packages=VirtualPackage.detect(),
        )
        await link(records, target_prefix=prefix, cache_dir=scratch / "pkgs", show_progress=False)

    asyncio.run(run())


def _write(path: Path, data: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def _app(tree: Path) -> Path:
    packages = tree / "site-packages"
    _write(packages / "app" / "__init__.py", b"def main():\n    import sys\n    print('app', sys.prefix)\n")
    info = packages / "app-0.5.dist-info"
    _write(info / "METADATA", b"Metadata-Version: 2.1\nName: app\nVersion: 0.5\n")
    _write(info / "INSTALLER", b"conda\n")
    _write(info / "RECORD", b"app/__init__.py,,\n")
    return tree


def _python(tree: Path) -> Path:
    """Gather the running CPython without what no test needs; it finds its library beside itself."""
    home = Path(sys.base_prefix)
    library = tree / "lib" / PYTHON
    shutil.copytree(home / "lib" / PYTHON, library, symlinks=True, ignore=lambda _, names: _LEFT_OUT & {*names})
    for large in (*library.glob("config-*"), *library.glob("lib-dynload/_test*"), *library.glob("lib-dynload/_tk*")):
        shutil.rmtree(large) if large.is_dir() else large.unlink()
    _write(library / "site-packages" / "README.txt", b"site-packages\n")
    program = Path(os.path.realpath(home / "bin" / PYTHON)).read_bytes()
    # The place of the shared library, shortened to one beside the program: an ELF string ends at the first NUL.
    old, new = f"{home}/lib\0".encode(), b"$ORIGIN/../lib\0"
    _write(tree / "bin" / PYTHON, program.replace(old, new.ljust(len(old), b"\0")), 0o755)
    for name in ("python", "python3"):
        (tree / "bin" / name).symlink_to(PYTHON)
    for shared in (home / "lib").glob(f"lib{PYTHON}*.so.*"):
        shutil.copy2(shared, tree / "lib" / shared.name)
    return tree


def _package(
    channel: Path, tree: Path, name: str, version: str, build: str, *, subdir: str = "noarch", noarch: str = "",
    number: int = 0, depends: Sequence[str] = (), prefixed: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Write one ``.conda`` file (conda-package-handling, "package format V2")."""
    paths = [_path(tree, path, (prefixed or {}).get(path)) for path in _contents(tree)]
    index = {
        "name": name, "version": version, "build": build, "build_number": number, "depends": list(depends),
        "subdir": subdir, "timestamp": _NEWEST * 1000, "license": "MIT",
    }  # fmt: skip
    info: dict[str, object] = {"info/paths.json": {"paths_version": 1, "paths": paths}}
    if noarch:
        index["noarch"] = noarch
    if noarch == "python":
        link = {"type": "python", "entry_points": [f"{name} = {name}:main"]}
        info["info/link.json"] = {"noarch": link, "package_metadata_version": 1}
    (channel / subdir).mkdir(parents=True, exist_ok=True)
    with conda_builder(f"{name}-{version}-{build}", channel / subdir, compression_level=1) as archive:
        for path, document in {"info/index.json": index, **info}.items():
            data = json.dumps(document).encode()
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            archive.addfile(_plain(entry), io.BytesIO(data))
        for path in _contents(tree):
            archive.add(tree / path, path, recursive=False, filter=_plain)


def _contents(tree: Path) -> list[str]:
    return sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_symlink() or path.is_file())


def _path(tree: Path, path: str, mode: str | None) -> dict[str, object]:
    full = tree / path
    data = full.read_bytes()
    entry = {
        "_path": path, "path_type": "softlink" if full.is_symlink() else "hardlink",
        "sha256": hashlib.sha256(data).hexdigest(), "size_in_bytes": len(data),
    }  # fmt: skip
    return entry | ({"prefix_placeholder": PLACEHOLDER, "file_mode": mode} if mode else {})


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = _NEWEST
    return entry
