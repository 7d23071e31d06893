# SPDX-License-Identifier: Apache-2.0
"""The target of a capture: the command's own interpreter and where it imports from, never envcap's.

It is found by the command's shebang, PATH and virtual environment. An interpreter that isn't the running one is asked,
by running it for 20 ms, since nothing else knows its search path for sure.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES

from .errors import CollectorError

__all__ = ("CodePlace", "Target", "find_program", "runs_here")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_PROBE = """
import json, sys, sysconfig
print(json.dumps([sys.executable, sys.prefix, sys.implementation.name, sys.version.split()[0],
                  sysconfig.get_config_var("SOABI"),
                  sys.path[0 if getattr(sys.flags, "safe_path", False) else 1:], sysconfig.get_path("stdlib")]))
"""
_PROBE_SECONDS = 30
_OF_DISTRIBUTIONS = ("site-packages", "dist-packages")


class CodePlace:
    """A directory that code is imported from.

    Attributes
    ----------
    path : `str`
        Absolute.
    deep : `bool`
        Whether all of it is meant to be imported (``PYTHONPATH``, editable installs), or only what stands beside a
        script.
    """

    __slots__ = ("deep", "path")

    def __init__(self, path: str, deep: bool) -> None:
        self.path = path
        self.deep = deep


class Target:
    """An interpreter and the environment that it was, or will be, started in.

    Attributes
    ----------
    executable, prefix, implementation, version, soabi : `str`
        As `sys` and `sysconfig` tell them inside it. `executable` is empty when the command is no Python program.
    path : `list` [ `str` ]
        Its module search path, without the script's own directory.
    stdlib : `str`
        Where its standard library stands.
    script_dir : `str` or `None`
        The directory that Python puts first on the search path for a script.
    environ : mapping
        Its environment variables.
    """

    def __init__(self, facts: Sequence[object], environ: Mapping[str, str], script_dir: str | None = None) -> None:
        executable, prefix, implementation, version, soabi, path, stdlib = facts
        self.executable = str(executable)
        self.prefix = str(prefix)
        self.implementation = str(implementation)
        self.version = str(version)
        self.soabi = str(soabi) if soabi else None
        self.path = [os.path.abspath(str(p)) for p in path] if isinstance(path, list) else []
        self.stdlib = str(stdlib)
        self.script_dir = script_dir
        self.environ = environ

    @classmethod
    def current(cls, environ: Mapping[str, str] | None = None, script_dir: str | None = None) -> Target:
        """Return the running interpreter as a target."""
        own = os.path.dirname(os.path.abspath(sys.argv[0])) if sys.argv and sys.argv[0] else None
        # Of `python -m`, and so of a notebook's kernel, the program itself lies among the distributions.
        path = [p for p in sys.path if p and (os.path.abspath(p) != own or p.endswith(_OF_DISTRIBUTIONS))]
        facts = (
            sys.executable,
            sys.prefix,
            sys.implementation.name,
            sys.version.split()[0],
            EXTENSION_SUFFIXES[0].strip(".").removesuffix(".so"),  # SOABI; to ask sysconfig would load its 2,000 names
            path,
            os.path.dirname(os.__file__),
        )
        return cls(facts, os.environ if environ is None else environ, script_dir)

    @classmethod
    def none(cls, environ: Mapping[str, str]) -> Target:
        """Return the target of a command that is no Python program."""
        return cls(("", "", "", "", None, [], ""), environ)

    @classmethod
    def of_command(cls, argv: Sequence[str], environ: Mapping[str, str]) -> Target:
        """Return the target of a command that is about to be run.

        Raises
        ------
        CollectorError
            If its interpreter can't be asked.
        """
        interpreter, script = _interpreter_of(argv, environ)
        if interpreter is None:
            return cls.none(environ)
        if _is_running_one(interpreter):
            return cls.current(environ, script)
        return cls(_ask(interpreter, environ), environ, script)

    def code_places(self) -> list[CodePlace]:
        """Return the directories on the search path that hold neither the standard library nor distributions."""
        places: dict[str, CodePlace] = {}
        if self.script_dir and not self._installed(self.script_dir):
            places[self.script_dir] = CodePlace(self.script_dir, deep=False)
        for path in self.path:
            if os.path.isdir(path) and not self._installed(path):
                places[path] = CodePlace(path, deep=True)
        return list(places.values())

    def _installed(self, path: str) -> bool:
        """Whether the code in a directory belongs to Python or to distributions."""
        if path == os.path.join(self.prefix, "bin") or path == os.path.dirname(self.executable):
            return True
        if path.endswith(_OF_DISTRIBUTIONS) or _under(path, self.stdlib):
            return True
        return os.path.isdir(path) and any(name.endswith(".dist-info") for name in os.listdir(path))


def find_program(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the absolute path of a program as a shell finds it, else `None`."""
    if os.sep in name:
        candidates: Iterable[str] = (name,)
    else:
        candidates = (os.path.join(folder or ".", name) for folder in environ.get("PATH", os.defpath).split(os.pathsep))
    for candidate in candidates:
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return os.path.abspath(candidate)
    return None


def runs_here(argv: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether it is the running interpreter that will run a command, and certain to load its ``site`` module.

    Where an option may be ``-S``, it is not certain.
    """
    program = find_program(argv[0], environ)
    try:
        words = [] if program is None else _words_of_python(program, argv, environ)
    except OSError:
        return False
    return bool(words) and _is_running_one(words[0]) and not any(_may_skip_site(word) for word in words[1:])


def _may_skip_site(option: str) -> bool:
    return option[:1] == "-" and option[1:2] != "-" and "S" in option


def _under(path: str, top: str) -> bool:
    return bool(top) and (path == top or path.startswith(top.rstrip(os.sep) + os.sep))


def _is_python(path: str) -> bool:
    name = os.path.basename(path)
    version = name.removeprefix("python").removeprefix("pypy")
    return (version != name and version.replace(".", "").rstrip("t").isdigit()) or name in ("python", "pypy")


def _interpreter_of(argv: Sequence[str], environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the interpreter of a command, and the directory of its script if there is one."""
    program = find_program(argv[0], environ)
    words = [] if program is None else _words_of_python(program, argv, environ)
    if program is None or not words:
        return None, None
    return words[0], _script_dir(argv[1:]) if words[0] == program else os.path.dirname(os.path.realpath(program))


def _words_of_python(program: str, argv: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Return the interpreter of a program, and what it is given before the script; empty if it is none of Python."""
    if _is_python(program):
        return [program, *argv[1:]]
    words = _words_of_script(program)
    found = find_program(words[0], environ) if words else None
    return [found, *words[1:]] if found is not None and _is_python(found) else []


def _words_of_script(program: str) -> list[str]:
    """Return what the first line of a script names: an interpreter and its options."""
    with open(program, "rb") as stream:
        line, second = (stream.readline(4096).decode("utf-8", "surrogateescape") for _ in range(2))
    words = line[2:].split() if line.startswith("#!") else []
    if words and os.path.basename(words[0]) == "env":
        return _words_after_env(words[1:])
    if words and os.path.basename(words[0]) == "sh" and second.startswith("'''exec' "):
        # What pip and uv write for an interpreter whose path is too long for a first line, or has spaces in it.
        return _words_quoted(second.removeprefix("'''exec' "))
    return words


def _words_quoted(text: str) -> list[str]:
    import shlex

    try:
        words = shlex.split(text)
    except ValueError:
        return []
    return words[: words.index("$0")] if "$0" in words else words[:1]


def _words_after_env(words: Sequence[str]) -> list[str]:
    """Return what is left of the arguments of env(1) once its options and assignments are taken off."""
    waiting = list(words)
    while waiting and (waiting[0].startswith("-") or "=" in waiting[0]):
        option = waiting.pop(0)
        if option in ("-u", "--unset", "-C", "--chdir") and waiting:
            waiting.pop(0)
    return waiting


def _script_dir(arguments: Sequence[str]) -> str | None:
    """Return what Python puts first on its search path for these arguments (``python -h``, "Environment")."""
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "-":
            break
        if not argument.startswith("-"):
            full = os.path.realpath(argument)
            return full if os.path.isdir(full) else os.path.dirname(full)
        if argument == "--check-hash-based-pycs":
            next(waiting, None)
        for position, letter in enumerate(argument[1:] if argument[1] != "-" else ""):
            if letter in "cm":
                return os.getcwd()
            if letter in "IP":
                return None
            if letter in "WX":
                if position == len(argument) - 2:
                    next(waiting, None)
                break
    return os.getcwd()


def _is_running_one(interpreter: str) -> bool:
    """Whether an executable is the running interpreter with the same virtual environment."""
    top = os.path.dirname(os.path.dirname(interpreter))
    if os.path.exists(os.path.join(top, "pyvenv.cfg")):
        return os.path.realpath(top) == os.path.realpath(sys.prefix)
    return sys.prefix == sys.base_prefix and os.path.realpath(interpreter) == os.path.realpath(sys.executable)


def _ask(interpreter: str, environ: Mapping[str, str]) -> Sequence[object]:
    import json
    import subprocess

    quiet = {name: value for name, value in environ.items() if not name.startswith("ENVCAP_")}
    try:
        done = subprocess.run(
            [interpreter, "-c", _PROBE], env=quiet, capture_output=True, timeout=_PROBE_SECONDS, check=True
        )
        facts = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as err:
        raise CollectorError(f"{interpreter} does not say what it imports from: {err}") from err
    if not isinstance(facts, list) or len(facts) != 7:
        raise CollectorError(f"{interpreter} does not say what it imports from")
    return facts
