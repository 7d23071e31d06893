# SPDX-License-Identifier: Apache-2.0
"""A place to run jobs in, with a store that is searched for secrets."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from envcap.model.document import parse_json
from envcap.store.index import Attempt, Index
from envcap.store.local import LocalStore
from envcap.store.selector import resolve
from tests.secrets.canaries import CANARIES, Canary
from tests.secrets.making import letters
from tests.secrets.searching import Finder

_KEY = letters("w", 32, random.Random("the user's own key"))


@dataclass(frozen=True)
class Laboratory:
    """Runs jobs under capture, with a store and a key of its own."""

    root: Path
    finder: Finder

    @property
    def store(self) -> LocalStore:
        """The store."""
        return LocalStore(str(self.root / "store"))

    @property
    def work(self) -> Path:
        """Where jobs run."""
        return self.root / "work"

    def run(
        self, *words: object, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `envcap run` with a payload that ends in status 3."""
        own = {"PATH": os.environ["PATH"], "HOME": str(self.root), "LANG": "C.UTF-8", "ENVCAP_STORE": self.store.root}
        own |= {"ENVCAP_KEY": str(self.root / "key")}
        command = [str(Path(sys.executable).parent / "envcap"), "run", *map(str, words)]
        done = subprocess.run(command, env=own | dict(env or {}), cwd=cwd or self.work, capture_output=True, text=True)
        assert done.returncode == 3, done.stderr[-2000:]
        assert "not recorded" not in done.stderr
        return done

    def attempt(self) -> Attempt:
        """Return the latest attempt."""
        return resolve(Index(self.store), "@last")

    def document(self, kind: str) -> dict[str, Any]:
        """Return a component of the latest attempt's environment, or its site."""
        attempt = self.attempt()
        manifest = attempt.manifest
        descriptor = {**attempt.recipe.software, **manifest.host, "site": manifest.site}[kind]
        assert descriptor is not None
        return dict(parse_json(self.store.get(descriptor.digest)))

    def variables(self) -> dict[str, str]:
        """Return the variables that the latest attempt's components hold."""
        documents = map(self.document, self.attempt().recipe.software)
        return {name: value for document in documents for name, value in document.get("variables", {}).items()}

    def must_hold_no_secret(self) -> None:
        """Search every byte of the store."""
        index = Index(self.store)  # open, so that what SQLite writes beside its file is searched, too
        index.refresh()
        try:
            self.finder.must_find_nothing(self.root / "store")
        finally:
            index.close()


@pytest.fixture(scope="session")
def finder() -> Finder:
    """Give what finds any canary, and the user's own key."""
    return Finder([*CANARIES, Canary("the_users_own_key", _KEY, _KEY)])


@pytest.fixture
def laboratory(tmp_path: Path, finder: Finder) -> Laboratory:
    """Give a place to run jobs in."""
    found = Laboratory(tmp_path, finder)
    found.work.mkdir()
    (tmp_path / "key").write_text(_KEY)
    (tmp_path / "key").chmod(0o600)
    return found
