# SPDX-License-Identifier: Apache-2.0
"""Run a command and record it as a job; a pipetask inside is recorded quantum by quantum.

The exit status is the command's own (128 + n when signal n ended it; 125 if envcap could not start it, 126 and 127 as a
shell does). Whatever goes wrong with capture, the command runs. If PYTHONHASHSEED is not set, it is set to 0: a seed
that Python draws by itself could not be read back.

Examples
--------
  envcap run -- python reduce.py --night 2026-11-23
  envcap run --config reduce.yaml --input raw.fits --output coadd.fits -- reduce raw.fits coadd.fits
  envcap run --prove --check-files content -- python reduce.py
  envcap run --job-id night-12 -- pipetask run -b repo -i defaults -o u/me/run -p pipeline.yaml
"""

from __future__ import annotations

from types import SimpleNamespace

from ..errors import UsageError
from ..hooks.command import CommandJob, run_command
from ..store.place import default_store
from .dispatch import add_store

__all__ = ("add_arguments", "parse_plainly", "run")

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_CHECKS = ("stat", "content")
_ONCE = ("--store", "--job-id", "--check-files")
_OFTEN = ("--config", "--input", "--output", "--env")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add_store(parser)
    parser.add_argument("--job-id", metavar="ID", help="your own id for the job; it need not be unique")
    parser.add_argument("--config", metavar="FILE", action="append", default=[], help="a configuration file: kept")
    parser.add_argument("--input", metavar="PATH", action="append", default=[], help="an input file: by digest")
    parser.add_argument("--output", metavar="PATH", action="append", default=[], help="an output file: by digest")
    parser.add_argument("--env", metavar="NAME", action="append", default=[], help="record this variable's value too")
    parser.add_argument(
        "--check-files",
        choices=_CHECKS,
        help="look at every installed file now: by size and time of change, or by content (default: by stat, hourly)",
    )
    parser.add_argument(
        "--prove", action="store_true", help="ask the index which file each Python distribution was installed from"
    )
    parser.add_argument("command", metavar="-- CMD", nargs="...", help="the command and its arguments")


def parse_plainly(argv: Sequence[str]) -> SimpleNamespace | None:
    """Return what argparse would, `None` if it has something to say: every job waits, and argparse takes its time."""
    found: dict[str, object] = {**dict.fromkeys(_ONCE), **{name: [] for name in _OFTEN}, "--prove": False}
    waiting = list(argv)
    while waiting and waiting[0].startswith("--") and waiting[0] != "--":
        name, equals, value = waiting.pop(0).partition("=")
        if name == "--prove" and not equals:
            found[name] = True
            continue
        if not equals:
            if not waiting or waiting[0].startswith("-"):
                return None
            value = waiting.pop(0)
        kept = found.get(name)
        if isinstance(kept, list):
            kept.append(value)
        elif name in _ONCE and (name != "--check-files" or value in _CHECKS):
            found[name] = value
        else:
            return None
    if not waiting or (waiting[0] != "--" and waiting[0].startswith("-")):
        return None
    return SimpleNamespace(**{name[2:].replace("-", "_"): value for name, value in found.items()}, command=waiting)


def run(arguments: argparse.Namespace | SimpleNamespace) -> int:
    """Run the command."""
    argv = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not argv:
        raise UsageError("no command to run; put it after '--': envcap run -- python job.py")
    for name in arguments.env:
        if not name or "=" in name:
            # The value, which may be a secret, is not repeated.
            raise UsageError(f"--env {name.partition('=')[0]}: expected the name of a variable alone")
    job = CommandJob(
        argv,
        arguments.store or default_store(),
        job_id=arguments.job_id,
        configs=arguments.config,
        inputs=arguments.input,
        outputs=arguments.output,
        env_names=arguments.env,
        check_files=arguments.check_files,
        prove=arguments.prove,
    )
    return run_command(job)
