# SPDX-License-Identifier: Apache-2.0
"""What a process has imported. Apart, since every Python under `envcap run` imports it when it ends."""

from __future__ import annotations

import sys

__all__ = ("INSTALLED", "Imported", "imported_modules")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

Imported = list[tuple[str, str]]
"""Names of modules, and the files that they came from."""

INSTALLED = ("/site-packages/", "/dist-packages/")
"""What the path of an installed module has in it."""


def imported_modules() -> Imported:
    """Return what this process has imported and its Python didn't bring, sorted.

    Of what is installed, the topmost package or module stands for all below it; a namespace package has no file of its
    own, and those below it stand for it. Of other code there is every module.
    """
    modules: Mapping[str, Any] = dict(sys.modules)
    standard = sys.stdlib_module_names
    found = []
    for name, module in modules.items():
        top = name.partition(".")[0]
        path = getattr(module, "__file__", None)
        if top in standard or not isinstance(path, str) or not path.startswith("/"):
            continue
        if any(part in path for part in INSTALLED):
            above = modules.get(name.rpartition(".")[0])
            if above is not None and isinstance(getattr(above, "__file__", None), str):
                continue
        found.append((_main(module, path) if name == "__main__" else name, path))
    return sorted(found)


def _main(module: Any, path: str) -> str:
    """Return what the program's own module would be imported as."""
    spec = getattr(module, "__spec__", None)
    return str(spec.name) if spec is not None else path.rpartition("/")[2].removesuffix(".py")
