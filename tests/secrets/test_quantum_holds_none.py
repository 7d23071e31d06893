# SPDX-License-Identifier: Apache-2.0
"""Secrets never enter the store from a Rubin quantum: its configuration, its metrics, its error, its repository."""

from __future__ import annotations

import json
from pathlib import Path

from envcap.model.components import RubinConfig
from tests.observatory import Observatory
from tests.secrets.canaries import BY_NAME, CANARIES
from tests.secrets.planting import bare
from tests.secrets.searching import Finder

_FIELD = '    seed = Field[int](doc="Seed of the noise'
_ADDED = f"""    # Fields for notes, and fields whose names tell that they hold secrets.
    vars().update({{f"note_{{i}}": Field[str](doc="A note.", default="") for i in range({len(CANARIES)})}})
    vars().update({{f"site_{{i}}_password": Field[str](doc="A word.", default="") for i in range({len(list(bare()))})}})
"""
_GOOD, _BAD = 2026031400001, 2026031400002


def _plant(own: Observatory) -> tuple[Path, Path]:
    """Let the measurement write all canaries into its log and metadata, and fail with them; return its configuration.

    Returns
    -------
    overrides, repo : `pathlib.Path`
        A file of configuration overrides, and the repository under a name that holds canaries.
    """
    world = own.world
    notes = {f"note_{number}": canary.text for number, canary in enumerate(CANARIES)}
    passwords = {f"site_{number}_password": canary.secret for number, canary in enumerate(bare())}
    planted = world.root / "planted.json"
    planted.write_text(json.dumps(notes | passwords))
    overrides = world.root / "overrides.py"
    overrides.write_text("".join(f"config.{name}={value!r}\n" for name, value in (notes | passwords).items()))
    world.edit(world.stack / "starfield" / "measure.py", _FIELD, _ADDED + _FIELD)
    own.edit_measure(
        "import json",
        f"planted = json.load(open({str(planted)!r}))",
        "for name, text in planted.items():",
        "    self.log.warning('%s', text)",
        "    self.metadata[name] = text",
        f"if seed[1] == {_BAD}:",
        "    raise RuntimeError('\\n\\n'.join(planted.values()))",
    )
    folder = world.root
    for name in ("github_personal", "gitlab_personal", "aws_access_key_id", "huggingface", "vault_service"):
        folder = folder / BY_NAME[name].text
    folder.mkdir(parents=True)
    (folder / "repo").symlink_to(world.repo)
    return overrides, folder / "repo"


def test_a_quantum(own: Observatory, finder: Finder) -> None:
    overrides, repo = _plant(own)
    assert finder.names(overrides.read_text()) == finder.names((own.world.root / "planted.json").read_text())
    assert finder.names(overrides.read_text()) == BY_NAME.keys()
    where = ("-d", f"detector = 0 AND exposure IN ({_GOOD}, {_BAD})", "-C", f"measure:{overrides}")
    values = {"note_0": BY_NAME["postgresql_url"].text, "site_0_password": BY_NAME["ini_password"].secret}
    settings = [word for name, value in values.items() for word in ("-c", f"measure:{name}={value}")]
    command = own.world.pipetask("u/me/own", *where, *settings)
    command[command.index(str(own.world.repo))] = str(repo)
    done = own.world.run(["envcap", "run", "--", *command], check=False)
    assert done.returncode != 0
    assert finder.names(done.stderr) == BY_NAME.keys(), "the log should hold all of them"

    good, bad = (own.attempt(f"measure {{instrument: StarCam, detector: 0, exposure: {n}") for n in (_GOOD, _BAD))
    assert good.result is not None
    assert bad.result is not None
    count = len(CANARIES) + len(list(bare()))
    assert len(good.result.metrics or ()) >= count
    assert (bad.result.error or "").startswith("RuntimeError: ")
    store = own.index().store
    config = RubinConfig.from_bytes(store.get(good.recipe.work["config"]["digest"]))  # type: ignore[index]
    assert len([name for name in config.fields or () if name.startswith(("note_", "site_"))]) == count
    finder.must_find_nothing(own.world.store)
