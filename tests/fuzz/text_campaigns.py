# SPDX-License-Identifier: Apache-2.0
"""Hostile bytes and texts: JSON, documents, configurations, contexts, policies, selectors."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from envcap.digest import canonical_json
from envcap.environment import Environment
from envcap.hooks.context import Context
from envcap.hooks.variables import CONTEXT_VARIABLE
from envcap.model.descriptor import Descriptor
from envcap.model.document import Document, parse_json
from envcap.model.schema import document_classes
from envcap.pexconfig import parse_config
from envcap.store.base import split_digest
from envcap.store.index import Index
from envcap.store.local import LocalStore
from envcap.store.selector import resolve
from replay.comparators.policy import Policy
from tests.envcap.test_pexconfig_hostile import EXECUTING
from tests.fuzz.campaign import Campaign, feed
from tests.fuzz.corpus import Corpus
from tests.fuzz.guard import Guard
from tests.fuzz.mutate import Mutator

__all__ = ("TEXT_CAMPAIGNS",)


class Json(Campaign):
    """`parse_json`: what it takes can be written again."""

    name = "json"
    cases = 1500

    def __init__(self, corpus: Corpus, guard: Guard, scratch: Path) -> None:
        super().__init__(corpus, guard, scratch)
        self.pool = [data for data in corpus.quantum().values() if data.startswith(b"{")]

    def good(self) -> bytes:
        """Return a real document."""
        return self.pool[0]

    def make(self, mutator: Mutator) -> bytes:
        """Return other bytes."""
        return mutator.document(mutator.rng.choice(self.pool))

    def read(self, given: bytes) -> None:
        """Parse, and write."""
        found = feed(parse_json, given)
        if found is not None:
            assert parse_json(canonical_json(found)) == found


class Documents(Json):
    """The classes of the documents: every member of what they take can be read."""

    name = "documents"
    cases = 1000

    def read(self, given: bytes) -> None:
        """Read as each class."""
        for cls in (*document_classes(), Descriptor):
            document = feed(cls.from_bytes, given)
            if document is not None:
                _read_all(document)
                assert cls.from_bytes(document.to_bytes()) == document


def _read_all(document: Document) -> None:
    for name in document.members:
        values = [getattr(document, name)]
        while values:
            value = values.pop()
            if isinstance(value, Document):
                _read_all(value)
            elif isinstance(value, dict | list | tuple):
                values += value.values() if isinstance(value, dict) else value
    if isinstance(document, Descriptor):
        feed(split_digest, document.digest)


class Configurations(Campaign):
    """`parse_config`: what it takes, it writes as what it takes to be the same."""

    name = "configurations"
    cases = 900

    def __init__(self, corpus: Corpus, guard: Guard, scratch: Path) -> None:
        super().__init__(corpus, guard, scratch)
        tool = repr(str(corpus.canaries / "mark"))
        hostile = [text.replace("OPEN", f"open({tool}, 'w')").replace("MARK", tool) for text in EXECUTING]
        self.pool = [corpus.read("config.py"), *(text.encode() for text in hostile)]

    def good(self) -> str:
        """Return a real dump."""
        return self.pool[0].decode()

    def make(self, mutator: Mutator) -> str:
        """Return a text of lines from several, and other lines."""
        data = self.pool[0] if mutator.chance(0.7) else mutator.rng.choice(self.pool)
        if mutator.chance(0.3):
            lines = b"\n".join(self.pool).splitlines()
            data = b"\n".join(mutator.rng.sample(lines, min(len(lines), 6)))
        if mutator.chance(0.2):
            return f"{data.decode()}\n{_long_line(mutator)}"
        return mutator.data(data).decode("utf-8", "surrogateescape")

    def read(self, given: str) -> None:
        """Read, and read what was written anew."""
        parsed = feed(parse_config, given)
        if parsed is not None:
            assert parse_config(parsed.text).fields == parsed.fields


def _long_line(mutator: Mutator) -> str:
    """Return a statement that is long in some way that a parser may stumble over."""
    number = mutator.rng.choice((4400, 90, 3))
    beginning, piece, end = mutator.rng.choice((
        ("0x", "f", ""), ("", "[", ""), ("", "[", "]" * number), ("", "-", "1"), ("1", "0", ""), ("", "'a' ", ""), ("", "(", ""),
        ("", "{1:", "2" + "}" * number), ("", "a.", "b"), ("", "not ", "1"), ("", "f'{", ""), ("0b", "1", "j"), ("", "1,", ""),
    ))  # fmt: skip
    frames = ("assert {} is a.B", "config.x = {}", "config[{}] = 1", "assert type(config) is {}", "config.{} = 1", "{}")
    return mutator.rng.choice(frames).replace("{}", beginning + piece * number + end)


class Contexts(Campaign):
    """`Context.from_environ` and `Environment.from_json`: what a payload may have done to its environment."""

    name = "contexts"
    cases = 1200

    def __init__(self, corpus: Corpus, guard: Guard, scratch: Path) -> None:
        super().__init__(corpus, guard, scratch)
        self.pool = [corpus.read("context")]
        self.pool.append(json.loads(self.pool[0])["environment"].encode())

    def good(self) -> tuple[str, str]:
        """Return what `envcap run` hands down."""
        return self._set(self.pool[0]), self.pool[1].decode()

    def make(self, mutator: Mutator) -> tuple[str, str]:
        """Return other texts, the inner one within the outer."""
        outer, inner = self.pool
        inner = mutator.document(inner)
        if mutator.chance(0.5):
            outer = mutator.document(outer)
        else:
            outer = json.dumps({**json.loads(outer), "environment": inner.decode("utf-8", "replace")}).encode()
        return self._set(outer), inner.decode("utf-8", "surrogateescape")

    def _set(self, outer: bytes) -> str:
        os.environ[CONTEXT_VARIABLE] = os.fsdecode(outer.replace(b"\0", b""))
        return os.environ[CONTEXT_VARIABLE]

    def read(self, given: tuple[str, str]) -> None:
        """Read both."""
        context = feed(Context.from_environ)
        if context is not None:
            context.to_text()
        environment = feed(Environment.from_json, given[1])
        if environment is not None:
            assert environment.to_json()
            assert environment.degraded in (True, False)


class Policies(Campaign):
    """`Policy.from_toml`: what it takes has a digest."""

    name = "policies"
    cases = 1200

    def __init__(self, corpus: Corpus, guard: Guard, scratch: Path) -> None:
        super().__init__(corpus, guard, scratch)
        self.pool = [
            corpus.read("policy.toml"),
            b"[[[[[[[[",
            b"rtol = 1" + b"0" * 400,
            b"a." * 900 + b"b = 1",
            b"rtol = [" * 900,
        ]

    def good(self) -> Path:
        """Return a real policy."""
        return self._written(self.pool[0])

    def make(self, mutator: Mutator) -> Path:
        """Return another file."""
        return self._written(mutator.data(self.pool[0] if mutator.chance(0.8) else mutator.rng.choice(self.pool)))

    def _written(self, data: bytes) -> Path:
        path = self.scratch / "policy.toml"
        path.write_bytes(data)
        return path

    def read(self, given: Path) -> None:
        """Read, and name."""
        policy = feed(Policy.from_toml, given)
        if policy is not None:
            assert policy.for_new_run().digest != policy.digest


class Selectors(Campaign):
    """`resolve`, on a good store."""

    name = "selectors"
    cases = 1500

    def __init__(self, corpus: Corpus, guard: Guard, scratch: Path) -> None:
        super().__init__(corpus, guard, scratch)
        guard.may_open = True  # whoever types a path asks for the digest of what is there
        self._index = Index(LocalStore.existing(str(corpus.store)))
        manifest = json.loads(corpus.quantum()["manifest"])
        names = [
            manifest["attempt"],
            manifest["job_id"],
            manifest["recipe"]["digest"],
            str(corpus.folder / "work" / "out.fits"),
        ]
        kinds = ("", "job:", "attempt:", "quantum:", "dataset:", "path:", "sha256:")
        self.pool = [b"@last", *(f"{kind}{name}".encode() for kind in kinds for name in names)]

    def good(self) -> str:
        """Return a selector."""
        return "@last"

    def make(self, mutator: Mutator) -> str:
        """Return another text, as a command line may have it: any bytes."""
        data = mutator.data(mutator.rng.choice(self.pool))
        if mutator.chance(0.2):
            data = b"path:" + mutator.text("").encode("utf-8", "surrogatepass")
        return os.fsdecode(data.replace(b"/dev/", b"/dew/"))

    def read(self, given: str) -> None:
        """Resolve."""
        attempt = feed(resolve, self._index, given)
        if attempt is not None:
            assert attempt.state in ("ok", "failed")


TEXT_CAMPAIGNS: tuple[Callable[..., Any], ...] = (Json, Documents, Configurations, Contexts, Policies, Selectors)
