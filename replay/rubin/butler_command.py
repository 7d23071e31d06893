# SPDX-License-Identifier: Apache-2.0
"""`butler rerun-dataset`: the command of the same name, as a subcommand of Rubin's own command line."""

from __future__ import annotations

import sys

import click

from envcap.cli.dispatch import run_one
from replay.cli.main import RERUN_DATASET

__all__ = ("get_commands",)


@click.command(
    "rerun-dataset",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Re-run the processing that made a dataset, and say whether the result is the same.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def rerun_dataset_command(arguments: tuple[str, ...]) -> None:
    """Re-run the processing that made a dataset, and say whether the result is the same."""
    sys.exit(run_one("butler rerun-dataset", RERUN_DATASET, arguments))


def get_commands() -> list[click.Command]:
    """Return the subcommands, as the entry point group ``butler.cli`` asks."""
    return [rerun_dataset_command]
