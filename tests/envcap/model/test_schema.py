# SPDX-License-Identifier: Apache-2.0
"""The shipped JSON Schemas: they are what the classes declare, and what jobs write is what they say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from envcap.digest import MAX_INTEGER
from envcap.errors import FormatError
from envcap.model.components import COMPONENTS, Command, PythonDists, RubinConfig
from envcap.model.descriptor import Descriptor
from envcap.model.document import Document, parse_json
from envcap.model.manifest import Manifest
from envcap.model.recipe import Recipe
from envcap.model.result import Result
from envcap.model.schema import FOLDER, all_schemas, document_classes, schema_of, write_schemas
from envcap.model.verdict import Verdict
from envcap.store.journal import END, Record, journal_paths, read_journal
from envcap.store.local import LocalStore
from tests.envcap.model.strategies import documents

Run = Callable[..., "subprocess.CompletedProcess[str]"]
DOCUMENTS = document_classes()
CLASSES = pytest.mark.parametrize("cls", DOCUMENTS, ids=lambda cls: cls.__name__)


@cache
def validator(media_type: str) -> Draft202012Validator:
    """Return what validates documents of a media type."""
    (cls,) = [cls for cls in DOCUMENTS if cls.media_type == media_type]
    return Draft202012Validator(schema_of(cls))


def is_valid(document: dict[str, Any]) -> bool:
    """Whether a document is what the schema of its media type says."""
    return bool(validator(document["mediaType"]).is_valid(document))


def differing(folder: Path, other: Path) -> list[str]:
    """Return the names of the files that two directories don't have in common."""
    here, there = ({path.name: path.read_bytes() for path in place.iterdir()} for place in (folder, other))
    return sorted(name for name in here | there if here.get(name) != there.get(name))


class TestShipped:
    """The files of the package."""

    def test_they_are_what_the_classes_declare(self, tmp_path: Path) -> None:
        write_schemas(str(tmp_path))
        assert differing(Path(FOLDER), tmp_path) == [], "make schemas"
        assert len(list(tmp_path.iterdir())) == len(all_schemas()) == len(DOCUMENTS)

    def test_one_changed_byte_is_named(self, tmp_path: Path) -> None:
        changed = tmp_path / "changed"
        shutil.copytree(FOLDER, changed)
        path = changed / "recipe.json"
        path.write_bytes(path.read_bytes().replace(b"software", b"softwere", 1))
        (changed / "stale.json").write_text("{}")
        write_schemas(str(tmp_path / "new"))
        assert differing(changed, tmp_path / "new") == ["recipe.json", "stale.json"]
        write_schemas(str(changed))
        assert differing(changed, tmp_path / "new") == []

    def test_every_document_has_one(self) -> None:
        assert set(DOCUMENTS) >= {Manifest, Recipe, Result, Verdict, *COMPONENTS.values()}
        assert all(cls.media_type and cls.__module__.startswith("envcap.model.") for cls in DOCUMENTS)
        assert {schema["$id"] for schema in all_schemas().values()} == {f"urn:envcap:{c.media_type}" for c in DOCUMENTS}

    @pytest.mark.parametrize("name", sorted(all_schemas()))
    def test_each_is_a_schema_with_a_name_and_a_meaning(self, name: str) -> None:
        schema = all_schemas()[name]
        Draft202012Validator.check_schema(schema)
        assert schema["$id"].startswith("urn:envcap:application/vnd.envcap.")
        assert schema["$id"] == "urn:envcap:" + schema["properties"]["mediaType"]["const"]
        assert all(part["title"] for part in (schema, *schema.get("$defs", {}).values()))

    def test_a_schema_is_read_as_one(self) -> None:
        assert schema_of(PythonDists)["properties"]["distributions"] == {
            "type": "array",
            "items": {"$ref": "#/$defs/Distribution"},
        }
        assert schema_of(PythonDists)["$defs"]["Distribution"]["required"] == ["name", "version"]


def stored(store: LocalStore) -> Iterator[dict[str, Any]]:
    """Yield the documents of a store."""
    for path in journal_paths(store.root):
        for record in read_journal(path):
            assert isinstance(record, Record)
            if record.kind != END:
                yield parse_json(record.data)
    for digest in store.list():
        data = store.get(digest)
        if data.startswith(b'{"') and b'"mediaType":"application/vnd.envcap.' in data:
            yield parse_json(data)


class TestDocuments:
    """Documents of real jobs, and any others that could be written."""

    def test_what_a_job_writes_is_valid(
        self, envcap: Run, store: LocalStore, work: Path, run_quietly: Callable[..., str]
    ) -> None:
        (work / "c.yaml").write_text("gain: 2\n")
        run_quietly("git", "init", "-q", work)
        (work / "job.py").write_text("open('out', 'w').write('1')\n")
        run_quietly("git", "-C", work, "add", "job.py")
        run_quietly("git", "-C", work, "commit", "-q", "-m", "one")
        (work / "job.py").write_text("open('out', 'w').write('2')\n")
        job = ("--config", "c.yaml", "--input", "c.yaml", "--output", "out", "--output", "never")
        assert envcap("run", *job, "--", sys.executable, "job.py").returncode == 0
        assert envcap("run", "--", "false").returncode == 1
        seen = set()
        for document in stored(store):
            assert list(validator(document["mediaType"]).iter_errors(document)) == []
            seen.add(document["mediaType"].partition("vnd.envcap.")[2].partition(".")[0])
        assert seen >= {"manifest", "recipe", "result", "site", "source", "python-dists", "hardware", "process-env"}

    @settings(deadline=None, database=None, max_examples=30)
    @given(data=st.data())
    @CLASSES
    def test_whatever_can_be_written_is_valid(self, cls: type[Document], data: st.DataObject) -> None:
        document = data.draw(documents(cls))
        assert list(validator(cls.media_type).iter_errors(document)) == []

    @settings(deadline=None, database=None, max_examples=10)
    @given(data=st.data())
    @CLASSES
    def test_schema_and_reader_agree_on_what_is_missing_or_wrong(
        self, cls: type[Document], data: st.DataObject
    ) -> None:
        document = data.draw(documents(cls))
        for name in ("mediaType", *cls.members):
            without = {member: value for member, value in document.items() if member != name}
            for broken in (without, *({**document, name: value} for value in (3, "3", True, [], {}, [{}], {"a": 3}))):
                assert bool(validator(cls.media_type).is_valid(broken)) == _reads(cls, broken), broken


def _reads(cls: type[Document], document: dict[str, Any]) -> bool:
    try:
        cls.checked(document)
    except FormatError:
        return False
    return True


CONFIG = {
    "mediaType": RubinConfig.media_type,
    "text": {"mediaType": "text/x-python", "digest": f"sha256:{'a' * 64}", "size": 3},
}


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("digest", "sha256:" + "A" * 64),
        ("digest", "sha256:" + "a" * 63),
        ("digest", "sha256:" + "a" * 65),
        ("digest", "sha256:" + "a" * 64 + "\n"),
        ("digest", "md5:" + "a" * 64),
        ("digest", "../../" + "a" * 64),
        ("size", MAX_INTEGER + 1),
        ("size", -MAX_INTEGER - 1),
        ("size", 1.5),
    ],
)
def test_a_schema_bounds_what_a_type_does_not(member: str, value: object) -> None:
    assert is_valid(CONFIG)
    assert not is_valid({**CONFIG, "text": {**CONFIG["text"], member: value}})  # type: ignore[dict-item]


def test_what_a_newer_writer_adds_is_valid() -> None:
    assert is_valid({**CONFIG, "newer": [1.5, None], "text": {**CONFIG["text"], "annotations": {}}})  # type: ignore[dict-item]


def test_a_document_of_another_kind_is_not() -> None:
    command = Command(argv=["x"], config={}, inputs={}).data
    assert is_valid(dict(command))
    assert not validator(Manifest.media_type).is_valid(command)
    assert Descriptor not in DOCUMENTS
