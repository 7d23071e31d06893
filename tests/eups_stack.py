# SPDX-License-Identifier: Apache-2.0
"""A stack of EUPS's, with the files that ``eups declare`` writes, and the environment that ``setup`` makes."""

from __future__ import annotations

from pathlib import Path

__all__ = ("FLAVOR", "EupsStack")

FLAVOR = "Linux64"
_SEARCHED = {"PATH": "bin", "PYTHONPATH": "python", "LD_LIBRARY_PATH": "lib"}

_VERSION = """FILE = version
PRODUCT = {name}
VERSION = {version}
#***************************************

Group:
   FLAVOR = {flavor}
   QUALIFIERS = ""
   DECLARER = somebody
   DECLARED = 2026/03/14 15:09:26 UTC
   PROD_DIR = {folder}
   UPS_DIR = ups
   TABLE_FILE = {table}
End:
"""

_CHAIN = """FILE = version
PRODUCT = {name}
CHAIN = {tag}
#***************************************

#Group:
   FLAVOR = {flavor}
   VERSION = {version}
   QUALIFIERS = ""
   DECLARER = somebody
   DECLARED = 2026/03/14 15:09:26 UTC
#End:
"""


class EupsStack:
    """A stack in a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "ups_db").mkdir(parents=True)
        self.environ = {"PATH": "/usr/bin:/bin", "EUPS_PATH": str(root), "EUPS_SHELL": "sh"}

    def install(self, folder: Path, name: str, content: str = "1") -> None:
        """Make a product's directory."""
        for below in ("ups", *_SEARCHED.values()):
            (folder / below).mkdir(parents=True)
        lines = [f"envPrepend({variable}, ${{PRODUCT_DIR}}/{below})" for variable, below in _SEARCHED.items()]
        (folder / "ups" / f"{name}.table").write_text("\n".join([*lines, f"envSet({name.upper()}_DATA, {content})\n"]))
        tool = folder / "bin" / f"{name}-tool"
        tool.write_text(f"#!/bin/sh\necho {name} {content}\n")
        tool.chmod(0o755)

    def declare(self, name: str, version: str, *tags: str, table: str | None = None, folder: str | None = None) -> Path:
        """Install and declare a version, and return its directory."""
        inside = folder or f"{FLAVOR}/{name}/{version}"
        self.install(self.root / inside, name, version)
        database = self.root / "ups_db" / name
        database.mkdir(exist_ok=True)
        table = table or f"{name}.table"
        (database / f"{version}.version").write_text(
            _VERSION.format(name=name, version=version, flavor=FLAVOR, folder=inside, table=table)
        )
        for tag in tags:
            self.tag(name, version, tag)
        return self.root / inside

    def tag(self, name: str, version: str, tag: str) -> None:
        """Give a version a tag."""
        text = _CHAIN.format(name=name, version=version, flavor=FLAVOR, tag=tag)
        (self.root / "ups_db" / name / f"{tag}.chain").write_text(text)

    def setup(self, name: str, version: str) -> None:
        """Set a declared version up."""
        self._setup(self.root / FLAVOR / name / version, name, version, str(self.root))

    def setup_local(self, folder: Path, name: str) -> None:
        """Set a product up from a directory (``setup -j -r``)."""
        self._setup(folder, name, f"LOCAL:{str(folder).replace(' ', '-+-')}", "(none)")

    def _setup(self, folder: Path, name: str, version: str, stack: str) -> None:
        self.environ[f"SETUP_{name.upper()}"] = f"{name} {version} -f {FLAVOR} -Z {stack.replace(' ', '-+-')}"
        self.environ[f"{name.upper()}_DIR"] = str(folder)
        for variable, below in _SEARCHED.items():
            others = [path for path in self.environ.get(variable, "").split(":") if path]
            self.environ[variable] = ":".join([str(folder / below), *others])
