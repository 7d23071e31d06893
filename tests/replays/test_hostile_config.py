# SPDX-License-Identifier: Apache-2.0
"""A configuration text with a payload is shown and planned without being executed, and refused by run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envcap.digest import digest_of
from envcap.ids import uuid7
from envcap.model.components import RubinConfig
from envcap.model.descriptor import Descriptor, describe_bytes
from envcap.model.manifest import Manifest
from envcap.model.recipe import Recipe
from envcap.model.result import Result
from envcap.store.journal import Journal
from envcap.store.keeper import Keeper
from envcap.store.local import LocalStore
from envcap.trust.key import Key
from tests.observatory import Observatory

_PAYLOADS = (
    "import os; os.system('touch {flag}')",
    "config.seed = __import__('os').system('touch {flag}')",
    "assert type(config) is [open('{flag}', 'w')][0], 'x'",
    "config.detect.retarget(target=eval(\"open('{flag}', 'w')\"))",
    "exec(\"open('{flag}', 'w')\")",
)


def _forge(observatory: Observatory, store: LocalStore, text: str) -> str:
    """Put a job into a store whose configuration is some text, with every digest and seal right; return its attempt id.

    Even what the user's own key vouches for is not executed.
    """
    attempt = observatory.attempt("measure {")
    assert attempt.result is not None
    kept = describe_bytes("text/x-python", text.encode())
    store.put(text.encode())
    config = Keeper(store).document(RubinConfig(text=kept, fields={"seed": "1"}))
    recipe = Recipe.checked({**attempt.recipe.data, "work": {**attempt.recipe.work, "config": config.data}})
    data = recipe.to_bytes()
    named = Descriptor(mediaType=Recipe.media_type, digest=digest_of(data), size=len(data))
    forged = uuid7()
    manifest = Manifest.checked({**attempt.manifest.data, "attempt": forged, "recipe": named.data})
    result = Result.checked({**attempt.result.data, "attempt": forged, "manifest": digest_of(manifest.to_bytes())})
    records = (("recipe", data), ("manifest", manifest.to_bytes()), ("result", result.to_bytes()))
    Journal(store.root, Key.read(str(observatory.world.root / "key"))).append(*records)
    return forged


@pytest.mark.parametrize("payload", _PAYLOADS)
def test_a_payload_is_never_executed(observatory: Observatory, tmp_path: Path, payload: str) -> None:
    flag = tmp_path / "executed"
    text = payload.format(flag=flag)
    store = tmp_path / "store"
    shutil.copytree(observatory.world.store, store)
    forged = _forge(observatory, LocalStore(str(store)), text)
    named = (f"attempt:{forged}", "--store", str(store))

    assert observatory.run("envcap", "show", *named).returncode == 0
    planned = observatory.run("replay", "plan", *named)
    assert planned.returncode == 3
    assert "impossible" in planned.stdout
    for options in ((), ("--code", "current"), ("--engine", "host")):
        refused = observatory.run("replay", "run", *named, *options)
        assert refused.returncode == 3
        assert "configuration is impossible" in refused.stderr
    assert not flag.exists()


@pytest.mark.parametrize("payload", _PAYLOADS)
def test_the_payloads_do_work(tmp_path: Path, payload: str) -> None:
    """The positive control: executed as pex_config would, each leaves its mark, so the test above would see it."""
    flag = tmp_path / "executed"
    program = "class C: seed = 0; detect = property(lambda s: s); retarget = lambda s, **k: 0\nconfig = C()\n"
    text = program + payload.format(flag=flag)
    subprocess.run([sys.executable, "-c", text], check=False, capture_output=True)
    assert flag.exists()
