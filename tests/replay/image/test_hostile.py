# SPDX-License-Identifier: Apache-2.0
"""Manifests that are trusted and hold hostile values, with every digest right: only validation can stop them.

Each value that reaches a Dockerfile, a command line or a path ends in a refusal that names its field; nothing that it
names is run or written.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from envcap.digest import canonical_json, digest_of
from envcap.errors import EnvcapError
from envcap.model.components import Conda, CondaPackage, Container, ContainerHint, OsPackage
from envcap.model.descriptor import describe
from envcap.store.index import Index
from envcap.store.journal import Journal
from envcap.store.local import LocalStore
from envcap.store.selector import resolve
from replay.debs.gathering import locked_debs
from replay.image.dockerfile import dockerfile
from replay.image.facts import image_facts
from replay.image.ladder import captured_python, official_base
from replay.image.recipe import recipe_of
from replay.jobs.base import CapturedJob
from replay.jobs.command import CapturedCommand
from replay.jobs.registry import captured_job
from replay.wheels.gathering import wheel_target
from tests.fuzz.corpus import Corpus, make_corpus
from tests.fuzz.forge import forge

PACKAGE = CondaPackage(
    name="zlib",
    version="1.3.1",
    build="hb9d3cd8_2",
    subdir="linux-64",
    channel="https://host/conda-forge",
    url="https://host/conda-forge/linux-64/zlib-1.3.1-hb9d3cd8_2.conda",
    md5="0" * 32,
    sha256="0" * 64,
)
_BASE_ID = "sha256:" + "0" * 64
_IMAGE_ID = "sha256:" + "1" * 64

PAYLOADS = {
    "a second command": "; touch {mark}",
    "a second line": "\nRUN touch {mark}\n",
    "a variable": "${{HOME}}",
    "a substitution": "$(touch {mark})",
    "an old substitution": "`touch {mark}`",
    "a way out": "/../../..{mark}",
    "a double quote": '" ; touch {mark} ; "',
    "a single quote": "' || touch {mark} || '",
    "a backslash": "\\\nUSER 0:0",
    "a pipe": " | tee {mark}",
    "a redirection": " > {mark}",
    "much": "a" * 100_000,
    "a null": "\0{mark}",
    "a terminal's escape": "\x1b]0;{mark}\x07",
}

Change = Callable[[dict[str, Any], str], None]


def _dists(member: str) -> Change:
    def change(document: dict[str, Any], text: str) -> None:
        document["distributions"][0][member] = document["distributions"][0][member] + text

    return change


def _member(*path: str) -> Change:
    def change(document: dict[str, Any], text: str) -> None:
        for name in path[:-1]:
            document = document[name]
        document[path[-1]] = str(document[path[-1]]) + text

    return change


def _value(document: dict[str, Any], text: str) -> None:
    document["variables"]["OMP_PLACES"] = "cores" + text


def _name(document: dict[str, Any], text: str) -> None:
    document["variables"]["LC_ALL" + text] = "C"


def _hint(claim: str) -> Change:
    def change(document: dict[str, Any], text: str) -> None:
        (hint,) = (one for one in document["hints"] if one["claim"] == claim)
        hint["value"] += text

    return change


def _package(member: str) -> Change:
    def change(document: dict[str, Any], text: str) -> None:
        document["packages"][0][member] += text

    return change


FIELDS: dict[str, tuple[str, Change]] = {
    r"python_dists\.distributions\[0\]\.name": ("python_dists", _dists("name")),
    r"python_dists\.distributions\[0\]\.version": ("python_dists", _dists("version")),
    r"python_dists\.distributions\[0\]\.record": ("python_dists", _dists("record")),
    r"process_env\.variables: ": ("process_env", _name),
    r"process_env\.variables\[LANG\]": ("process_env", _member("variables", "LANG")),
    r"process_env\.variables\[OMP_PLACES\]": ("numerics", _value),
    r"interpreter\.version": ("interpreter", _member("version")),
    r"operating_system\.distribution\.version_codename": (
        "operating_system",
        _member("distribution", "version_codename"),
    ),
    r"operating_system\.machine": ("operating_system", _member("machine")),
    r"operating_system\.libc": ("operating_system", _member("libc")),
    r"container\.image_id": ("container", _hint("image_id")),
    r"container\.reference": ("container", _hint("reference")),
    r"container\.base": ("container", _hint("base")),
    r"interpreter\.executable": ("site", _member("places", "interpreter", "executable")),
    r"process_env\.umask": ("process_env", _member("umask")),
    **{rf"conda\.packages\[0\]\.{member}": ("conda", _package(member)) for member in PACKAGE.data},
}
"""What a refusal must name, the document that holds the field, and how a text gets into it."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Jobs that really ran."""
    folder = tmp_path_factory.mktemp("corpus")
    environ = {**os.environ, "XDG_CONFIG_HOME": str(folder / "config"), "LANG": "C.UTF-8"}
    return make_corpus(folder / "corpus", environ)


@pytest.fixture(scope="module")
def documents(corpus: Corpus) -> dict[str, bytes]:
    """The documents of a quantum that ran in a container."""
    found = corpus.quantum()
    claims = {"image_id": _IMAGE_ID, "reference": f"host:5000/image@{_IMAGE_ID}", "base": "host:5000/base:1"}
    hints = [ContainerHint(source="ENVCAP_IMAGE", claim=c, value=v, confidence="medium") for c, v in claims.items()]
    container = Container(runtime="docker", hints=hints, failed={})
    manifest = json.loads(found["manifest"])
    manifest["host"]["container"] = describe(container).data
    found["manifest"], found["container"] = json.dumps(manifest).encode(), container.to_bytes()
    release = json.loads(found["operating_system"])
    release["distribution"] |= {"id": "debian", "version_codename": "bookworm"}
    release["libc"] = "glibc 2.36"
    found["operating_system"] = json.dumps(release).encode()
    numerics = json.loads(found["numerics"])
    numerics["variables"]["OMP_PLACES"] = "cores"
    found["numerics"] = json.dumps(numerics).encode()
    conda, recipe, site = Conda(packages=[PACKAGE]), json.loads(found["recipe"]), json.loads(found["site"])
    recipe["software"]["conda"] = describe(conda).data
    site["places"]["conda"] = {"prefix": site["places"]["interpreter"]["prefix"]}
    manifest["outcomes"]["conda"] = {"status": "captured"}
    found |= {"manifest": canonical_json(manifest), "conda": conda.to_bytes()}
    return found | {"recipe": canonical_json(recipe), "site": canonical_json(site)}


def _jobs(root: Path) -> Iterator[CapturedJob]:
    index = Index(LocalStore.existing(str(root)))
    for attempt in index.attempts():
        yield captured_job(index, attempt)


def _interpolate(job: CapturedJob) -> str:
    """Do all that brings values of a manifest to where they could do harm, short of doing it."""
    image_facts(job)
    captured_python(job)
    assert job.umask != ""
    list(wheel_target(job).options())
    official_base(job)
    return dockerfile(recipe_of(job, "host:5000/base:1", _BASE_ID, None, with_code=True))


def _forged(root: Path, documents: dict[str, bytes], name: str, data: bytes) -> Path:
    # They were changed above: their parents must name them anew.
    for kind in ("recipe", "site", "conda", "operating_system", "numerics", "container"):
        if kind != name:
            step = root / kind
            forge(step, documents, kind, documents[kind])
            index = Index(LocalStore.existing(str(step)))
            (attempt,) = index.attempts()
            documents = {**documents, "recipe": attempt.recipe.to_bytes(), "manifest": attempt.manifest.to_bytes()}
            index.close()
    forge(root / "store", documents, name, data)
    return root / "store"


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("field", FIELDS)
def test_a_hostile_value_is_refused_by_its_field(
    field: str, payload: str, documents: dict[str, bytes], tmp_path: Path
) -> None:
    name, change = FIELDS[field]
    mark = tmp_path / "mark"
    document = json.loads(documents[name])
    change(document, PAYLOADS[payload].replace("{mark}", str(mark)).replace("{{", "{").replace("}}", "}"))
    root = _forged(tmp_path, documents, name, json.dumps(document).encode())
    before = sorted(path.name for path in tmp_path.iterdir())
    refusal = _refusal(next(_jobs(root)))
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert not mark.exists()
    assert re.search(field, refusal), refusal
    assert refusal.isprintable()
    assert len(refusal) < 600


def _refusal(job: CapturedJob) -> str:
    with pytest.raises(EnvcapError) as caught:
        _interpolate(job)
    assert caught.value.exit_code == 3
    return str(caught.value)


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("what", ["the name", "the place"])
def test_a_hostile_file_of_a_command(what: str, payload: str, corpus: Corpus, tmp_path: Path) -> None:
    source = Index(LocalStore.existing(str(corpus.store)))
    attempt = resolve(source, "job:night-12")
    assert attempt.result is not None
    text = PAYLOADS[payload].replace("{mark}", str(tmp_path / "mark"))
    manifest = json.loads(attempt.manifest.to_bytes())
    place = manifest["job"]["files"].pop("output:out.fits")
    name, place = ("output:out.fits" + text, place) if what == "the name" else ("output:out.fits", place + text)
    manifest["job"]["files"][name] = place
    data = canonical_json(manifest)
    result = json.loads(attempt.result.to_bytes())
    result["manifest"] = digest_of(data)
    result["outputs"][0]["file"]["uri"] = f"file://{place}"
    store = LocalStore(str(tmp_path / "store"))
    store.create()
    records = (("recipe", attempt.recipe.to_bytes()), ("manifest", data), ("result", canonical_json(result)))
    Journal(store.root).append(*records)
    (job,) = _jobs(tmp_path / "store")
    assert isinstance(job, CapturedCommand)
    with pytest.raises(EnvcapError, match=r"^job\.files") as caught:
        job.files()
    assert caught.value.exit_code == 3
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("member", ["name", "version", "architecture"])
def test_a_hostile_package_of_the_system(member: str, payload: str, tmp_path: Path) -> None:
    text = PAYLOADS[payload].replace("{mark}", str(tmp_path / "mark"))
    package = {"name": "zlib1g", "version": "1:1.2.13", "architecture": "amd64"}
    (deb,) = locked_debs([OsPackage(**package)])
    assert deb.file_name == "zlib1g_1%3a1.2.13_amd64.deb"
    with pytest.raises(EnvcapError, match=rf"^os_packages.*{member}") as caught:
        locked_debs([OsPackage(**{**package, member: package[member] + text})])
    assert caught.value.exit_code == 3


def test_there_are_many() -> None:
    assert (len(FIELDS) + 2) * len(PAYLOADS) >= 200


def test_what_is_innocent_is_taken(documents: dict[str, bytes], tmp_path: Path) -> None:
    """The positive control: the same job without a hostile value gives a Dockerfile."""
    root = _forged(tmp_path, documents, "interpreter", documents["interpreter"])
    text = _interpolate(next(_jobs(root)))
    assert 'OMP_PLACES="cores"' in text
    assert "COPY conda /opt/envcap/python" in text
    assert text.count("\nRUN ") == 2 + text.count("\nCOPY source ")
