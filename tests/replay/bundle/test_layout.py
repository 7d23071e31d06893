# SPDX-License-Identifier: Apache-2.0
"""Opening a hostile bundle is safe: it ends in one line, and nothing of it is written."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from envcap.digest import canonical_json, digest_of
from envcap.errors import EnvcapError
from envcap.store.local import LocalStore
from envcap.trust.key import Key, key_path
from replay.bundle.bundling import unpack
from replay.bundle.layout import ARTIFACT, SEAL, BundleReader, BundleWriter
from replay.errors import ReplayRefusedError
from replay.progress import Progress

_BLOB = "blobs/sha256/" + "a" * 64
_ATTEMPT = "0192f1c2-5a1e-7c8d-9e0f-112233445566"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a cache of its own."""
    monkeypatch.setenv("ENVCAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ENVCAP_KEY", str(tmp_path / "key"))
    return tmp_path / "cache"


def _bundle(path: Path, given: list[tuple[str, str, bytes]], changes: Mapping[str, Any] | None = None) -> Path:
    """Write a bundle with some entries, sealed by this user's key."""
    contents: dict[str, Any] = {"attempt": _ATTEMPT, "name": "job", "replay": "0", "left_out": []}
    with open(path, "wb") as stream:
        writer = BundleWriter(stream)
        made = [(kind, name, *writer.add(data)) for kind, name, data in given]
        contents["entries"] = [dict(zip(("kind", "name", "digest", "size"), one, strict=True)) for one in made]
        contents |= changes or {}
        key = Key.own(key_path(), str(path.parent / "store"))
        writer.finish(contents, key.seal("bundle", digest_of(canonical_json(contents))))
    return path


def _members(path: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(path) as archive:
        return [(member, archive.extractfile(member).read()) for member in archive]  # type: ignore[union-attr]


def _write(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w") as archive:
        for member, data in members:
            member.size = len(data) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(data) if member.isreg() else None)
    return path


def _info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def _with(*extra: tuple[tarfile.TarInfo, bytes]) -> Callable[[Path], object]:
    return lambda path: _write(path, [*_members(path), *extra])


def _changed_blob(path: Path) -> None:
    members = _members(path)
    (number,) = (n for n, (member, data) in enumerate(members) if data == b"blob")
    members[number] = (members[number][0], b"blot")
    _write(path, members)


def _index(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        members = _members(path)
        _write(
            path, [(m, json.dumps(change(json.loads(d))).encode() if m.name == "index.json" else d) for m, d in members]
        )

    return damage


def _contents(path: Path) -> None:
    """Change the table of contents: its digest is no longer what the index says."""
    members = _members(path)
    _write(path, [(m, d.replace(b'"name":"job"', b'"name":"jib"')) for m, d in members])


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a way out": (_with((_info("../../evil"), b"x")), "has no place in a bundle"),
    "an absolute name": (_with((_info("/tmp/evil"), b"x")), "has no place in a bundle"),
    "a way out of the blobs": (_with((_info("blobs/sha256/../../evil"), b"x")), "has no place in a bundle"),
    "a symbolic link": (_with((_info(_BLOB, tarfile.SYMTYPE, "/etc/passwd"), b"")), "no regular file"),
    "a hard link": (_with((_info(_BLOB, tarfile.LNKTYPE, "index.json"), b"")), "no regular file"),
    "a device": (_with((_info(_BLOB, tarfile.CHRTYPE), b"")), "no regular file"),
    "a pipe": (_with((_info(_BLOB, tarfile.FIFOTYPE), b"")), "no regular file"),
    "a directory": (_with((_info("blobs", tarfile.DIRTYPE), b"")), "no regular file"),
    "two of one name": (_with((_info("index.json"), b"{}")), "twice"),
    "no archive": (lambda path: path.write_bytes(b"nothing of the kind" * 100), "no bundle"),
    "an empty file": (lambda path: path.write_bytes(b""), "no bundle"),
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:5000]), "no bundle"),
    "a compressed one": (lambda path: path.write_bytes(gzip.compress(path.read_bytes())), "no bundle"),
    "a bomb": (lambda path: path.write_bytes(gzip.compress(bytes(64 << 20))), "no bundle"),
    "no index": (lambda path: _write(path, [(m, d) for m, d in _members(path) if m.name != "index.json"]), "no bundle"),
    "an index that is none": (_index(lambda found: [1]), "no bundle"),
    "an index without manifests": (_index(lambda found: {**found, "manifests": []}), "no bundle"),
    "another artifact": (_index(lambda found: json.loads(json.dumps(found).replace(ARTIFACT, "x/y"))), "no bundle"),
    "a manifest that is missing": (
        _index(lambda found: {"manifests": [{**found["manifests"][0], "digest": "sha256:" + "0" * 64}]}),
        "is not in it",
    ),
    "a digest that is none": (
        _index(lambda found: {"manifests": [{**found["manifests"][0], "digest": ["x"]}]}), "no bundle"
    ),
    "another table of contents": (_contents, "is not of that digest"),
    "no seal": (
        _index(lambda found: {"manifests": [{**found["manifests"][0], "annotations": {}}]}), "does not vouch"
    ),
    "a seal of nothing": (
        _index(lambda found: {"manifests": [{**found["manifests"][0], "annotations": {SEAL: "0:0"}}]}), "does not vouch"
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_bundle(damage: str, tmp_path: Path, own_cache: Path) -> None:
    path = _bundle(tmp_path / "x.bundle", [("object", "x", b"blob")])
    change, told = DAMAGE[damage]
    change(path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ReplayRefusedError) as caught:
        unpack(path, LocalStore(str(tmp_path / "store")), Progress(quiet=True), trust=False)
    assert told in str(caught.value)
    assert str(caught.value).isprintable()
    assert sorted(tmp_path.rglob("*")) == before


def _tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


HOSTILE: dict[str, tuple[tuple[str, str, bytes], str]] = {
    "a file that leads out": (("file", "/../../evil", b"x"), "bundle: file"),
    "a file without a path": (("file", "evil", b"x"), "bundle: file"),
    "a wheel that leads out": (("wheel", "../evil-1-py3-none-any.whl", b"x"), "bundle: wheel"),
    "a wheel that is an option": (("wheel", "--target=x.whl", b"x"), "bundle: wheel"),
    "a commit that is an option": (("commit", "--upload-pack=touch mark", b"x"), "bundle: commit"),
    "a commit that is none": (("commit", "a" * 40, b"PACK"), "the bundle's commit aaaaaaaaaa"),
    "a record of another kind": (("record", "verdict -", b"{}"), "is of no known kind"),
    "a record with a seal of two lines": (("record", "manifest a\nb", b"{}"), "is of no known kind"),
    "a record that is none": (("record", "manifest -", b"{}"), "the bundle's manifest is none"),
    "a repository that leads out": (("repository", "r", _tar((_info("../evil"), b"x"))), "bundle: file"),
    "a repository with a link": (
        ("repository", "r", _tar((_info("x", tarfile.SYMTYPE, "/etc/passwd"), b""))), "neither a file nor a directory"),
    "a repository with a file twice": (
        ("repository", "r", _tar((_info("x"), b"1"), (_info("x"), b"2"))), "the bundle's repository is none"),
    "a repository that is none": (("repository", "r", b"nothing"), "the bundle's repository is none"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_contents_of_a_bundle_that_is_trusted(what: str, tmp_path: Path) -> None:
    entry, told = HOSTILE[what]
    path = _bundle(tmp_path / "x.bundle", [entry])
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(EnvcapError) as caught:
        unpack(path, LocalStore(str(tmp_path / "store")), Progress(quiet=True), trust=False)
    assert told in str(caught.value)
    assert caught.value.exit_code == 3
    assert str(caught.value).isprintable()
    assert not list(tmp_path.rglob("evil*"))
    assert not (tmp_path / "mark").exists()
    assert not list((tmp_path / "cache" / "wheels" / "incoming").glob("*"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"attempt": "../../evil"}, "bundle: attempt"),
        ({"attempt": 7}, "bundle: attempt"),
        ({"entries": {}}, "has no entries"),
        ({"entries": [7]}, "is none"),
        ({"entries": [{"kind": "object", "name": "x", "digest": "sha256:x", "size": 1}]}, "bundle: digest"),
        ({"entries": [{"kind": "object", "name": "x", "digest": "sha256:" + "0" * 64, "size": -1}]}, "has no size"),
        ({"left_out": None}, "has no left_out"),
    ],
)
def test_a_hostile_table_of_contents(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    path = _bundle(tmp_path / "x.bundle", [], changes)
    with pytest.raises(EnvcapError, match=told) as caught:
        unpack(path, LocalStore(str(tmp_path / "store")), Progress(quiet=True), trust=False)
    assert caught.value.exit_code == 3
    assert not (tmp_path / "store").exists()


def test_a_good_one_is_taken(tmp_path: Path) -> None:
    """The positive control of all of the above."""
    path = _bundle(tmp_path / "x.bundle", [("object", "x", b"blob"), ("file", "/data/x.fits", b"pixels")])
    store = LocalStore(str(tmp_path / "store"))
    found = unpack(path, store, Progress(quiet=True), trust=False)
    assert (found.attempt, list(found.lacking)) == (_ATTEMPT, [])
    assert store.get(digest_of(b"blob")) == b"blob"
    assert (tmp_path / "cache" / "bundles" / _ATTEMPT / "files" / "data" / "x.fits").read_bytes() == b"pixels"


def test_the_same_contents_are_the_same_bytes(tmp_path: Path) -> None:
    entries = [("object", "x", b"blob"), ("file", "/data/x.fits", b"pixels")]
    first, second = (_bundle(tmp_path / name, entries).read_bytes() for name in ("a", "b"))
    assert first == second


def test_what_is_missing_is_noted_and_the_rest_taken(tmp_path: Path) -> None:
    path = _bundle(tmp_path / "x.bundle", [("object", "one", b"1"), ("object", "two", b"2")])
    _write(path, [(member, data) for member, data in _members(path) if data != b"2"])
    store = LocalStore(str(tmp_path / "store"))
    assert list(unpack(path, store, Progress(quiet=True), trust=False).lacking) == ["two"]
    assert store.has(digest_of(b"1"))


def test_a_reader_gives_no_blob_of_another_digest(tmp_path: Path) -> None:
    path = _bundle(tmp_path / "x.bundle", [("object", "x", b"blob")])
    _changed_blob(path)
    reader = BundleReader(path)
    with pytest.raises(ReplayRefusedError, match="not of that digest"):
        reader.blob(digest_of(b"blob"))
    with pytest.raises(ReplayRefusedError, match="not of that digest"):
        reader.extract(digest_of(b"blob"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    reader.close()
