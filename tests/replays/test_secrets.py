# SPDX-License-Identifier: Apache-2.0
"""A layer that needs what was scrubbed is impossible until it is given again; and then the replay is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.observatory import Observatory

_ONE = "detector = 0 AND exposure = 2026031400001"
_SECRET = "s3cr3t-Zq8vLr0pWx"
_FIELD = '    archive_token = Field[str](doc="For the archive.", default="")\n    seed = Field'


def _stored(store: Path) -> bytes:
    return b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())


@pytest.fixture
def told(own: Observatory) -> Observatory:
    """Run a task that needs a secret from its configuration and one from its environment."""
    own.world.edit(own.world.stack / "starfield" / "measure.py", "    seed = Field", _FIELD)
    own.edit_measure(
        "import os",
        f"assert self.config.archive_token == os.environ['ARCHIVE_PASSWORD'] == {_SECRET[::-1]!r}[::-1], 'no access'",
    )
    own.world.commit("A task that needs what it is told")  # a patch with a secret in it would not be kept
    run = own.world.pipetask("u/me/own", "-d", _ONE, "-c", f"measure:archive_token={_SECRET}")
    variables = {**own.world.variables(), "ARCHIVE_PASSWORD": _SECRET}
    done = own.world.run(["envcap", "run", "--env", "ARCHIVE_PASSWORD", "--", *run], variables=variables, check=False)
    assert done.returncode == 0, done.stderr
    return own


def test_until_it_is_given_again(told: Observatory) -> None:
    assert _SECRET.encode() not in _stored(told.world.store)
    uuid, _ = told.dataset("catalog", "u/me/own")
    shown = told.json("envcap", "show", f"dataset:{uuid}")
    places = shown["manifest"]["scrubbed"]
    assert places["process_env.variables.ARCHIVE_PASSWORD"] == "secret-name"
    assert places["configuration.fields.archive_token"] == "secret-name"

    refused = told.rerun(uuid)
    assert refused.returncode == 3
    for name in ("ARCHIVE_PASSWORD", "archive_token"):
        assert f"--secret {name}=" in refused.stderr

    half = told.rerun(uuid, "--secret", f"ARCHIVE_PASSWORD={_SECRET}")
    assert half.returncode == 3
    assert "archive_token held a credential" in half.stderr

    wrong = ("--secret", f"ARCHIVE_PASSWORD={_SECRET}", "--secret", "archive_token=another")
    done = told.rerun(uuid, *wrong)
    assert done.returncode == 4
    assert "no access" in done.stderr

    right = ("--secret", f"ARCHIVE_PASSWORD={_SECRET}", "--secret", f"archive_token={_SECRET}")
    done = told.rerun(uuid, *right)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("identical measure")
    assert _SECRET.encode() not in _stored(told.world.store)
    requests = list((told.world.root / "cache" / "replays").rglob("request.json"))
    assert not requests
