# SPDX-License-Identifier: Apache-2.0
"""Say whether an attempt's documents are authentic, and whether all that they name is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from contextlib import suppress

from ..errors import CorruptError, EnvcapError
from ..model.components import COMPONENTS
from ..model.document import parse_json
from ..store.base import ObjectStore
from ..store.index import Attempt, Index
from .key import Key, key_path
from .signers import named_signers, signed_by

__all__ = ("AUTHENTIC", "FOREIGN", "INCOMPLETE", "TAMPERED", "Authenticity", "Keyring", "objects_of", "verify")

AUTHENTIC = "authentic"
FOREIGN = "foreign"
TAMPERED = "tampered"
INCOMPLETE = "incomplete"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Authenticity:
    """What is known of an attempt's origin.

    Attributes
    ----------
    status : `str`
        ``authentic``, ``foreign`` (nobody whom the user believes vouches for it), ``tampered`` (its own seal or a
        digest proves that it was changed) or ``incomplete`` (something that it names is missing).
    reason : `str`
        One line: who vouches for it, or what is wrong.
    """

    __slots__ = ("reason", "status")

    def __init__(self, status: str, reason: str) -> None:
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.status}: {self.reason}"


class Keyring:
    """The user's own key and the signers whom the user named.

    Parameters
    ----------
    own_only : `bool`
        Believe nobody else.

    Raises
    ------
    KeyFileError
        If one of the files can't be read, or isn't what it should be.
    """

    def __init__(self, *, own_only: bool = False) -> None:
        self._signers = {} if own_only else named_signers()
        self._own: Key | None = None
        with suppress(FileNotFoundError):  # nothing was captured by this user yet, and everything is foreign
            self._own = Key.read(key_path())

    def judge(self, index: Index, attempt: Attempt) -> Authenticity:
        """Return whether an attempt's manifest, and its result if it has one, are authentic."""
        result = attempt.result
        if result is not None and (result.manifest, result.attempt) != (attempt.digest, attempt.manifest.attempt):
            return Authenticity(TAMPERED, "the result belongs to another manifest")
        sealed = [("manifest", attempt.digest, attempt.seal)]
        if result is not None:
            sealed.append(("result", str(attempt.result_digest), attempt.result_seal))
        own = [self._sealed_by_own_key(*one) for one in sealed]
        if False in own:
            return Authenticity(TAMPERED, f"the seal of its {sealed[own.index(False)][0]} is not of what is there now")
        if None not in own:
            return Authenticity(AUTHENTIC, "sealed by your own key")
        for signature in index.signatures(attempt.manifest.attempt) if self._signers else ():
            covers = (signature.manifest, signature.result) == (attempt.digest, attempt.result_digest)
            if covers and (name := signed_by(signature, self._signers)):
                return Authenticity(AUTHENTIC, f"signed by {name}")
        return Authenticity(FOREIGN, "neither your own key nor a signer whom you named vouches for it")

    def judge_sealed(self, kind: str, digest: str, seal: str | None) -> Authenticity:
        """Return whether something that bears a seal, and is in no journal, is authentic."""
        own = self._sealed_by_own_key(kind, digest, seal)
        if own is False:
            return Authenticity(TAMPERED, f"the seal of the {kind} is not of what is there now")
        if own is None:
            return Authenticity(FOREIGN, f"your own key does not vouch for the {kind}")
        return Authenticity(AUTHENTIC, "sealed by your own key")

    def _sealed_by_own_key(self, kind: str, digest: str, seal: str | None) -> bool | None:
        """Return whether the own key's seal is right; `None` if there is no seal of that key."""
        if self._own is None or seal is None or seal.partition(":")[0] != self._own.id:
            return None
        return self._own.made(seal, kind, digest)


def verify(index: Index, attempt: Attempt, keyring: Keyring, sound: set[str] | None = None) -> Authenticity:
    """Judge an attempt's origin, then read all that its documents name and hold it against the digests.

    Parameters
    ----------
    index : `Index`
    attempt : `Attempt`
    keyring : `Keyring`
    sound : set of `str`, optional
        Digests of objects that were found to be whole, with all that they name. Those of this one are added.
    """
    found = keyring.judge(index, attempt)
    if found.status == TAMPERED:
        return found
    try:
        whole = [digest for digest, _ in objects_of(index.store, attempt, sound or frozenset())]
        if sound is not None:
            sound.update(whole)
    except CorruptError as err:
        return Authenticity(TAMPERED, str(err))
    except EnvcapError as err:
        return Authenticity(INCOMPLETE, str(err))
    return found


def objects_of(store: ObjectStore, attempt: Attempt, known: Set[str] = frozenset()) -> Iterator[tuple[str, bytes]]:
    """Yield digest and bytes of every object that an attempt's documents name, and of what those name, checked.

    Those that are known are passed over, with what they name.

    Raises
    ------
    EnvcapError
        If one of them is missing, or not what it should be.
    """
    seen: set[str] = set()
    for document in (attempt.manifest.data, attempt.recipe.data, attempt.result.data if attempt.result else {}):
        yield from _read_all(store, document, seen, known, attempt.manifest.recipe.digest)


def _read_all(
    store: ObjectStore, document: Mapping[str, Any], seen: set[str], known: Set[str], recipe: str
) -> Iterator[tuple[str, bytes]]:
    waiting = list(_descriptors(document))
    while waiting:
        media_type, digest, size = waiting.pop()
        # The recipe is in the journal; the index has checked it.
        if digest in seen or digest in known or digest == recipe:
            continue
        seen.add(digest)
        data = store.get(digest)
        if len(data) != size:
            raise CorruptError(f"{store}: object {digest} has {len(data)} bytes instead of {size}")
        if media_type in COMPONENTS:
            found = COMPONENTS[media_type].checked(parse_json(data))
            waiting.extend(_descriptors(found.data))
        yield digest, data


def _descriptors(document: Any) -> Iterator[tuple[str, str, int]]:
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            if value.keys() >= {"mediaType", "digest", "size"} and isinstance(value["size"], int):
                yield str(value["mediaType"]), str(value["digest"]), value["size"]
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
