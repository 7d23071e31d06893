# SPDX-License-Identifier: Apache-2.0
"""What a process has imported. Apart, since every Python under `envcap run` imports it when it ends."""

from __future__ import annotations

import os
import sys

__all__ = ("INSTALLED", "Imported", "Imports", "imported_modules")

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
    """Return what this process has imported and its Python didn't bring, sorted: what `Imports` finds."""
    return Imports().now()


class Imports:
    """What this process has imported and its Python didn't bring; asked again, it looks at what is new.

    Of what is installed, the topmost package or module stands for all below it, but for a namespace: distributions
    share it, so those below it stand for themselves. Of other code there is every module. Programs that were installed
    are left out, and this package, which is here to look.
    """

    def __init__(self) -> None:
        self._own = os.path.dirname(os.__file__) + "/", os.path.join(sys.prefix, "bin", "")
        self._forget()

    def _forget(self) -> None:
        self._seen: set[str] = set()
        self._parents: set[str] = set()
        self._whole: set[str] = set()
        self._namespaces: dict[str, Mapping[str, Any]] = {}
        self._below = {"": False}
        self._settled: dict[str, str] = {}
        self._found: dict[str, tuple[str, str]] = {}

    def now(self) -> Imported:
        """Return their names and files, sorted."""
        modules = sys.modules.copy()
        if not self._seen <= modules.keys() or any(map(_defines_something, self._namespaces.values())):
            self._forget()
        new = self._new(modules)
        if any(name in self._whole and name in self._parents for name in new):
            self._forget()  # a package came after what is below it
            new = self._new(modules)
        self._seen.update(new)
        parents = {name: name.rpartition(".")[0] for name in new}
        for parent in {*parents.values()} - self._parents:
            self._parents.add(parent)
            if parent in self._found and parent not in self._whole and _is_installed(self._found[parent][1]):
                del self._found[parent]
        for name, has in new.items():
            path = has.get("__file__") or _of_program(name, has)
            if not isinstance(path, str) or path[:1] != "/":
                continue
            folder = self._settled.get(parents[name])
            if folder is None or not path.startswith(folder):
                if self._counts(name, path):
                    self._found[name] = (_main(has, path) if name in _PROGRAM else name, path)
                folder = self._folder(name, path)
            if folder is not None:
                self._settled[name] = folder
        return sorted({*self._found.values()})

    def _folder(self, name: str, path: str) -> str | None:
        """Return the folder in which nothing below a package counts, if there is one: most modules are in such."""
        settled = name in self._whole and (_is_installed(path) or path.startswith(self._own))
        return os.path.dirname(path) + "/" if settled else None

    def _new(self, modules: Mapping[str, object]) -> dict[str, Mapping[str, Any]]:
        """Return what the modules have that were not seen yet; which of them are packages is noted."""
        # What a module has is asked of its dictionary: asked itself, one that is lazy would import something now.
        new = {name: getattr(one, "__dict__", {}) for name, one in modules.items() if name not in self._seen}
        for name, has in new.items():
            if "__path__" in has:
                if _defines_something(has):
                    self._whole.add(name)
                else:
                    self._namespaces[name] = has
        return new

    def _counts(self, name: str, path: str) -> bool:
        if name == "envcap" or name.startswith("envcap."):
            return False
        if _is_installed(path):
            # Of a namespace, every distribution claims the file, and any of them would be named.
            below = _is_below(name, self._whole, self._below)
            return not below and (name not in self._parents or name in self._whole)
        return not (path.startswith(self._own) or "/lib-dynload/" in path)


def _is_installed(path: str) -> bool:
    return INSTALLED[0] in path or INSTALLED[1] in path


def _is_below(name: str, packages: Collection[str], known: dict[str, bool]) -> bool:
    """Whether a module is in one of some packages, at whatever depth; `known` keeps what was found of others."""
    found = known.get(name)
    if found is None:
        parent = name.rpartition(".")[0]
        found = known[name] = parent in packages or _is_below(parent, packages, known)
    return found


def _defines_something(package: Mapping[str, Any]) -> bool:
    """Whether a package is more than a namespace, old or new."""
    while True:
        try:
            for name, value in package.items():
                if not (name.startswith("__") or name == "extend_path" or isinstance(value, ModuleType)):
                    return True
        except RuntimeError:
            continue  # another thread is at importing it, and the dictionary has grown
        return False


def _of_program(name: str, has: Mapping[str, Any]) -> Any:
    """Return the file of a script that has ended: Python takes its ``__file__`` away before it tells anybody."""
    return getattr(has.get("__loader__"), "path", None) if name in _PROGRAM else None


def _main(program: Mapping[str, Any], path: str) -> str:
    """Return what the program's own module would be imported as."""
    spec = program.get("__spec__")
    return str(spec.name) if spec is not None else path.rpartition("/")[2].removesuffix(".py")
