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
from collections import Counter

from ..errors import UsageError
from ..printable import printable
from ..store.checking import problems_of
from ..store.index import Attempt, Index
from ..store.selector import resolve
from ..trust.verify import AUTHENTIC, FOREIGN, INCOMPLETE, TAMPERED, Authenticity, Keyring, verify
from .dispatch import add_json, add_store, print_json, store_of
from .listing import shown, shown_progress

__all__ = ("add_arguments", "run")

_NOT_AUTHENTIC = 3
_BY_PLACE = "source, position, number"
_COLOURS = {AUTHENTIC: "green", FOREIGN: "yellow", TAMPERED: "bold red", INCOMPLETE: "red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("selector", metavar="SELECTOR", nargs="?", help="a job: see 'envcap show --help'")
    parser.add_argument("--all", action="store_true", help="every file in the store, and every job, replays too")
    add_store(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Verify and print."""
    if arguments.all == bool(arguments.selector):
        raise UsageError("name a job, or say --all")
    index = Index(store_of(arguments))
    problems: list[str] = []
    if arguments.all:
        with shown_progress("read", quiet=arguments.json, unit="files") as advance:
            problems = list(problems_of(index.store, advance))
    # In the order in which they stand in packs: each block is unpacked once.
    chosen = index.attempts(order=_BY_PLACE) if arguments.all else iter([resolve(index, arguments.selector)])
    keyring, sound = Keyring(), set[str]()
    total = index.count() if arguments.all else 1
    judged = [_Judged(one, verify(index, one, keyring, sound)) for one in shown(chosen, "verify", total, arguments)]
    if arguments.all:
        problems += index.unreadable
    if arguments.json:
        print_json({"attempts": [one.to_json() for one in judged], "problems": problems})
    else:
        _print(judged, problems, everything=arguments.all)
    return 0 if not problems and all(one.status == AUTHENTIC for one in judged) else _NOT_AUTHENTIC


class _Judged:
    """What is said of one attempt; there may be a million of them."""

    __slots__ = ("attempt", "digest", "name", "reason", "status")

    def __init__(self, attempt: Attempt, found: Authenticity) -> None:
        self.attempt = attempt.manifest.attempt
        self.name = attempt.manifest.job.name
        self.digest = attempt.digest
        self.status = found.status
        self.reason = found.reason

    def to_json(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in ("attempt", "name", "digest", "status", "reason")}


def _print(judged: list[_Judged], problems: list[str], *, everything: bool) -> None:
    from .console import console, table

    out = console(stderr=False)
    rows = [
        (one.status, one.name, one.attempt, one.reason) for one in judged if not everything or one.status != AUTHENTIC
    ]
    if rows:
        out.print(table(("", "job", "attempt", ""), rows, colours=_COLOURS))
    for problem in problems:
        out.print(f"damaged: {printable(problem)}", markup=False)
    if everything:
        counts = Counter(one.status for one in judged)
        out.print(", ".join(f"{number} {status}" for status, number in sorted(counts.items())) or "no jobs")
