# SPDX-License-Identifier: Apache-2.0
"""What the middleware wrote into a file about itself is read from every form in which files have it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.table import Table
from pyarrow import parquet

from envcap.errors import UsageError
from replay.rubin.cards import provenance_cards
from replay.rubin.dataset import uuid_in_file

_UUID = "0192f1c2-5a1e-7c8d-9e0f-112233445566"
_CARDS = {"ID": _UUID, "RUN": "u/me/first", "N_INPUTS": "1", "INPUT 0 ID": _UUID.replace("0", "1")}


def _fits(path: Path) -> None:
    hdu = fits.PrimaryHDU(np.zeros(4))
    hdu.header["OBJECT"] = "LSST BUTLER ID"
    for name, value in _CARDS.items():
        hdu.header[f"HIERARCH LSST BUTLER {name}"] = int(value) if name == "N_INPUTS" else value
    hdu.writeto(path)


def _astropy(path: Path) -> None:
    table = Table({"x": [1.0]}, meta={f"LSST.BUTLER.{name.replace(' ', '.')}": v for name, v in _CARDS.items()})
    table["x"].description = "not {LSST.BUTLER.ID: 00000000-0000-7000-8000-000000000000}"
    table.write(path, format="parquet")


def _schema(path: Path) -> None:
    metadata = {f"LSST.BUTLER.{name.replace(' ', '.')}": f'"{value}"' for name, value in _CARDS.items()}
    parquet.write_table(pa.table({"x": [1.0]}).replace_schema_metadata(metadata), path)


@pytest.mark.parametrize("write", [_fits, _astropy, _schema])
def test_every_form(tmp_path: Path, write: object) -> None:
    path = tmp_path / "whatever its name"
    assert callable(write)
    write(path)
    assert provenance_cards(str(path)) == _CARDS
    assert uuid_in_file(str(path)) == _UUID


def test_files_that_carry_nothing(tmp_path: Path) -> None:
    image, table, text = (str(tmp_path / name) for name in ("a.fits", "a.parq", "a.json"))
    fits.PrimaryHDU(np.zeros(4)).writeto(image)
    parquet.write_table(pa.table({"x": [1.0]}), table)
    Path(text).write_text('{"LSST BUTLER ID": 1}')
    assert provenance_cards(image) == provenance_cards(table) == {}
    assert provenance_cards(text) is None
    for path, told in ((image, "carries no Butler UUID"), (table, "carries no Butler UUID"), (text, "neither FITS")):
        with pytest.raises(UsageError, match=told):
            uuid_in_file(path)


def test_a_file_that_is_cut_short(tmp_path: Path) -> None:
    for write, name in ((_schema, "a.parq"), (_astropy, "b.parq")):
        path = tmp_path / name
        write(path)
        path.write_bytes(path.read_bytes()[:-40])
        with pytest.raises(ValueError, match="Parquet"):
            provenance_cards(str(path))
        with pytest.raises(UsageError, match=name):
            uuid_in_file(str(path))
