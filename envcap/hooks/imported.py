# SPDX-License-Identifier: Apache-2.0
"""What a process has imported. Apart, since every Python under `envcap run` imports it when it ends."""

from __future__ import annotations

import os
import sys

__all__ = ("INSTALLED", "Imported", "imported_modules")

ModuleType = type(sys)
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

Imported = list[tuple[str, str]]
"""Names of modules, and the files that they came from."""

INSTALLED = ("/site-packages/", "/dist-packages/")
"""What the path of an installed module has in it."""

_PROGRAM = ("__main__", "__mp_main__")  # the second is what `multiprocessing` calls the first


def imported_modules() -> Imported:
    """Return what this process has imported and its Python didn't bring, sorted.

    Of what is installed, the topmost package or module stands for all below it, but for a namespace: distributions
    share it, so those below it stand for themselves. Of other code there is every module. Programs that were installed
    are left out, and this package, which is here to look.
    """
    # What a module has is asked of its dictionary: asked itself, one that is lazy would import something now.
    modules: dict[str, Mapping[str, Any]] = {n: getattr(m, "__dict__", {}) for n, m in tuple(sys.modules.items())}
    own = os.path.dirname(os.__file__) + "/", os.path.join(sys.prefix, "bin", "")
    whole = {name for name, has in modules.items() if "__path__" in has and _defines_something(has)}
    parents = {name.rpartition(".")[0] for name in modules}
    below = {"": False}
    found = set()
    for name, has in modules.items():
        path = has.get("__file__") or _of_program(name, has)
        if not isinstance(path, str) or path[:1] != "/" or name == "envcap" or name.startswith("envcap."):
            continue
        if INSTALLED[0] in path or INSTALLED[1] in path:
            # Of a namespace, every distribution claims the file, and any of them would be named.
            if _is_below(name, whole, below) or (name in parents and name not in whole):
                continue
        elif path.startswith(own) or "/lib-dynload/" in path:
            continue
        found.add((_main(has, path) if name in _PROGRAM else name, path))
    return sorted(found)


def _is_below(name: str, packages: Collection[str], known: dict[str, bool]) -> bool:
    """Whether a module is in one of some packages, at whatever depth; `known` keeps what was found of others."""
    found = known.get(name)
    if found is None:
        parent = name.rpartition(".")[0]
        found = known[name] = parent in packages or _is_below(parent, packages, known)
    return found


def _defines_something(package: Mapping[str, Any]) -> bool:
    """Whether a package is more than a namespace, old or new."""
    for name, value in package.items():
        if not (name.startswith("__") or name == "extend_path" or isinstance(value, ModuleType)):
            return True
    return False


def _of_program(name: str, has: Mapping[str, Any]) -> Any:
    """Return the file of a script that has ended: Python takes its ``__file__`` away before it tells anybody."""
    return getattr(has.get("__loader__"), "path", None) if name in _PROGRAM else None


def _main(program: Mapping[str, Any], path: str) -> str:
    """Return what the program's own module would be imported as."""
    spec = program.get("__spec__")
    return str(spec.name) if spec is not None else path.rpartition("/")[2].removesuffix(".py")
