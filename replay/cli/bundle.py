# SPDX-License-Identifier: Apache-2.0
"""Put a job and all that its replay needs into one file: documents, code, wheels, inputs, outputs, images if asked.

The file is an OCI image layout. 'replay unbundle' takes it in on another machine, and 'replay run --offline' then needs
neither a network nor a registry. What could not be included is listed with the reason, here and in the file.

Examples
--------
  replay bundle coadd.fits -o coadd.bundle
  replay bundle @last -o job.bundle --image --engine docker --base python:3.11-slim
"""

from __future__ import annotations

import argparse
from pathlib import Path

from envcap.cli.console import console, table
from envcap.cli.dispatch import print_json
from envcap.errors import UsageError

from ..bundle.bundling import pack
from ..progress import Progress
from .options import add_plan_options, engine_options, trusted_job

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("selector", metavar="SELECTOR", help="the job: see 'envcap show --help'")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the bundle to write")
    parser.add_argument("--image", action="store_true", help="put the container image in, built if need be")
    add_plan_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make the bundle."""
    job = trusted_job(arguments)
    path = Path(arguments.output)
    if path.exists():
        raise UsageError(f"{path} is there already; name another with -o")
    engine = "docker" if arguments.engine in ("auto", "venv", "host") else arguments.engine
    left_out = pack(
        job, path, engine_options(arguments), engine, Progress(quiet=arguments.json), with_image=arguments.image
    )
    if arguments.json:
        told = [{"what": what, "why": why} for what, why in left_out]
        print_json({"bundle": str(path), "size": path.stat().st_size, "left_out": told})
        return 0
    out = console(stderr=False)
    out.print(f"{path}: {job.manifest.job.name}, {path.stat().st_size / 1e6:.1f} MB", markup=False)
    if left_out:
        out.print(table(("left out", "why"), left_out))
    return 0
