# SPDX-License-Identifier: Apache-2.0
"""A store at a URI: what was sent there is found from anywhere, checked, and brought once."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envcap.errors import CorruptError, FormatError, StoreError, UsageError
from envcap.store.index import Index
from envcap.store.local import LocalStore
from envcap.store.mirror import MirrorStore
from envcap.store.opened import existing_store
from tests.services.s3 import BUCKET, running_s3

AddAttempt = Callable[..., str]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """Give what users of an object store have in the environment."""
    with running_s3() as variables:
        yield variables


@pytest.fixture
def place(s3: dict[str, str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the URI of an empty place there."""
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{request.node.name.replace('[', '-').strip(']')}"


@pytest.fixture
def sent(place: str, s3: dict[str, str], envcap: Run, add_attempt: AddAttempt, store: LocalStore) -> str:
    """Send two jobs there, and give the one that has an object."""
    assert envcap("run", "--job-id", "real", "--", "true").returncode == 0
    add_attempt("made", ended=True)
    done = envcap("ingest", "--to", place, "--json", env=s3)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["sent"]
    assert (told["packs"], told["objects"]) == (1, len(list(store.list())))
    return place


def test_jobs_are_found_there(sent: str, s3: dict[str, str], envcap: Run, store: LocalStore) -> None:
    own = [json.loads(envcap("show", job, "--json").stdout) for job in ("real", "made")]
    os.rename(store.root, f"{store.root}-gone")
    there = [json.loads(envcap("show", job, "--json", "--store", sent, env=s3).stdout) for job in ("real", "made")]
    assert own == there
    assert len(json.loads(envcap("jobs", "--json", "--store", sent, env=s3).stdout)) == 2
    done = envcap("verify", "real", "--store", sent, env=s3)
    assert (done.returncode, done.stderr) == (0, "")
    assert "sealed by your own key" in done.stdout


def test_what_is_there_is_not_sent_again(sent: str, s3: dict[str, str], envcap: Run) -> None:
    told = json.loads(envcap("ingest", "--to", sent, "--json", env=s3).stdout)["sent"]
    assert told == {"objects": 0, "packs": 0}


def test_what_was_brought_is_not_brought_again(sent: str, store: LocalStore) -> None:
    mirror = existing_store(sent)
    assert isinstance(mirror, MirrorStore)
    index = Index(mirror)
    for digest in mirror.list():
        mirror.get(digest)
    asked: list[str] = []
    mirror._there = Unreachable(asked)  # type: ignore[assignment]
    assert {mirror.get(digest) for digest in store.list()} == {store.get(digest) for digest in store.list()}
    assert len(list(index.attempts())) == 2
    assert asked == []


class Unreachable:
    """What stands for the place, and must not be asked."""

    def __init__(self, asked: list[str]) -> None:
        self._asked = asked

    def join(self, name: str, **_: object) -> object:
        self._asked.append(name)
        raise OSError("unreachable")


def test_an_object_that_was_changed_there_is_refused_and_not_kept(
    sent: str, s3: dict[str, str], store: LocalStore
) -> None:
    import boto3

    digest = max(store.list())
    key = sent.removeprefix(f"s3://{BUCKET}/") + f"/objects/{digest[7:9]}/{digest[9:]}"
    client = boto3.client("s3", endpoint_url=s3["S3_ENDPOINT_URL"])
    client.put_object(Bucket=BUCKET, Key=key, Body=b"changed")
    mirror = existing_store(sent)
    for _ in range(2):
        with pytest.raises(CorruptError):
            mirror.get(digest)
    client.put_object(Bucket=BUCKET, Key=key, Body=store.get(digest))
    assert mirror.get(digest) == store.get(digest)


def test_notes_that_are_made_elsewhere_are_sent(sent: str, s3: dict[str, str], envcap: Run, tmp_path: Path) -> None:
    others = {**s3, "ENVCAP_STORE": sent, "ENVCAP_CACHE": str(tmp_path / "another user's")}
    assert envcap("note", "real", "cloudy", env=others).returncode == 0
    assert envcap("note", "real", "--json", "--store", sent, env=s3).stdout.strip() == "[]"
    assert json.loads(envcap("ingest", "--json", env=others).stdout)["sent"]["packs"] == 1
    assert "cloudy" in envcap("note", "real", "--store", sent, env=s3).stdout


def test_another_store_is_not_sent_into_it(sent: str, s3: dict[str, str], envcap: Run, tmp_path: Path) -> None:
    other = {**s3, "ENVCAP_STORE": str(tmp_path / "other")}
    envcap("run", "--", "true", env=other)
    done = envcap("ingest", "--to", sent, env=other)
    assert done.returncode == 3
    assert "is another store than" in done.stderr


def test_jobs_do_not_write_there_and_run_nevertheless(place: str, s3: dict[str, str], envcap: Run) -> None:
    done = envcap("run", "--store", place, "--", "echo", "ran", env=s3)
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert "jobs write to a directory" in done.stderr


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("s3://nobody-has-this/x", "format.json"),
        ("nosuch://host/x", "nosuch"),
    ],
)
def test_a_place_that_is_none_is_one_line(place: str, s3: dict[str, str], envcap: Run, uri: str, told: str) -> None:
    done = envcap("jobs", "--store", uri, env=s3)
    assert done.returncode in (2, 3)
    assert done.stderr.count("\n") == 1
    assert told in done.stderr


def test_of_a_newer_format_is_refused(place: str) -> None:
    from lsst.resources import ResourcePath

    ResourcePath(place, forceDirectory=True).join("format.json").write(b'{"envcap":"9"}')
    with pytest.raises(FormatError, match="format '9'"):
        existing_store(place)


def test_gc_is_for_directories(sent: str, s3: dict[str, str], envcap: Run) -> None:
    done = envcap("gc", "--store", sent, env=s3)
    assert (done.returncode, "only a store in a directory" in done.stderr) == (2, True)


def test_a_file_uri_is_a_directory(store: LocalStore) -> None:
    assert existing_store(f"file://{store.root}").root == store.root
    with pytest.raises(StoreError):
        existing_store("file:///nowhere")


def test_without_its_library_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "lsst.resources", None)
    with pytest.raises(UsageError, match=r"pip install 'envcap\[remote\]'"):
        MirrorStore("s3://bucket/x")
