# SPDX-License-Identifier: Apache-2.0
"""Print the Dockerfile of a job's environment, or write it with all that it copies.

The base image must be in the engine: it is named by what it is. Nothing of the manifest is run, and nothing is built.

Examples
--------
  replay dockerfile @last --base python:3.11-slim
  replay dockerfile coadd.fits -o environment && docker build --network none environment
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from envcap.errors import UsageError

from ..build.base import wheelhouse
from ..errors import BuildError
from ..image.builder import ImageBuilder
from ..image.client import connect
from ..image.dockerfile import dockerfile, write_context
from ..image.ladder import Ladder
from ..progress import Progress
from .options import add_plan_options, engine_options, trusted_job

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("selector", metavar="SELECTOR", help="the job: see 'envcap show --help'")
    parser.add_argument("-o", "--output", metavar="DIRECTORY", help="write it there, with the wheels and the code")
    add_plan_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print or write."""
    job = trusted_job(arguments)
    how = engine_options(arguments)
    client = connect("docker" if arguments.engine == "auto" else arguments.engine)
    builder = ImageBuilder(client, wheelhouse(), offline=how.offline)
    rung = Ladder(client, builder, job, how, arguments.code).rebuilt("asked for")
    if rung.recipe is None:
        raise BuildError(f"the base {rung.pull} is not in the engine: {client.kind} pull {rung.pull}")
    if arguments.output is None:
        sys.stdout.write(dockerfile(rung.recipe))
        return 0
    folder = Path(arguments.output)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is no empty directory; name another with -o")
    with tempfile.TemporaryDirectory(prefix="envcap-image-") as scratch:
        with Progress().step(f"gather {len(rung.recipe.distributions)} wheels"):
            ingredients = builder.gather(rung.recipe, job, scratch)
        folder.mkdir(parents=True, exist_ok=True)
        write_context(rung.recipe, ingredients, folder)
    return 0
