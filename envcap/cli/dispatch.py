# SPDX-License-Identifier: Apache-2.0
"""What the commands of `envcap` and `replay` share: dispatch, `--help`, `--store`, and how an error ends a command."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence

from .. import __version__
from ..errors import EnvcapError, UsageError

__all__ = ("Commands", "add_json", "add_store", "make_parser", "print_json", "run_cli", "run_one")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import TypeAlias

Commands: TypeAlias = "Mapping[str, tuple[str, str]]"
"""Module and one line of help by command name. The module has `add_arguments(parser)` and `run(arguments) -> int`."""

INTERRUPTED = 130


def run_cli(program: str, description: str, commands: Commands, argv: Sequence[str]) -> int:
    """Run the command that a command line names and return its exit status."""
    if not argv or argv[0] in ("-h", "--help"):
        width = max(map(len, commands))
        listed = "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in commands.items())
        usage = f"usage: {program} COMMAND …\n\n{description}\n\n{listed}\n\n'{program} COMMAND --help' has examples.\n"
        (sys.stdout if argv else sys.stderr).write(usage)
        return 0 if argv else 2
    if argv[0] == "--version":
        sys.stdout.write(f"{program} {__version__}\n")
        return 0
    if argv[0] not in commands:
        sys.stderr.write(f"{program}: no command {argv[0]!r}; '{program} --help' lists them\n")
        return 2
    return run_one(f"{program} {argv[0]}", commands[argv[0]][0], argv[1:])


def run_one(program: str, module_name: str, argv: Sequence[str]) -> int:
    """Run one command's module and return its exit status; an error of ours is one line on stderr."""
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as err:
        extra = module_name.partition(".")[0].replace("envcap", "cli")
        sys.stderr.write(f"{program}: the module {err.name} is not installed: pip install 'envcap[{extra}]'\n")
        return UsageError.exit_code
    parser = make_parser(program, module)
    try:
        status = module.run(parser.parse_args(argv))
        sys.stdout.flush()
    except EnvcapError as err:
        sys.stderr.write(f"{program}: {err}\n")
        return err.exit_code
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    return int(status)


def make_parser(program: str, module: ModuleType) -> argparse.ArgumentParser:
    """Return a command's parser; its module's docstring is its help."""
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
    parser.add_argument("--store", metavar="PATH", help="the store (default: ENVCAP_STORE, else the user's own)")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")


def print_json(document: object) -> None:
    """Print a document for machines."""
    import json

    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
