# SPDX-License-Identifier: Apache-2.0
"""What `envcap run` hands to the processes of its payload, in two environment variables."""

from __future__ import annotations

import json
import os

from ..environment import Environment
from ..store.local import LocalStore

__all__ = ("CONFIRM_VARIABLE", "CONTEXT_VARIABLE", "Context")

CONTEXT_VARIABLE = "ENVCAP_CONTEXT"
"""Holds the context, as JSON. It is this variable that switches the hooks on (``envcap.pth``)."""
CONFIRM_VARIABLE = "ENVCAP_CONFIRM"
"""Number of the file descriptor on which a child says which interpreter it is, and what it couldn't hook."""


class Context:
    """The store, the attempt of the enclosing job, and its environment.

    Attributes
    ----------
    store : `LocalStore`
    parent : `str`
        Attempt id of the job whose payload this is.
    environment : `Environment`
    """

    def __init__(self, store: LocalStore, parent: str, environment: Environment) -> None:
        self.store = store
        self.parent = parent
        self.environment = environment

    def to_text(self) -> str:
        """Return the value of `CONTEXT_VARIABLE`."""
        return json.dumps({"store": self.store.root, "parent": self.parent, "environment": self.environment.to_json()})

    @classmethod
    def from_environ(cls) -> Context | None:
        """Return the context that this process was started in; `None` outside `envcap run`."""
        text = os.environ.get(CONTEXT_VARIABLE)
        if not text:
            return None
        found = json.loads(text)
        return cls(LocalStore(found["store"]), found["parent"], Environment.from_json(found["environment"]))
