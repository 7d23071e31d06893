# SPDX-License-Identifier: Apache-2.0
"""Names that tell: variables, options, fields and files that hold secrets by their name."""

from __future__ import annotations

import re

__all__ = ("SECRET_FILES", "SECRET_NAME", "is_secret_file", "is_secret_name")

SECRET_NAME = "secret-name"  # noqa: S105  (it is the name of a kind)
"""Kind of a value that was taken out because of the name of its variable, option or field."""

SECRET_FILES = (
    ".env", ".env.*", "*.env", ".netrc", "_netrc", ".pgpass", ".git-credentials", ".pypirc", ".npmrc", ".my.cnf",
    ".s3cfg", ".boto", ".htpasswd", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.pem", "*.key", "*.p12",
    "*.pfx", "*.ppk", "*.jks", "*.kdbx", "*.keytab", "*.token", "credentials", "credentials.*", "secrets.*",
    "kubeconfig*", "service-account*.json", "db-auth.yaml", "x509up_*",
)  # fmt: skip
"""Files that hold secrets by custom: of these, not even a digest is noted."""


_SECRET_NAME = re.compile(
    r"(?i)(?:^|(?<!band)(?<!high)(?<!low)[-_.])(?:pass|pwd|auth|pat|token|cookies?)(?:$|[-_.])|token$"
    r"|password|passwd|passphrase|passcode|secret|credential|authorization|macaroon|keytab"
    r"|(?:api|private|access|account|signing|encryption|client|session)[-_]?key|connection[-_]?string"
)
_HARMLESS_NAME = r"(?i)^-*no[-_]|[-_](?:stdin|file|fd|path|dir|env|command|prompt|type|url|length|count|name)$"


def is_secret_name(name: str) -> bool:
    """Whether a variable, option or field of this name is likely to hold a secret."""
    return _SECRET_NAME.search(name) is not None and re.search(_HARMLESS_NAME, name) is None


def is_secret_file(path: str) -> bool:
    """Whether a file's name says that it holds secrets."""
    from fnmatch import fnmatch

    name = path.rpartition("/")[2].lower()
    return any(fnmatch(name, pattern) for pattern in SECRET_FILES)
