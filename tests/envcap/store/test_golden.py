# SPDX-License-Identifier: Apache-2.0
"""The frozen format: a store that version 1 wrote is read for ever, by this software and by its page alone.

``golden/v1`` is never written anew. The reader here knows what ``docs/format.md`` says, and imports nothing of envcap.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envcap.errors import FormatError
from envcap.store.checking import problems_of
from envcap.store.index import Index
from envcap.store.ingest import ingest
from envcap.store.local import LocalStore

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())


@pytest.fixture
def golden(tmp_path: Path) -> LocalStore:
    """Give a copy of the golden store."""
    return LocalStore.existing(str(shutil.copytree(GOLDEN / "v1", tmp_path / "store")))


def digest(data: bytes) -> str:
    """Return a digest as the format writes it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def by_the_page(root: Path) -> Iterator[tuple[str, bytes, str]]:
    """Yield kind, bytes and seal of every record of a store."""
    for journal in root.glob("journal/*/*/*"):
        data = journal.read_bytes()
        while data:
            line, _, data = data.partition(b"\n")
            _, kind, name, length, seal, _ = line.decode().split(" ")
            body, data = data[: int(length)], data[int(length) + 1 :]
            assert digest(body) == name
            yield kind, body, seal
    for pack in root.glob("packs/*"):
        data = pack.read_bytes()
        while data:
            line, _, data = data.partition(b"\n")
            _, codec, _, _, packed, values, name, _ = line.decode().split(" ")
            middle, end = int(packed), int(packed) + int(values)
            assert (codec, digest(data[:end])) == ("xz", name)
            yield from block_by_the_page(lzma.decompress(data[:middle]), data[middle:end])
            data = data[end + 1 :]


def block_by_the_page(text: bytes, values: bytes) -> Iterator[tuple[str, bytes, str]]:
    """Yield the records of a block."""
    known: list[bytes] = []
    rest = memoryview(values)

    def meant(mark: re.Match[bytes]) -> bytes:
        nonlocal rest
        kind = mark[0][0]
        if kind == 4:
            return known[(mark[0][1] - 128) * 128 + mark[0][2] - 128]
        if kind == 5:
            return bytes((mark[0][1] - 64,))
        size = 32 if kind == 1 else 16
        digits, rest = rest[:size].hex(), rest[size:]
        if kind == 3:
            return digits.encode()
        parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        known.append(f'"sha256:{digits}"'.encode() if kind == 1 else f'"{"-".join(parts)}"'.encode())
        return known[-1]

    for part in text.split(b"\0")[:-1]:
        whole = re.sub(rb"[\1-\3]|\x04..|\x05.", meant, part, flags=re.DOTALL)
        head, _, body = whole.partition(b"\n")
        kind, _, seal = head.decode().partition(" ")
        yield kind, body, seal


def test_this_software_reads_it(golden: LocalStore) -> None:
    index = Index(golden)
    assert (index.unreadable, index.damage()) == ([], [])
    found = {
        one.manifest.attempt: {
            "manifest": one.digest,
            "recipe": one.manifest.recipe.digest,
            "result": one.result_digest,
        }
        for one in index.attempts()
    }
    assert found == EXPECTED["attempts"]
    assert sorted(golden.list()) == EXPECTED["objects"]
    first = min(EXPECTED["attempts"])
    assert [(note.who, note.why) for note in index.notes(first)] == [("ada", "figure 3")]
    assert list(problems_of(golden, lambda done, whole: None)) == []


def test_the_page_suffices_to_read_it() -> None:
    found = sorted((kind, digest(data), seal) for kind, data, seal in by_the_page(GOLDEN / "v1") if kind != "end")
    records = [tuple(record) for record in EXPECTED["records"]]
    assert sorted(one for one in found if one[0] in ("recipe", "manifest", "result")) == sorted(records)
    assert sorted(kind for kind, _, _ in found if kind not in ("recipe", "manifest", "result")) == [
        "later", "note", "verdict",
    ]  # fmt: skip


def test_what_this_software_writes_is_read_by_the_page(golden: LocalStore) -> None:
    before = sorted(one for one in by_the_page(GOLDEN / "v1") if one[0] != "end")
    ingest(golden, lambda: None, lambda done, whole: None)
    assert list(golden.journals()) == []
    assert sorted(by_the_page(Path(golden.root))) == before


def test_a_newer_store_that_is_still_version_1_is_read(golden: LocalStore) -> None:
    path = Path(golden.root, "format.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "written_by": "a later version"}))
    (Path(golden.root) / "new-thing").mkdir()
    assert Index(LocalStore.existing(golden.root)).count() == len(EXPECTED["attempts"])


@pytest.mark.parametrize("version", ["0", "2", 1, None])
def test_another_version_is_refused(golden: LocalStore, version: object, envcap: Callable[..., object]) -> None:
    Path(golden.root, "format.json").write_text(json.dumps({"envcap": version}))
    with pytest.raises(FormatError, match="this software reads '1'"):
        LocalStore.existing(golden.root)
