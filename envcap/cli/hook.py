# SPDX-License-Identifier: Apache-2.0
"""Print what has the jobs of a batch system captured, or add it to a submit file.

Systems:
  bps       configuration for 'bps submit': the wrapper in both runQuantumCommands, a provenance graph, a closing ingest
  jupyter   the first lines of a notebook, and of a cell
  pipetask  the prefix of a command line
  slurm     a batch script

--apply knows submit files of BPS. It writes the configuration beside the file (night.yaml: night.envcap.yaml), and has
the file include it. Commands of your own in the file are wrapped where they stand; comments and all else stay as they
are. To apply it again changes nothing. What can't be done safely is refused, and then nothing is written (status 3).
To switch capture off for one workflow, put 'envcapRun: ""' into its submit file.

Jobs write to the store that --store names here. Without it, they write where their own environment says (ENVCAP_STORE),
which HTCondor and Parsl's local workers take from the submitter's, and PanDA does not.

Examples
--------
  envcap hook bps --apply night.yaml && bps submit night.yaml
  envcap hook bps --store /shared/envcap > envcap.yaml
  envcap hook pipetask
  envcap hook slurm > job.sh
"""

from __future__ import annotations

import argparse
import sys

from ..hooks.printed.registry import PRINTED_HOOKS

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    systems = [hook.system for hook in PRINTED_HOOKS]
    parser.add_argument("system", choices=systems, metavar="SYSTEM", help=", ".join(systems))
    parser.add_argument("--apply", metavar="FILE", help="add it to this submit file (bps)")
    parser.add_argument("--store", metavar="PATH", help="the store that the jobs write to")


def run(arguments: argparse.Namespace) -> int:
    """Print it, or add it to a file."""
    hook = next(one for one in PRINTED_HOOKS if one.system == arguments.system)()
    if arguments.apply is None:
        sys.stdout.write(hook.text(arguments.store))
        return 0
    for line in hook.apply(arguments.apply, arguments.store):
        sys.stderr.write(f"{line}\n")
    return 0
