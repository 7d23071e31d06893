# SPDX-License-Identifier: Apache-2.0
"""Hostile stores: journals, documents with all digests right, objects, indexes, odd files; and plans made of them."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from envcap.cli.main import main as envcap_main
from envcap.cli.show import document, sections
from envcap.digest import digest_of
from envcap.store.block import Block
from envcap.store.index import Index
from envcap.store.journal import Record, read_journal, read_record
from envcap.store.local import LocalStore
from envcap.store.pack import read_block, read_pack
from envcap.store.selector import resolve
from replay.build.interpreter import uv_program
from replay.jobs.quantum import CapturedQuantum
from replay.planning import make_plan
from tests.fuzz.campaign import Campaign, command, feed
from tests.fuzz.corpus import Corpus
from tests.fuzz.forge import forge
from tests.fuzz.guard import Guard
from tests.fuzz.mutate import Mutator
from tests.packing import forged_block, packed

__all__ = ("STORE_CAMPAIGNS",)


def _files(store: Path, pattern: str) -> list[Path]:
    return sorted(path for path in store.glob(pattern) if path.is_file())


class Journals(Campaign):
    """`read_journal` and `read_record`."""

    name = "journals"
    cases = 1500

    def __init__(self, corpus: Corpus, guard: Guard, scratch: Path) -> None:
        super().__init__(corpus, guard, scratch)
        self.pool = [path.read_bytes() for path in _files(corpus.store, "journal/*/*/*")]

    def good(self) -> tuple[Path, int]:
        """Return a real journal."""
        return self._written(self.pool[0]), 0

    def make(self, mutator: Mutator) -> tuple[Path, int]:
        """Return another journal, and where to begin."""
        data = mutator.rng.choice(self.pool)
        data = mutator.header(data) if mutator.chance(0.5) else mutator.data(data)
        return self._written(data), mutator.rng.choice((0, 0, 0, -1, 7, len(data), 2**31, 2**70))

    def _written(self, data: bytes) -> Path:
        path = self.scratch / "journal"
        path.write_bytes(data)
        return path

    def read(self, given: tuple[Path, int]) -> None:
        """Read all of it, and each record again."""
        path, offset = given
        records = feed(lambda: list(read_journal(str(path), offset))) or []
        end = max(offset, 0)
        for record in records:
            assert end <= record.offset < record.end <= path.stat().st_size
            end = record.end
            if isinstance(record, Record):
                assert digest_of(record.data) == record.digest
                again = read_record(str(path), record.offset)
                assert (again.kind, again.data) == (record.kind, record.data)
        feed(read_record, str(path), offset)


class Packs(Campaign):
    """`read_pack`, `read_block`, and blocks whose digests are right, but that nobody packed."""

    name = "packs"
    cases = 600

    def __init__(self, corpus: Corpus, guard: Guard, scratch: Path) -> None:
        super().__init__(corpus, guard, scratch)
        records = [one for path in _files(corpus.store, "journal/*/*/*") for one in read_journal(str(path))]
        self.records = [one for one in records if isinstance(one, Record)]
        self.pool = [packed([(one.kind, one.data, one.seal) for one in self.records])]

    def good(self) -> tuple[bytes, int]:
        """Return a real pack."""
        return self.pool[0], 0

    def make(self, mutator: Mutator) -> tuple[bytes, int]:
        """Return another pack, and where to begin."""
        if mutator.chance(0.5):
            return mutator.data(self.pool[0]), mutator.rng.choice((0, -1, 7, 2**31, 2**70))
        # A text that says otherwise than a writer's, packed and sealed as it should be.
        texts = [
            b"manifest -\n{}\0",
            b"\1\2\3",
            b"\4\xff\xff",
            b"\4",
            b"\5",
            b"\5\xff",
            b"\0\0",
            b"a b\n\x01\0",
            b"\xff -\n\0",
        ]
        text = b"".join(mutator.rng.choices(texts, k=mutator.rng.randrange(6)))
        values = mutator.rng.randbytes(mutator.rng.choice((0, 16, 32, 48, 7)))
        return forged_block(mutator.rng.choice((0, 1, text.count(b"\0"))), text, values), 0

    def read(self, given: tuple[bytes, int]) -> None:
        """Read all of it, and a block of it."""
        data, offset = given
        blocks = feed(lambda: list(read_pack(io.BytesIO(data)))) or []
        end = 0
        for block in blocks:
            assert end <= block.offset < block.end <= len(data)
            end = block.end
            for number in range(len(block)) if isinstance(block, Block) else ():
                record = feed(block.record, number)
                assert record is None or digest_of(record.data) == record.digest
        block = feed(read_block, io.BytesIO(data), min(offset, 2**62))
        if block is not None:
            feed(block.record, len(block))


class Stores(Campaign):
    """`Index`, `resolve`, and the commands that read a store."""

    name = "stores"
    cases = 220

    def __init__(self, corpus: Corpus, guard: Guard, scratch: Path) -> None:
        super().__init__(corpus, guard, scratch)
        self.documents = corpus.quantum()
        self.pool = list(self.documents.values())

    def good(self) -> Path:
        """Return a copy of the real store."""
        return Path(shutil.copytree(self.corpus.store, self.fresh()))

    def make(self, mutator: Mutator) -> Path:
        """Return a store in which something is wrong."""
        if mutator.chance(0.4):
            return self.forged(mutator)
        root = self.good()
        mutator.rng.choice((_bad_journal, _bad_journal, _bad_object, _bad_format, _bad_index, _bad_rows, _odd_file))(
            root, mutator
        )
        return root

    def forged(self, mutator: Mutator) -> Path:
        """Return a store with one document that says something else, and every digest right."""
        name = mutator.rng.choice(sorted(self.documents))
        data = self.documents[name]
        root = self.fresh()
        forge(root, self.documents, name, mutator.data(data) if name == "config text" else mutator.document(data))
        return root

    def read(self, given: Path) -> None:
        """Read it as a library, then as commands."""
        # An ingest moves what it has packed, and deletes the journals; nothing else, and nothing elsewhere.
        self.guard.may_change = tuple(f"{os.path.realpath(given)}/{folder}" for folder in ("packs", "journal"))
        store = feed(LocalStore.existing, str(given))
        index = feed(Index, store) if store else None
        if index is not None:
            self._read_index(index)
            index.close()
        for words in (("ingest",), ("ingest", "--json"), ("jobs",), ("jobs", "--json"), ("show", "@last"),
                      ("show", "quantum:00000000"), ("show", "quantum:00000000", "--json")):  # fmt: skip
            command(envcap_main, *words, "--store", str(given))

    def _read_index(self, index: Index) -> None:
        feed(index.damage)
        for attempt in feed(lambda: list(index.attempts())) or ():
            assert attempt.state in ("ok", "failed", "running", "lost", "unknown") or attempt.result
            assert attempt.degraded in (True, False)
            feed(lambda: list(sections(attempt)))  # noqa: B023
            json.dumps(document(attempt))
            feed(index.verdict, attempt.manifest.attempt)
            feed(index.recipe, attempt.manifest.recipe.digest)
        for selector in ("@last", "job:night-12", "sha256:00", "quantum:00000000", "path:/repo/x.fits"):
            feed(resolve, index, selector)


def _bad_journal(root: Path, mutator: Mutator) -> None:
    path = mutator.rng.choice(_files(root, "journal/*/*/*"))
    data = path.read_bytes()
    path.write_bytes(mutator.header(data) if mutator.chance(0.5) else mutator.data(data))
    if mutator.chance(0.7):
        (root / "index.sqlite").unlink()


def _bad_object(root: Path, mutator: Mutator) -> None:
    path = mutator.rng.choice(_files(root, "objects/*/*"))
    path.write_bytes(mutator.data(path.read_bytes()))


def _bad_format(root: Path, mutator: Mutator) -> None:
    (root / "format.json").write_bytes(mutator.document((root / "format.json").read_bytes()))


def _bad_index(root: Path, mutator: Mutator) -> None:
    path = root / "index.sqlite"
    path.write_bytes(mutator.data(path.read_bytes()))


def _bad_rows(root: Path, mutator: Mutator) -> None:
    """Change what stands in the index, which is derived and so nothing that a reader may rely on."""
    connection = sqlite3.connect(root / "index.sqlite")
    tables = [
        name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    ]
    table = mutator.rng.choice(tables)
    column = mutator.rng.choice([row[1] for row in connection.execute(f"PRAGMA table_info({table})")])
    values: tuple[Any, ...] = (
        "x",
        "",
        -1,
        2**62,
        10**18,
        1.5,
        b"\xff",
        "../../x",
        "/etc/passwd",
        "a\x1bb\n",
        "\ud800x"[1:],
        "0",
    )
    acts = (
        (f"UPDATE {table} SET {column} = ?", (mutator.rng.choice(values),)),
        (f"UPDATE {table} SET {column} = CAST(x'ff' AS TEXT)", ()),
        (f"DELETE FROM {table}", ()),
        (f"DROP TABLE {table}", ()),
        (f'ALTER TABLE {table} RENAME TO "a b; c"', ()),
        (f"PRAGMA user_version = {mutator.rng.choice((0, 1, 99, -1))}", ()),
    )
    try:
        connection.execute(*mutator.rng.choice(acts[:2] + acts))
        connection.commit()
    except sqlite3.Error:
        connection.rollback()  # a value that the schema refuses
    connection.close()


def _odd_file(root: Path, mutator: Mutator) -> None:
    """Let something else stand where a file or directory should, or something where nothing should."""
    found = sorted(root.rglob("*"))
    path = mutator.rng.choice([*found, root / "format.json", root / "index.sqlite", root / "journal", root / "objects"])
    if mutator.chance(0.3):
        path = (path if path.is_dir() else path.parent) / mutator.rng.choice(
            ("stray", "stray.tmp", os.fsdecode(b"\xff\n\x1b"), ".nfs0001")
        )
    elif path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
    acts: tuple[Callable[[], Any], ...] = (
        path.mkdir,
        lambda: os.mkfifo(path),
        lambda: path.symlink_to(path),
        lambda: path.symlink_to("/nowhere"),
        lambda: path.symlink_to("/dev/zero"),
        lambda: path.symlink_to("/dev/null"),
        lambda: path.write_bytes(b""),
        lambda: path.write_bytes(b"envcap-record "),
    )
    mutator.rng.choice(acts)()


class Plans(Stores):
    """`make_plan`: nothing that a manifest names is run, and nothing but what a plan of the unchanged job runs."""

    name = "plans"
    cases = 60

    def __init__(self, corpus: Corpus, guard: Guard, scratch: Path) -> None:
        super().__init__(corpus, guard, scratch)
        os.environ["ENVCAP_CACHE"] = str(scratch / "cache")
        listing = [uv_program(), "python", "list", "--only-installed", "--no-config", "--output-format", "json"]
        found = json.loads(subprocess.run(listing, capture_output=True, check=True).stdout)
        site = json.loads(self.documents["site"])["places"]
        known = [sys.executable, site["interpreter"]["executable"], *(one["path"] for one in found)]
        pythons = {os.path.realpath(path) for path in known}
        self._programs = {uv_program(), "git", *pythons}
        guard.may_run = lambda words: words[0] in self._programs or os.path.realpath(words[0]) in pythons

    def good(self) -> Path:
        """Return a store with the quantum as it is."""
        root = self.fresh()
        forge(root, self.documents, "result", self.documents["result"])
        return root

    def make(self, mutator: Mutator) -> Path:
        """Return a store with one document that says something else; places above all, since those name programs."""
        if mutator.chance(0.4):
            site = json.loads(self.documents["site"])
            place = site["places"][mutator.rng.choice(("interpreter", "source", "python_dists"))]
            place[mutator.rng.choice(sorted(place))] = mutator.value(place[mutator.rng.choice(sorted(place))])
            root = self.fresh()
            forge(root, self.documents, "site", json.dumps(site).encode("utf-8", "surrogatepass"))
            return root
        return self.forged(mutator)

    def read(self, given: Path) -> None:
        """Plan, for each engine and each choice of code."""
        index = feed(Index, LocalStore.existing(str(given)))
        attempt = feed(resolve, index, "quantum:00000000") if index else None
        job = feed(CapturedQuantum, index, attempt) if attempt else None
        for engine, code in (("venv", "captured"), ("host", "captured"), ("host", "current")) if job else ():
            plan = feed(make_plan, job, engine, code)
            if plan is not None:
                json.dumps(plan.to_json())
                feed(plan.check)


STORE_CAMPAIGNS = (Journals, Packs, Stores, Plans)
