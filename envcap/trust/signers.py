# SPDX-License-Identifier: Apache-2.0
"""Named signers: Ed25519 signatures (RFC 8032) that others can check and can't make.

A seal is made in microseconds within the job, but whoever can check it could make one. So what one user captured and
others replay is countersigned afterwards: `envcap sign` signs what its own seal proves. A user names the signers to
believe in a file of lines ``NAME ssh-ed25519 KEY``, the key in the form of OpenSSH's public key files (RFC 4253,
section 6.6; RFC 8709).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping

from ..digest import canonical_json
from ..errors import FormatError, UsageError
from ..model.signature import Signature
from .key import KeyFileError, config_dir

__all__ = ("SigningKey", "named_signers", "signed_by", "signers_path", "signing_key_path")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_KEY_TYPE = "ssh-ed25519"


def signers_path() -> str:
    """Return the file that names the signers whom this user believes."""
    return os.path.join(config_dir(), "signers")


def signing_key_path() -> str:
    """Return the file with this user's own signing key."""
    return os.path.join(config_dir(), "signing-key")


def named_signers() -> dict[str, str]:
    """Return the public keys, in base64, of the signers whom this user named; their names by key.

    Raises
    ------
    KeyFileError
        Naming a line that is none.
    """
    path = signers_path()
    found = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            for number, line in enumerate(stream, 1):
                words = line.partition("#")[0].split()
                if not words:
                    continue
                if len(words) < 3 or words[1] != _KEY_TYPE:
                    raise KeyFileError(f"{path}, line {number}: expected 'NAME {_KEY_TYPE} KEY'")
                found[words[2]] = words[0]
    except FileNotFoundError:
        return {}
    except OSError as err:
        raise KeyFileError(f"{path}: {err.strerror or err}") from err
    return found


def signed_by(signature: Signature, names: Mapping[str, str]) -> str | None:
    """Return the name of the named signer who made a signature; `None` if nobody of them did.

    Raises
    ------
    UsageError
        If the package ``cryptography`` isn't installed.
    """
    name = names.get(signature.key)
    if name is None:
        return None
    _need_cryptography()
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    try:
        public = load_ssh_public_key(f"{_KEY_TYPE} {signature.key}".encode("ascii"))
        if not isinstance(public, Ed25519PublicKey):
            return None
        public.verify(base64.b64decode(signature.signature, validate=True), _message(signature))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return None
    return name


class SigningKey:
    """The user's own signing key, made if there is none yet.

    Raises
    ------
    KeyFileError
        If it can't be read or made.
    """

    def __init__(self) -> None:
        _need_cryptography()
        self._private = _read_or_make(signing_key_path())

    @property
    def public(self) -> str:
        """The public key in base64, as a signers file has it."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        line = self._private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return str(line.decode("ascii").split()[1])

    def sign(self, attempt: str, manifest: str, result: str | None, when: str) -> Signature:
        """Return the signature of an attempt's two documents, which are given by digest."""
        unsigned = Signature(
            attempt=attempt, manifest=manifest, result=result, signed=when, key=self.public, signature=""
        )
        made = base64.b64encode(self._private.sign(_message(unsigned))).decode("ascii")
        return Signature.checked({**unsigned.data, "signature": made})


def _message(signature: Signature) -> bytes:
    return canonical_json({name: value for name, value in signature.data.items() if name != "signature"})


def _need_cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise UsageError("signatures need the package cryptography: pip install 'envcap[sign]'") from None


def _read_or_make(path: str) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        try:
            with open(path, "rb") as stream:
                if os.fstat(stream.fileno()).st_mode & 0o077:
                    raise KeyFileError(f"{path} is open to other users; chmod 600 it")
                found = load_pem_private_key(stream.read(4096), password=None)
        except FileNotFoundError:
            found = _make(path)
    except OSError as err:
        raise KeyFileError(f"{path}: {err.strerror or err}") from err
    except ValueError as err:
        raise FormatError(f"{path} is no private key: {err}") from err
    if not isinstance(found, Ed25519PrivateKey):
        raise FormatError(f"{path} is no Ed25519 key")
    return found


def _make(path: str) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    if path.startswith("~"):
        raise KeyFileError("no signing key can be made, since this user has no home directory; set XDG_CONFIG_HOME")
    made = Ed25519PrivateKey.generate()
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    except OSError:
        os.unlink(path)  # half a key would be in the way of the next attempt
        raise
    return made
