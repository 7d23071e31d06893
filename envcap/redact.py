# SPDX-License-Identifier: Apache-2.0
"""What never reaches the store: credentials in URLs, command lines and variables."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ("SCRUBBED", "is_secret_name", "scrub", "scrub_argv")

SCRUBBED = "***"
"""Stands where something was taken out."""

_SECRET_NAME = re.compile(
    r"(?i)(?:^|[-_.])(?:pass|pwd|auth|tokens?|cookies?)(?:$|[-_.])|token$"
    r"|password|passwd|passphrase|secret|credential|authorization|(?:api|private|access)[-_]?key"
)
_PATTERNS = (
    # RFC 3986, section 3.2.1: userinfo. The user name alone can be a token (pip, git).
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s'\"]+@"), rf"\1{SCRUBBED}@"),
    # conda's token in a channel's path.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^/\s]*/t/)[A-Za-z0-9_-]{8,}/"), rf"\1{SCRUBBED}/"),
    (re.compile(r"(?i)([?&;][a-z0-9_-]*(?:token|secret|password|signature|key|auth)=)[^&\s'\"]+"), rf"\1{SCRUBBED}"),
    # RFC 9110, section 11.6.2. A digit and a length tell a token from prose about bearers.
    (re.compile(r"(?i)\b((?:bearer|basic)\s+)(?=\S*\d)[A-Za-z0-9._~+/=-]{16,}"), rf"\1{SCRUBBED}"),
    (re.compile(r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,})"), SCRUBBED),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), SCRUBBED),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), SCRUBBED),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), SCRUBBED),
)  # fmt: skip

# Something of this stands in all that a pattern matches; most texts have none of it, and are done in microseconds.
_CLUE = re.compile(
    r"://|[?&;]|[Bb][Ee][Aa][Rr][Ee][Rr]|[Bb][Aa][Ss][Ii][Cc]|gh[pousr]_|github_pat_|glpat-|xox|AKIA|ASIA|eyJ|-----BEGIN"
)


def is_secret_name(name: str) -> bool:
    """Whether a variable or option of this name is likely to hold a secret."""
    return _SECRET_NAME.search(name) is not None


def scrub(text: str) -> str:
    """Return a text with everything that looks like a credential replaced."""
    if not _CLUE.search(text):
        return text
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def scrub_argv(argv: Sequence[str]) -> list[str]:
    """Return a command line without credentials: also the values of options and names that tell (``--password X``)."""
    clean: list[str] = []
    hide_next = False
    for word in argv:
        if hide_next and not word.startswith("--"):
            clean.append(SCRUBBED)
            hide_next = False
            continue
        name, equals, _ = word.partition("=")
        telling = is_secret_name(name) and (word.startswith("-") or bool(equals))
        hide_next = telling and not equals
        clean.append(f"{name}={SCRUBBED}" if telling and equals else scrub(word))
    return clean
