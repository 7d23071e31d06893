# SPDX-License-Identifier: Apache-2.0
"""What the commands of `envcap` and `replay` share: dispatch, `--help`, `--store`, and how an error ends a command."""

from __future__ import annotations

import importlib
import io
import os
import sys

from .. import __version__
from ..errors import EnvcapError, UsageError

__all__ = ("Commands", "add_json", "add_store", "make_parser", "print_json", "run_cli", "run_one", "store_of")

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType
    from typing import TypeAlias

    from ..store.local import LocalStore

Commands: TypeAlias = "Mapping[str, tuple[str, str]]"
"""Module and one line of help by command name. The module has `add_arguments(parser)` and `run(arguments) -> int`.

One that jobs wait for also has `parse_plainly(argv)`, which returns the arguments, or `None` if argparse must look. One
that has `COMMANDS` instead is a command with commands of its own.
"""

INTERRUPTED = 130


def run_cli(program: str, description: str, commands: Commands, argv: Sequence[str]) -> int:
    """Run the command that a command line names and return its exit status."""
    if argv and argv[0] in commands:
        return run_one(f"{program} {argv[0]}", commands[argv[0]][0], argv[1:])
    return _guarded(program, "cli", lambda: _about(program, description, commands, argv))


def run_one(program: str, module_name: str, argv: Sequence[str]) -> int:
    """Run one command's module and return its exit status; what ends it early is one line on stderr."""

    def command() -> int:
        module = importlib.import_module(module_name)
        if (below := getattr(module, "COMMANDS", None)) is not None:
            return run_cli(program, (module.__doc__ or "").strip(), below, argv)
        plainly = getattr(module, "parse_plainly", None)
        arguments = plainly(argv) if plainly is not None else None
        return int(module.run(make_parser(program, module).parse_args(argv) if arguments is None else arguments))

    return _guarded(program, module_name.partition(".")[0].replace("envcap", "cli"), command)


def _about(program: str, description: str, commands: Commands, argv: Sequence[str]) -> int:
    """Answer a command line that names no command."""
    if not argv or argv[0] in ("-h", "--help"):
        width = max(map(len, commands))
        listed = "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in commands.items())
        usage = f"usage: {program} COMMAND …\n\n{description}\n\n{listed}\n\n'{program} COMMAND --help' has examples.\n"
        (sys.stdout if argv else sys.stderr).write(usage)
        return 0 if argv else 2
    if argv[0] == "--version":
        sys.stdout.write(f"{program} {__version__}\n")
        return 0
    raise UsageError(f"no command {argv[0]!r}; '{program} --help' lists them")


def _guarded(program: str, extra: str, command: Callable[[], int]) -> int:
    """Run a command and return its exit status, whatever ends it."""
    _prepare_streams()
    try:
        status = command()
        sys.stdout.flush()
    except EnvcapError as err:
        return _fail(program, str(err), err.exit_code)
    except ModuleNotFoundError as err:
        told = f"the module {err.name} is not installed: pip install 'envcap[{extra}]'"
        return _fail(program, told, UsageError.exit_code)
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        _drop_output()
        return 0
    except KeyboardInterrupt:
        return _fail(program, "interrupted", INTERRUPTED)
    except OSError as err:
        return _fail(program, f"{err.filename or 'the output'}: {err.strerror or err}", EnvcapError.exit_code)
    return status


def _fail(program: str, message: str, status: int) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    try:
        sys.stderr.write(f"{program}: {message}\n")
    except OSError:
        return status  # nobody listens; the exit status says it too
    return status


def _drop_output() -> None:
    """Let go of what can't be written any more, or Python complains of it when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _prepare_streams() -> None:
    """See to it that what is printed can be: into a closed stream, and in an encoding that lacks a character."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def make_parser(program: str, module: ModuleType) -> argparse.ArgumentParser:
    """Return a command's parser; its module's docstring is its help."""
    import argparse

    summary, _, rest = (module.__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog=program,
        description=summary,
        epilog=rest.strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    return parser


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add ``--store``."""
    told = "the store, a directory or URI (default: ENVCAP_STORE, else the user's own)"
    parser.add_argument("--store", metavar="PLACE", help=told)


def store_of(arguments: argparse.Namespace) -> LocalStore:
    """Return the store that a command line names, for reading.

    Raises
    ------
    EnvcapError
        If there is none.
    """
    from ..store.opened import existing_store

    return existing_store(arguments.store)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")


def print_json(document: object) -> None:
    """Print a document for machines."""
    import json

    # A character that the encoding lacks must come out as JSON writes it, not as Python does.
    ascii_only = not (sys.stdout.encoding or "").lower().startswith("utf")
    sys.stdout.write(json.dumps(document, ensure_ascii=ascii_only, indent=2) + "\n")
