# SPDX-License-Identifier: Apache-2.0
"""What a process has imported. Apart, since every Python under `envcap run` imports it when it ends."""

from __future__ import annotations

import os
import sys

__all__ = ("INSTALLED", "Imported", "imported_modules")

ModuleType = type(sys)
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

Imported = list[tuple[str, str]]
"""Names of modules, and the files that they came from."""

INSTALLED = ("/site-packages/", "/dist-packages/")
"""What the path of an installed module has in it."""


_PROGRAM = ("__main__", "__mp_main__")  # the second is what `multiprocessing` calls the first


def imported_modules() -> Imported:
    """Return what this process has imported and its Python didn't bring, sorted.

    Of what is installed, the topmost package or module stands for all below it, but for a namespace: distributions
    share it, so those below it stand for themselves. Of other code there is every module. This package is left out: it
    is here to look.
    """
    modules: Mapping[str, Any] = dict(sys.modules)
    home = os.path.dirname(os.__file__) + "/"
    parents = {above for name in modules for above in _above(name)}
    found = set()
    for name, module in modules.items():
        path = getattr(module, "__file__", None)
        if not isinstance(path, str) or not path.startswith("/") or name.partition(".")[0] == "envcap":
            continue
        if any(part in path for part in INSTALLED):
            if any(_is_whole(modules.get(above)) for above in _above(name)):
                continue
            if name in parents and not _is_whole(module):
                continue  # every distribution of the namespace claims the file, and any of them would be named
        elif path.startswith(home) or "/lib-dynload/" in path:
            continue
        found.add((_main(module, path) if name in _PROGRAM else name, path))
    return sorted(found)


def _above(name: str) -> Iterator[str]:
    """Yield the packages that a module is in, the innermost first."""
    while name := name.rpartition(".")[0]:
        yield name


def _is_whole(package: Any) -> bool:
    """Whether a package defines anything: one distribution brought it then. A namespace, old or new, defines nothing."""
    if not isinstance(getattr(package, "__file__", None), str):
        return False
    names = vars(package).items()
    return any(not (n.startswith("__") or n == "extend_path" or isinstance(v, ModuleType)) for n, v in names)


def _main(module: Any, path: str) -> str:
    """Return what the program's own module would be imported as."""
    spec = getattr(module, "__spec__", None)
    return str(spec.name) if spec is not None else path.rpartition("/")[2].removesuffix(".py")
