# SPDX-License-Identifier: Apache-2.0
"""Say whether jobs are authentic: captured by you, or signed by somebody whom you named, and unchanged since.

Everything that a manifest names is read and held against its digest. A job is authentic, foreign (nobody whom you know
vouches for it), tampered with, or incomplete. The exit status is 0 if all are authentic, else 3.

Whom you know: yourself, by the key in ~/.config/envcap/key (ENVCAP_KEY names another file), and the signers in
~/.config/envcap/signers, one a line: NAME ssh-ed25519 KEY ('envcap sign' prints such a line).

Examples
--------
  envcap verify coadd.fits
  envcap verify --all
  envcap verify --all --json
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator

from ..errors import UsageError
from ..printable import printable
from ..store.base import default_store
from ..store.index import Attempt, Index
from ..store.local import LocalStore
from ..store.selector import resolve
from ..trust.verify import AUTHENTIC, FOREIGN, INCOMPLETE, TAMPERED, Authenticity, Keyring, verify
from .dispatch import add_json, add_store, print_json

__all__ = ("add_arguments", "run")

_NOT_AUTHENTIC = 3
_COLOURS = {AUTHENTIC: "green", FOREIGN: "yellow", TAMPERED: "bold red", INCOMPLETE: "red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("selector", metavar="SELECTOR", nargs="?", help="a job: see 'envcap show --help'")
    parser.add_argument("--all", action="store_true", help="every job in the store, replays too, and the journals")
    add_store(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Verify and print."""
    if arguments.all == bool(arguments.selector):
        raise UsageError("name a job, or say --all")
    index = Index(LocalStore.existing(arguments.store or default_store()))
    keyring = Keyring()
    chosen = index.attempts() if arguments.all else iter([resolve(index, arguments.selector)])
    judged = [(attempt, verify(index, attempt, keyring)) for attempt in _shown(chosen, index, arguments)]
    damage = [f"{path}: bytes {d.offset} to {d.end}: {d.reason}" for path, d in index.damage() if not d.tail]
    problems = [*index.unreadable, *damage] if arguments.all else []
    if arguments.json:
        print_json({"attempts": [_row(*one) for one in judged], "problems": problems})
    else:
        _print(judged, problems, everything=arguments.all)
    return 0 if not problems and all(found.status == AUTHENTIC for _, found in judged) else _NOT_AUTHENTIC


def _shown(attempts: Iterator[Attempt], index: Index, arguments: argparse.Namespace) -> Iterator[Attempt]:
    """Pass attempts on, with a bar where somebody looks."""
    if arguments.json or not sys.stderr.isatty():
        return attempts
    from .console import progress

    total = index.count() if arguments.all else 1
    return progress(attempts, "verify", total)


def _row(attempt: Attempt, found: Authenticity) -> dict[str, str]:
    manifest = attempt.manifest
    told = {"attempt": manifest.attempt, "name": manifest.job.name, "digest": attempt.digest}
    return {**told, "status": found.status, "reason": found.reason}


def _print(judged: list[tuple[Attempt, Authenticity]], problems: list[str], *, everything: bool) -> None:
    from .console import console, table

    out = console(stderr=False)
    rows = [
        (found.status, attempt.manifest.job.name, attempt.manifest.attempt, found.reason)
        for attempt, found in judged
        if not everything or found.status != AUTHENTIC
    ]
    if rows:
        out.print(table(("", "job", "attempt", ""), rows, colours=_COLOURS))
    for problem in problems:
        out.print(f"damaged: {printable(problem)}", markup=False)
    if everything:
        counts = Counter(found.status for _, found in judged)
        out.print(", ".join(f"{number} {status}" for status, number in sorted(counts.items())) or "no jobs")
