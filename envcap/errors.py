# SPDX-License-Identifier: Apache-2.0
"""One exception tree; each class has a stable name for machines and an exit code for people's scripts."""

from __future__ import annotations

__all__ = (
    "AmbiguousSelectorError",
    "CollectorError",
    "CorruptError",
    "EngineError",
    "EnvcapError",
    "FormatError",
    "HookError",
    "NotCapturedError",
    "StoreError",
    "UnknownImageError",
    "UnknownSelectorError",
    "UsageError",
)

_LONGEST = 1000


class EnvcapError(Exception):
    """Base of every error this project raises on purpose.

    The message is one line: what is wrong, where, and what to do.

    Attributes
    ----------
    error_type : `str`
        Stable name of the kind of error; programs may rely on it.
    exit_code : `int`
        What a command returns when this error ends it (DESIGN section 5).
    """

    error_type = "error"
    exit_code = 3

    def __str__(self) -> str:
        """Return the message as one line that a terminal can be given: names in it may come from anybody's manifest."""
        text = super().__str__()
        if len(text) > 2 * _LONGEST:
            text = f"{text[:_LONGEST]} … {text[-_LONGEST:]}"
        if text.isprintable():
            return text
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class UsageError(EnvcapError):
    """The command line or the call is wrong."""

    error_type = "usage"
    exit_code = 2


class UnknownSelectorError(EnvcapError):
    """Nothing in the store answers to a selector."""

    error_type = "unknown_selector"
    exit_code = 1


class AmbiguousSelectorError(EnvcapError):
    """More than one thing answers to a selector; the message lists them."""

    error_type = "ambiguous_selector"
    exit_code = 2


class StoreError(EnvcapError):
    """The store can't be read or written."""

    error_type = "store"


class CorruptError(StoreError):
    """Stored bytes don't have the digest they are named by."""

    error_type = "corrupt"


class FormatError(EnvcapError):
    """A document isn't what its media type promises."""

    error_type = "format"


class CollectorError(EnvcapError):
    """A collector can't tell what it was asked; becomes the outcome ``failed``."""

    error_type = "collector"


class HookError(EnvcapError):
    """Capture can't be added safely to a file of the user's, which stays as it is."""

    error_type = "hook"


class NotCapturedError(EnvcapError):
    """What is asked for was not captured by the job."""

    error_type = "not_captured"


class EngineError(EnvcapError):
    """A container engine doesn't answer, or not as it should."""

    error_type = "engine"
    exit_code = 3


class UnknownImageError(EnvcapError):
    """A container engine has no such image or container."""

    error_type = "unknown_image"
    exit_code = 1
