# SPDX-License-Identifier: Apache-2.0
"""The user's own key, and the seal that it puts on every record of a job as it is captured.

A seal is an HMAC-SHA256 (RFC 2104), cut to 128 bits, of the record's kind and digest. The key never is in a store, so
whoever can write to one still can't make a manifest that this user's replays believe.
"""

from __future__ import annotations

import os
import stat

from ..digest import hmac_sha256, sha256_hex
from ..errors import EnvcapError

__all__ = ("Key", "KeyFileError", "config_dir", "key_path")

_SIZE = 32
_MAC_DIGITS = 32
_ID_DIGITS = 16


class KeyFileError(EnvcapError):
    """The key can't be read or made, or others can read it."""

    error_type = "key"


def config_dir() -> str:
    """Return where this user's key and signers are: ``envcap`` in the configuration directory (XDG base directory)."""
    top = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(top, "envcap")


def key_path() -> str:
    """Return ``ENVCAP_KEY``, else ``key`` in `config_dir`."""
    path = os.path.expanduser(os.environ.get("ENVCAP_KEY") or os.path.join(config_dir(), "key"))
    return path if path.startswith("~") else os.path.abspath(path)


class Key:
    """A secret that seals records.

    Attributes
    ----------
    id : `str`
        Tells one key from another and says nothing about it.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.id = sha256_hex(b"envcap key id\n" + secret)[:_ID_DIGITS]

    def seal(self, kind: str, digest: str) -> str:
        """Return the seal of a record: the key's id and the code, as the journal has them."""
        code = hmac_sha256(self._secret, f"envcap seal 1\n{kind} {digest}".encode("ascii")).hex()
        return f"{self.id}:{code[:_MAC_DIGITS]}"

    def made(self, seal: str, kind: str, digest: str) -> bool:
        """Whether this key made a seal of that record."""
        import hmac

        return hmac.compare_digest(seal.encode("utf-8"), self.seal(kind, digest).encode("ascii"))

    @classmethod
    def read(cls, path: str) -> Key:
        """Return the key in a file.

        Raises
        ------
        FileNotFoundError
            If there is none.
        KeyFileError
            If it can't be read, is no key, or is open to others.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with open(descriptor, "rb", buffering=0) as stream:
                state = os.fstat(stream.fileno())
                secret = stream.read(_SIZE + 1) if stat.S_ISREG(state.st_mode) else None
        except FileNotFoundError:
            raise
        except OSError as err:
            raise KeyFileError(f"{path}: {err.strerror or err}; ENVCAP_KEY names another key") from err
        if secret is None or len(secret) != _SIZE:
            raise KeyFileError(f"{path} is no key of {_SIZE} bytes; move it away to get a new one")
        if state.st_mode & 0o077:
            raise KeyFileError(f"{path} is open to other users; chmod 600 it, or delete it to get a new key")
        return cls(secret)

    @classmethod
    def own(cls, path: str, store_root: str) -> Key:
        """Return the user's key, made if there is none yet.

        Parameters
        ----------
        path : `str`
            As `key_path` says.
        store_root : `str`
            The store that is to be sealed: a key that lies in it would be worth nothing.

        Raises
        ------
        KeyFileError
            If there can't be one.
        """
        if os.path.realpath(path).startswith(os.path.realpath(store_root) + os.sep):
            raise KeyFileError(f"{path} lies in the store that it would seal; ENVCAP_KEY names another place")
        try:
            return cls.read(path)
        except FileNotFoundError:
            _make(path)
        try:
            return cls.read(path)
        except FileNotFoundError:
            raise KeyFileError(f"{path}: it was made, and is gone again") from None


def _make(path: str) -> None:
    """Make a key. Of several processes that try at once, one makes it and the others take that."""
    if path.startswith("~"):
        raise KeyFileError("no key can be made, since this user has no home directory; ENVCAP_KEY names a place for it")
    scratch = f"{path}.{os.urandom(8).hex()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, os.urandom(_SIZE))
            os.fsync(descriptor)
            os.link(scratch, path)
        except FileExistsError:
            pass  # another process was faster
        finally:
            os.close(descriptor)
            os.unlink(scratch)
    except OSError as err:
        raise KeyFileError(
            f"{path}: no key can be made: {err.strerror or err}; ENVCAP_KEY names another place"
        ) from err
