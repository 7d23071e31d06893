# SPDX-License-Identifier: Apache-2.0
"""What is mutated: the store of real small jobs, real configuration dumps, and what else is read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from envcap.digest import digest_of
from envcap.ids import uuid7
from envcap.model.components import RubinConfig, RubinQuantum
from envcap.model.descriptor import describe, describe_bytes
from envcap.model.manifest import DatasetGroup, Manifest
from envcap.model.recipe import Recipe
from envcap.model.result import FileRecord, Input, Output, Result
from envcap.model.verdict import Verdict
from envcap.pexconfig import parse_config
from envcap.store.index import Index
from envcap.store.journal import Journal
from envcap.store.local import LocalStore
from envcap.store.selector import resolve
from tests.envcap.test_pexconfig import FILL, ZOO
from tests.fuzz.guard import make_canaries

__all__ = ("POLICY", "Corpus", "make_corpus")

POLICY = """
source = "a test"
dataset_type = ["coadd", "calibrated*"]
rtol = "1e-6"
atol = 0.25
[[tolerance]]
where = "HDU VARIANCE*"
rtol = 1e-5
ulp = 4
source = "round-off"
[[key]]
table = "*"
columns = ["id", "band"]
source = "the schema"
[[volatile]]
place = "card"
name = "DATE-OBS"
reason = "the clock"
[[volatile]]
place = "metadata"
name = "LSST.BUTLER.INPUT.#.ID"
reason = "a new UUID"
"""

_PAYLOAD = """
import os
open("context", "w").write(os.environ["ENVCAP_CONTEXT"])
open("out.fits", "wb").write(b"SIMPLE  =")
"""
_DUMP = "import zoo\nconfig = zoo.Zoo()\n" + FILL.replace("{number}", "nan") + "print(config.saveToString())"


class Corpus:
    """A corpus on disk.

    Attributes
    ----------
    folder : `Path`
    store : `Path`
        With a job that succeeded, one that failed, and a quantum.
    canaries : `Path`
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.canaries = folder / "canaries"

    def read(self, name: str) -> bytes:
        """Return one of the corpus's files: ``context``, ``config.py``, ``policy.toml``."""
        return (self.folder / "work" / name).read_bytes()

    def canary_texts(self) -> list[str]:
        """Return the texts that would have a canary run."""
        return (self.folder / "canary_texts").read_text().splitlines()

    def quantum(self) -> dict[str, bytes]:
        """Return the documents of the quantum, by what a `tests.fuzz.forge` calls them."""
        store = LocalStore.existing(str(self.store))
        index = Index(store)
        attempt = resolve(index, "quantum:" + "0" * 8)
        manifest, recipe, result = attempt.manifest, attempt.recipe, attempt.result
        assert result is not None
        assert isinstance(recipe.task, RubinQuantum)
        assert recipe.task.config is not None
        assert manifest.site is not None
        found = {"manifest": manifest.to_bytes(), "recipe": recipe.to_bytes(), "result": result.to_bytes()}
        found["site"] = store.get(manifest.site.digest)
        found["config"] = store.get(recipe.task.config.digest)
        found["config text"] = store.get(RubinConfig.from_bytes(found["config"]).text.digest)
        for kind, descriptor in {**recipe.software, **manifest.host}.items():
            found[kind] = store.get(descriptor.digest)
        index.close()
        return found


def make_corpus(folder: Path, environ: Mapping[str, str]) -> Corpus:
    """Make the corpus: run real jobs under `envcap run`, and dump a real configuration."""
    corpus = Corpus(folder)
    work = folder / "work"
    work.mkdir(parents=True)
    (folder / "canary_texts").write_text("\n".join(make_canaries(corpus.canaries)))
    (work / "zoo.py").write_text(ZOO)
    (work / "job.py").write_text(_PAYLOAD)
    (work / "policy.toml").write_text(POLICY)
    run = [os.path.join(os.path.dirname(sys.executable), "envcap"), "run", "--store", str(corpus.store)]
    declared = ["--config", "policy.toml", "--input", "zoo.py", "--output", "out.fits", "--job-id", "night-12"]
    for command, status in (([*declared, "--", sys.executable, "job.py"], 0), (["--", "sh", "-c", "exit 3"], 3)):
        done = subprocess.run([*run, *command], cwd=work, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
    dump = subprocess.run([sys.executable, "-c", _DUMP], cwd=work, env=environ, capture_output=True, check=True)
    (work / "config.py").write_bytes(dump.stdout)
    _add_quantum(LocalStore.existing(str(corpus.store)), dump.stdout)
    return corpus


def _add_quantum(store: LocalStore, dump: bytes) -> None:
    """Write a quantum into the store, in the environment of the job that is there."""
    index = Index(store)
    attempt = resolve(index, "job:night-12")
    index.close()
    assert attempt.result is not None
    parsed = parse_config(dump.decode())
    config = RubinConfig(
        config_class=parsed.config_class, text=describe_bytes("text/x-python", dump), fields=parsed.fields
    )
    for data in (dump, config.to_bytes()):
        store.put(data)
    group = DatasetGroup(dataset_type="raw", run="raw/all", dimensions=["detector"], rows=[[uuid7(), "4"]])
    made = DatasetGroup(dataset_type="coadd", run="u/me", dimensions=["detector"], rows=[[uuid7(), "4"]])
    work = RubinQuantum(
        task_class="zoo.Task", label="zoo", data_id={"detector": "4"}, inputs={"raw": [group.rows[0][0]]},
        init_inputs={}, config=describe(config),
    )  # fmt: skip
    recipe = Recipe.checked({**attempt.recipe.data, "work": work.data})
    name = uuid7()
    job = {
        **attempt.manifest.job.data, "kind": "quantum", "name": "zoo {detector: 4}", "quantum": "0" * 8 + name[8:],
        "run": "u/me", "butler": "/repo", "inputs": [group.data], "outputs": [made.data],
    }  # fmt: skip
    changes = {"attempt": name, "job_id": job["quantum"], "job": job, "recipe": describe(recipe).data}
    manifest = Manifest.checked({**attempt.manifest.data, **changes})
    file = FileRecord(uri="file:///repo/x.fits", digest=digest_of(b"x"), size=1)
    result = Result.checked(
        {
            **attempt.result.data,
            "attempt": name,
            "manifest": digest_of(manifest.to_bytes()),
            "inputs": [Input(dataset=group.rows[0][0], available=True, used=True, file=file).data],
            "outputs": [Output(dataset=made.rows[0][0], dataset_type="coadd", file=file).data],
        }
    )
    verdict = {"mediaType": "application/vnd.envcap.verdict.v1+json", "replay": uuid7(), "replay_of": name}
    journal = Journal(store.root)
    journal.append(("recipe", recipe.to_bytes()), ("manifest", manifest.to_bytes()), ("result", result.to_bytes()))
    journal.append(("verdict", Verdict.checked({**verdict, "verdict": "equal"}).to_bytes()))
