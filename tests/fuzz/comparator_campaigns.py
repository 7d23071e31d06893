# SPDX-License-Identifier: Apache-2.0
"""Hostile files of every type that is compared: each is refused, or measured, and a file never differs from itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from replay.comparators import apart
from replay.comparators.files import FileComparison, compare_files
from replay.comparators.matching import Key
from replay.comparators.policy import Policy
from replay.comparators.registry import FILE_TYPES
from replay.comparators.rules import RowKey, Tolerance
from replay.difference_tree import difference_trees
from tests.fuzz.campaign import Campaign, feed
from tests.fuzz.corpus import Corpus
from tests.fuzz.guard import MEMORY, SECONDS, Guard
from tests.fuzz.mutate import Mutator

__all__ = ("COMPARATOR_CAMPAIGNS",)

_POLICY = Policy(
    tolerances=(Tolerance("* / column *", "1e-3", None, 4, "x"),),
    keys=(RowKey(Key("*", ("id",)), "x"),),
)


# What writes the files is imported there: the other campaigns have no use for it.
def _columns() -> dict[str, Any]:
    import numpy as np

    return {
        "id": np.arange(5),
        "flux": np.array([1.0, np.nan, -0.0, np.inf, 5.0]),
        "band": np.array(["g", "r", "i", "z", "y"]),
    }


def _fits(path: Path) -> None:
    import numpy as np
    from astropy.io import fits
    from astropy.table import Table

    image = fits.ImageHDU(np.arange(16, dtype="u1").reshape(4, 4), name="MASK")
    image.header["MP_BAD"] = 0
    packed = fits.CompImageHDU(np.arange(64, dtype="f4").reshape(8, 8), name="I", quantize_method=1, dither_seed=1)
    table = fits.BinTableHDU(Table(_columns()), name="CAT")
    fits.HDUList([fits.PrimaryHDU(), image, packed, table]).writeto(path)


def _ecsv(path: Path) -> None:
    import numpy as np
    from astropy.table import Table

    Table({**_columns(), "shape": np.zeros((5, 2, 2))}, meta={"origin": {"a": [1, None]}}).write(path)


def _arrow(path: Path) -> None:
    import pyarrow as pa

    table = pa.table({**_columns(), "nested": [[1.0], [], None, [2.0, 3.0], [4.0]]})
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)


def _hdf5(path: Path) -> None:
    import h5py
    import numpy as np

    with h5py.File(path, "w") as file:
        file["group/flux"] = _columns()["flux"]
        file["texts"] = ["a", "bb"]
        rows = np.zeros(3, [("id", "i8"), ("name", h5py.string_dtype())])
        rows["id"], rows["name"] = [1, 2, 3], ["x", "y", "z"]
        file["cat"] = rows
        file.create_dataset("packed", data=np.arange(100), chunks=(10,), compression="gzip")
        file["soft"], file["elsewhere"] = h5py.SoftLink("/group"), h5py.ExternalLink("/etc/passwd", "/x")
        file.attrs["units"] = "nJy"


def _parquet(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(_columns()), path)


def _npy(path: Path) -> None:
    import numpy as np

    np.save(path, _columns()["flux"])


def _npz(path: Path) -> None:
    import numpy as np

    np.savez_compressed(path, **_columns())


_WRITERS: dict[str, Callable[[Path], Any]] = {
    "fits": _fits,
    "parquet": _parquet,
    "arrow": _arrow,
    "ecsv": _ecsv,
    "npy": _npy,
    "npz": _npz,
    "json": lambda path: path.write_text(json.dumps({"a": [1, 1.5, {"b": None}], "c": "text"})),
    "yaml": lambda path: path.write_text("a: [1, 1.5, &x {b: null}]\nc: !tag {d: *x}\n"),
}


class Files(Campaign):
    """`compare_files`, in this process."""

    name = "comparators"
    cases = 250
    memory = 4 * MEMORY  # pyarrow's pools and threads map a lot that they never touch

    def __init__(self, corpus: Corpus, guard: Guard, scratch: Path) -> None:
        super().__init__(corpus, guard, scratch)
        self._originals = self._write(_WRITERS)
        self.pool = [path.read_bytes() for path in self._originals]

    def _write(self, writers: dict[str, Callable[[Path], Any]]) -> list[Path]:
        paths = []
        for suffix, write in writers.items():
            paths.append(self.scratch / f"original.{suffix}")
            write(paths[-1])
        return paths

    def good(self) -> tuple[Path, ...]:
        """Return every file beside one of the same values."""
        return tuple(self._originals)

    def make(self, mutator: Mutator) -> tuple[Path, ...]:
        """Return a file of which something else was made."""
        original = mutator.rng.choice(self._originals)
        given = self.scratch / f"given{original.suffix}"
        given.write_bytes(mutator.data(original.read_bytes()))
        return (given,)

    def read(self, given: tuple[Path, ...]) -> None:
        """Compare with the original, both ways, and with a copy of its own."""
        for path in given:
            original = next(one for one in self._originals if one.suffix == path.suffix)
            for pair in ((original, path), (path, original)):
                found = feed(compare_files, *pair, _POLICY)
                if found is not None:
                    _show(found)
            self._against_itself(path)

    def _against_itself(self, path: Path) -> None:
        matching = _POLICY.matching
        kind = next(one for one in FILE_TYPES if path.name.endswith(one.suffixes))
        found = feed(kind.load(matching).compare, path, path)
        assert not found, found


class Hdf5Files(Files):
    """`compare_files` of HDF5 files, whose library crashes: it may do so in a process of its own only."""

    name = "comparators: hdf5"
    cases = 12

    def __init__(self, corpus: Corpus, guard: Guard, scratch: Path) -> None:
        super().__init__(corpus, guard, scratch)
        self._originals = self._write({"h5": _hdf5})
        self.pool = [path.read_bytes() for path in self._originals]
        guard.may_run = lambda words: words[0] == sys.executable
        apart._SECONDS = SECONDS // 2  # what hangs is ended before the guard ends all

    def read(self, given: tuple[Path, ...]) -> None:
        """Compare with the original."""
        for path in given:
            found = feed(compare_files, self._originals[0], path, _POLICY)
            if found is not None:
                _show(found)


def _show(found: FileComparison) -> None:
    """Show what was found in every way there is."""
    assert all(str(leaf).isprintable() for leaf in found.leaves())
    json.dumps(found.to_json(), ensure_ascii=False).encode("utf-8")
    found._repr_html_()
    difference_trees(found)


COMPARATOR_CAMPAIGNS: tuple[type[Campaign], ...] = (Files, Hdf5Files)
