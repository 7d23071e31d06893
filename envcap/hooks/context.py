# SPDX-License-Identifier: Apache-2.0
"""What `envcap run` hands to the processes of its payload, in one of two environment variables."""

from __future__ import annotations

import json
import os

from ..environment import Environment
from ..errors import FormatError
from ..store.local import LocalStore
from .variables import CONTEXT_VARIABLE, TO_COME

__all__ = ("Context",)


class Context:
    """The store, the attempt of the enclosing job, and its environment.

    Attributes
    ----------
    store : `LocalStore`
    parent : `str`
        Attempt id of the job whose payload this is.
    environment : `Environment`
    key : `str`
        Where the key is that seals what is captured: the payload may have another home.
    """

    def __init__(self, store: LocalStore, parent: str, environment: Environment, key: str) -> None:
        self.store = store
        self.parent = parent
        self.environment = environment
        self.key = key

    def to_text(self, heard: str | None = None) -> str:
        """Return the value of `CONTEXT_VARIABLE`.

        Parameters
        ----------
        heard : `str`, optional
            The value of `CONFIRM_VARIABLE` where this job hears what is told of quanta.
        """
        environment = self.environment
        found = {"store": self.store.root, "parent": self.parent, "key": self.key}
        python = [environment.prefix, environment.version, environment.pythonpath]
        return json.dumps({**found, "heard": heard, "python": python, "environment": environment.to_json()})

    @classmethod
    def from_environ(cls) -> Context | None:
        """Return the context that this process was started in; `None` outside `envcap run`."""
        text = os.environ.get(CONTEXT_VARIABLE)
        return cls.from_text(text) if text and not text.startswith(TO_COME) else None

    @classmethod
    def from_text(cls, text: str) -> Context:
        """Return the context that `to_text` wrote.

        Raises
        ------
        FormatError
            If it is something else.
        """
        try:
            found = json.loads(text)
            environment = Environment.from_json(found["environment"])
            return cls(LocalStore(found["store"]), found["parent"], environment, found["key"])
        except (KeyError, TypeError, ValueError, RecursionError) as err:
            raise FormatError(
                f"{CONTEXT_VARIABLE} is not as 'envcap run' sets it: {type(err).__name__}: {err}"
            ) from err
