# SPDX-License-Identifier: Apache-2.0
"""Sign jobs that you captured, so that others can believe them: a seal convinces only you, a signature everybody.

Only what is authentic by your own key is signed, once. The key pair is made by the first signature, in
~/.config/envcap/signing-key. Hand out the line that is printed; who wants to believe you puts it into
~/.config/envcap/signers, under the name that they give you.

Examples
--------
  envcap sign coadd.fits
  envcap sign --all
"""

from __future__ import annotations

import argparse
import getpass
import sys

from ..errors import EnvcapError, UsageError
from ..hooks.attempt import open_journal
from ..ids import timestamp
from ..store.index import Attempt, Index
from ..store.selector import resolve
from ..trust.signers import SigningKey
from ..trust.verify import AUTHENTIC, Keyring, verify
from .dispatch import add_store, store_of

__all__ = ("add_arguments", "run")

_REFUSED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("selector", metavar="SELECTOR", nargs="?", help="a job: see 'envcap show --help'")
    parser.add_argument("--all", action="store_true", help="every job in the store that ended")
    add_store(parser)


def run(arguments: argparse.Namespace) -> int:
    """Sign, and print the line for the others."""
    if arguments.all == bool(arguments.selector):
        raise UsageError("name a job, or say --all")
    store = store_of(arguments)
    index = Index(store)
    chosen = list(index.attempts()) if arguments.all else [resolve(index, arguments.selector)]
    keyring = Keyring(own_only=True)
    journal, outcomes = open_journal(store)
    if outcomes:
        raise EnvcapError(outcomes["seal"].reason)
    key = SigningKey()
    signed = refused = 0
    for attempt in chosen:
        found = verify(index, attempt, keyring)
        if found.status != AUTHENTIC:
            refused += 1
            sys.stderr.write(f"not signed: {attempt.manifest.job.name} {attempt.manifest.attempt}: {found}\n")
        elif not _is_signed(index, attempt, key):
            made = key.sign(attempt.manifest.attempt, attempt.digest, attempt.result_digest, timestamp())
            journal.append(("signature", made.to_bytes()))
            signed += 1
    journal.close()
    for reason in index.unreadable:
        sys.stderr.write(f"not signed: {reason}\n")
    had = len(chosen) - signed - refused
    refused += len(index.unreadable)
    sys.stderr.write(f"{signed} signed, {had} had been signed, {refused} not signed\n")
    sys.stdout.write(f"{_user()} ssh-ed25519 {key.public}\n")
    return _REFUSED if refused else 0


def _is_signed(index: Index, attempt: Attempt, key: SigningKey) -> bool:
    wanted = (attempt.digest, attempt.result_digest, key.public)
    return any((s.manifest, s.result, s.key) == wanted for s in index.signatures(attempt.manifest.attempt))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as err:
        raise EnvcapError(f"this user has no name: {err}; LOGNAME gives one") from err
