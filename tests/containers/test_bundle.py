# SPDX-License-Identifier: Apache-2.0
"""A bundle replays on a machine that has only this software and an engine: no registry, no index, no network."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from envcap.digest import canonical_json, digest_of
from envcap.trust.key import Key
from replay.bundle.layout import SEAL, BundleReader, BundleWriter
from tests.containers.conftest import Harbour
from tests.observatory import Observatory

_SAME = ("identical", "equal")


@dataclass(frozen=True)
class Elsewhere:
    """Another machine: nothing of the job's world is there, and no index, mirror or registry can be reached.

    It is a mount namespace in which the world's directory is empty.
    """

    harbour: Harbour
    root: Path
    attempt: str

    @classmethod
    def of(cls, harbour: Harbour, root: Path, bundle: Path) -> Elsewhere:
        """Return the machine, with the user's key on it."""
        (root / "home").mkdir(parents=True)
        shutil.copy(harbour.observatory.world.root / "key", root / "key")
        return cls(harbour, root, BundleReader(bundle).contents["attempt"])

    @property
    def variables(self) -> dict[str, str]:
        """What this machine's user has: the same key, and nothing else."""
        return {
            "ENVCAP_STORE": str(self.root / "store"),
            "ENVCAP_CACHE": str(self.root / "cache"),
            "ENVCAP_KEY": str(self.root / "key"),
            "HOME": str(self.root / "home"),
            "UV_CACHE_DIR": str(self.root / "uv"),
            "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
            "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
            "PIP_CONFIG_FILE": "/dev/null",
        }

    def run(self, *command: str, variables: Mapping[str, str] | None = None) -> Any:
        """Run a command there."""
        hide = f'mount -t tmpfs none {self.harbour.observatory.world.root} && exec "$@"'
        given = {**self.variables, **(variables or {})}
        return self.harbour.run("unshare", "--mount", "sh", "-c", hide, "sh", *command, variables=given)

    def replay(self, engine: str, *options: str) -> Any:
        """Replay the bundled job, and return the verdict."""
        command = ("replay", "run", f"attempt:{self.attempt}", "--offline", "--engine", engine, *options, "--json")
        done = self.run(*command)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


class Bundles(dict[str, Path]):
    """A bundle of one dataset of each type, made when it is asked for.

    Parameters
    ----------
    harbour : `Harbour`
    folder : `Path`
    """

    def __init__(self, harbour: Harbour, folder: Path) -> None:
        super().__init__()
        self._harbour = harbour
        self._folder = folder

    def __missing__(self, dataset_type: str) -> Path:
        path = self[dataset_type] = self._folder / f"{dataset_type}.bundle"
        uuid, _ = self._harbour.observatory.dataset(dataset_type)
        told = self._harbour.json("replay", "bundle", f"dataset:{uuid}", "-o", str(path))
        # The archive may have newer packages of the system than this machine.
        assert [one for one in told["left_out"] if not one["what"].startswith("package ")] == []
        return path


@pytest.fixture(scope="module")
def bundles(harbour: Harbour, image: str, tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    """Bundles, once the wheels are there."""
    return Bundles(harbour, tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def elsewhere(harbour: Harbour, tmp_path: Path) -> Callable[[Path], Elsewhere]:
    """Give a function that takes a bundle in on another machine."""

    def take(bundle: Path) -> Elsewhere:
        there = Elsewhere.of(harbour, tmp_path / bundle.stem, bundle)
        done = there.run("replay", "unbundle", str(bundle))
        assert done.returncode == 0, done.stderr + done.stdout
        assert done.stdout.splitlines()[-1] == f"replay run --offline attempt:{there.attempt}"
        return there

    return take


@pytest.mark.parametrize(
    "dataset_type",
    ["calibrated", "catalog", "coadd"],
)
@pytest.mark.slow
def test_in_a_container(
    dataset_type: str, harbour: Harbour, bundles: Bundles, elsewhere: Callable[[Path], Elsewhere]
) -> None:
    found = elsewhere(bundles[dataset_type]).replay("docker", "--base", harbour.engine.base)
    assert found["verdict"] in _SAME
    layers = harbour.layers(found)
    assert (layers["configuration"], layers["inputs"], layers["python_dists"], layers["source"]) == ("exact",) * 4


@pytest.mark.slow
def test_in_a_virtual_environment(bundles: Bundles, elsewhere: Callable[[Path], Elsewhere]) -> None:
    found = elsewhere(bundles["catalog"]).replay("venv")
    assert found["verdict"] == "identical"
    assert {one["layer"]: one["fidelity"] for one in found["layers"]}["python_dists"] == "exact"


@pytest.mark.slow
def test_with_the_images_from_the_bundle(own_harbour: Harbour, own_image: str, away: Path) -> None:
    """The engine has neither the image nor its base any more, and the registry never had either."""
    engine = own_harbour.engine
    base = f"test/own-base:{own_image.rpartition(':')[2]}"
    recipe = f"FROM {engine.base}\nLABEL own={own_image}\n".encode()
    engine.docker("build", "--network", "none", "--tag", base, "-", given=recipe)
    path = own_harbour.observatory.world.root / "with-image.bundle"
    done = own_harbour.run("replay", "bundle", "@last", "-o", str(path), "--image", "--base", base)
    assert done.returncode == 0, done.stderr
    bundle = path.rename(away / "with-image.bundle")
    base_id = engine.image_id(base)
    built = [one for one in engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}", "envcap/*").splitlines()
             if base_id in engine.docker("image", "inspect", "--format", "{{json .Config.Labels}}", one)]  # fmt: skip
    assert len(built) == 1
    engine.docker("rmi", "--force", base, f"envcap/base:{base_id.partition(':')[2][:24]}", *built)
    there = Elsewhere.of(own_harbour, away / "there", bundle)
    assert there.run("replay", "unbundle", str(bundle)).returncode == 0
    found = there.replay("docker")
    assert found["verdict"] == "identical"
    assert "build" not in " ".join(found["seconds"])
    engine.docker("rmi", "--force", *built, base_id, check=False)


def _rewritten(
    bundle: Path, target: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None], key: Key
) -> Path:
    """Write a bundle anew with other contents, sealed again, so that only what is checked afterwards can refuse it."""
    reader = BundleReader(bundle)
    contents = json.loads(json.dumps(reader.contents))
    blobs = {one["digest"]: b"" for one in contents["entries"]}
    change(contents, blobs)
    with open(target, "wb") as stream:
        writer = BundleWriter(stream)
        for digest, data in blobs.items():
            writer.add(data or reader.blob(digest))
        writer.finish(contents, key.seal("bundle", digest_of(canonical_json(contents))))
    return target


def test_without_one_wheel(
    bundles: Bundles,
    elsewhere: Callable[[Path], Elsewhere],
    observatory: Observatory,
    tmp_path: Path,
    harbour: Harbour,
) -> None:
    def drop(contents: dict[str, Any], blobs: dict[str, bytes]) -> None:
        (wheel,) = (one for one in contents["entries"] if one["name"].startswith("numpy-"))
        del blobs[wheel["digest"]]

    key = Key.read(str(observatory.world.root / "key"))
    bundle = _rewritten(bundles["catalog"], tmp_path / "less.bundle", drop, key)
    there = Elsewhere.of(harbour, tmp_path / "less", bundle)
    done = there.run("replay", "unbundle", str(bundle))
    assert done.returncode == 1
    assert "missing from the bundle: numpy-" in done.stdout
    # A base on which nobody has built this environment yet.
    recipe = f"FROM {harbour.engine.base}\nLABEL own={tmp_path}\n".encode()
    harbour.engine.docker("build", "--network", "none", "--tag", "test/less:1", "-", given=recipe)
    for engine in ("docker", "venv"):
        command = ("replay", "run", f"attempt:{there.attempt}", "--offline", "--engine", engine)
        refused = there.run(*command, "--base", "test/less:1")
        assert refused.returncode == 3
        assert "python_dists is impossible: numpy " in refused.stderr
        assert "its wheel is not here" in refused.stderr
    harbour.engine.docker("rmi", "test/less:1")


@pytest.mark.slow
def test_a_wheel_that_was_changed_is_not_believed(
    bundles: Bundles, observatory: Observatory, tmp_path: Path, harbour: Harbour
) -> None:
    """Its RECORD is right, its digest in the bundle is right, the bundle is sealed: and one module is another."""
    import zipfile

    def change(contents: dict[str, Any], blobs: dict[str, bytes]) -> None:
        (wheel,) = (one for one in contents["entries"] if one["name"].startswith("click-"))
        reader = BundleReader(bundles["catalog"])
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(reader.blob(wheel["digest"]))) as given, zipfile.ZipFile(out, "w") as made:
            for info in given.infolist():
                data = given.read(info)
                made.writestr(info, data + b"\nimport os\n" if info.filename == "click/__init__.py" else data)
        del blobs[wheel["digest"]]
        wheel["digest"], wheel["size"] = digest_of(out.getvalue()), len(out.getvalue())
        blobs[wheel["digest"]] = out.getvalue()

    key = Key.read(str(observatory.world.root / "key"))
    bundle = _rewritten(bundles["catalog"], tmp_path / "changed.bundle", change, key)
    there = Elsewhere.of(harbour, tmp_path / "changed", bundle)
    done = there.run("replay", "unbundle", str(bundle))
    assert done.returncode == 1
    assert "click/__init__.py is not what its RECORD says" in done.stdout


def test_a_foreign_bundle_is_refused(bundles: Bundles, harbour: Harbour, tmp_path: Path) -> None:
    there = Elsewhere.of(harbour, tmp_path / "other", bundles["catalog"])
    (there.root / "key").unlink()
    done = there.run("replay", "unbundle", str(bundles["catalog"]))
    assert done.returncode == 3
    assert "--trust" in done.stderr
    assert sorted(path.name for path in there.root.iterdir()) == ["home"]


def _command_bundle(own_harbour: Harbour, own_image: str) -> Path:
    path = own_harbour.observatory.world.root / "command.bundle"
    done = own_harbour.run("replay", "bundle", "@last", "-o", str(path))
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.slow
def test_a_command(own_harbour: Harbour, own_image: str, away: Path) -> None:
    bundle = _command_bundle(own_harbour, own_image).rename(away / "command.bundle")
    there = Elsewhere.of(own_harbour, away / "there", bundle)
    assert there.run("replay", "unbundle", str(bundle)).returncode == 0
    found = there.replay("docker", "--base", own_harbour.engine.base)
    assert found["verdict"] == "identical"


@pytest.mark.slow
def test_bundling_twice_gives_the_same_bytes(own_harbour: Harbour, own_image: str) -> None:
    bundle = _command_bundle(own_harbour, own_image)
    first = digest_of(bundle.read_bytes())
    bundle.unlink()
    assert digest_of(_command_bundle(own_harbour, own_image).read_bytes()) == first


def _seal_of(bundle: Path) -> Mapping[str, str]:
    with tarfile.open(bundle) as archive:
        stream = archive.extractfile("index.json")
        assert stream is not None
        return dict(json.load(stream)["manifests"][0]["annotations"])


def test_it_is_an_oci_image_layout(bundles: Bundles) -> None:
    with tarfile.open(bundles["catalog"]) as archive:
        names = archive.getnames()
        layout = archive.extractfile("oci-layout")
        assert layout is not None
        assert json.load(layout) == {"imageLayoutVersion": "1.0.0"}
    assert names[-1] == "index.json"
    assert all(name in ("oci-layout", "index.json") or name.startswith("blobs/sha256/") for name in names)
    assert SEAL in _seal_of(bundles["catalog"])
