# SPDX-License-Identifier: Apache-2.0
"""How the butler reads and writes images as FITS."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from astropy.io import fits
from lsst.daf.butler import DatasetProvenance, FormatterV2
from lsst.resources import ResourcePath

from .image import MaskPlane, MetadataValue, StarImage

__all__ = ("RawFormatter", "StarImageFormatter")

_STANDARD_KEYWORD_LENGTH = 8
_MAX_INPUTS = 3000
"""Above this number Rubin's formatters record how many inputs there were, but not which."""


class RawFormatter(FormatterV2):
    """Reads a raw frame: one HDU of unsigned 16-bit counts.

    The butler never writes raw frames, it ingests them, so there is no way back.
    """

    default_extension = ".fits"
    can_read_from_local_file = True

    def read_from_local_file(self, path: str, component: str | None = None, expected_size: int = -1) -> StarImage:
        """Read a raw frame, whose mask and variance are zero until it is calibrated."""
        with fits.open(path) as hdus:
            counts = hdus[0].data.astype(np.float32)
            metadata = _metadata_from_header(hdus[0].header)
        return StarImage(counts, np.zeros(counts.shape, np.uint8), np.zeros_like(counts), metadata)


class StarImageFormatter(FormatterV2):
    """Reads and writes a `StarImage`: metadata in the primary header, then IMAGE, MASK and VARIANCE HDUs.

    The primary header also records when the file was written (``DATE``) and the butler's provenance
    (``LSST BUTLER ...``). Both belong to the file and not to the image, so reading leaves them out.
    """

    default_extension = ".fits"
    can_read_from_local_file = True

    def read_from_local_file(self, path: str, component: str | None = None, expected_size: int = -1) -> StarImage:
        """Read an image."""
        with fits.open(path, memmap=False) as hdus:
            return StarImage(
                image=_native(hdus["IMAGE"].data),
                mask=_native(hdus["MASK"].data),
                variance=_native(hdus["VARIANCE"].data),
                metadata=_metadata_from_header(hdus[0].header),
            )

    def add_provenance(self, in_memory_dataset: Any, /, *, provenance: DatasetProvenance | None = None) -> StarImage:
        """Return a copy of the image whose metadata carries the butler's provenance."""
        image: StarImage = in_memory_dataset
        cards: dict[str, Any] = (provenance or DatasetProvenance()).to_flat_dict(
            self.dataset_ref,
            prefix="LSST BUTLER",
            sep=" ",
            simple_types=True,
            use_upper=True,
            max_inputs=_MAX_INPUTS,
        )
        return replace(image, metadata={**image.metadata, **cards})

    def write_local_file(self, in_memory_dataset: Any, uri: ResourcePath) -> None:
        """Write an image."""
        image: StarImage = in_memory_dataset
        primary = fits.PrimaryHDU()
        primary.header["DATE"] = (_now(), "UTC when this file was written")
        for keyword, value in image.metadata.items():
            # Without HIERARCH astropy warns about every keyword longer than the standard allows.
            prefix = "HIERARCH " if len(keyword) > _STANDARD_KEYWORD_LENGTH else ""
            primary.header[prefix + keyword] = value
        mask = fits.ImageHDU(image.mask, name="MASK")
        for plane in MaskPlane:
            mask.header[f"HIERARCH MP_{plane.name}"] = plane.bit_length() - 1
        hdus = [
            primary,
            fits.ImageHDU(image.image, name="IMAGE"),
            mask,
            fits.ImageHDU(image.variance, name="VARIANCE"),
        ]
        fits.HDUList(hdus).writeto(uri.ospath)


def _metadata_from_header(header: fits.Header) -> dict[str, MetadataValue]:
    """Return what describes the image, without the cards that describe the file."""
    metadata = dict(header.copy(strip=True))
    metadata.pop("DATE", None)
    DatasetProvenance.strip_provenance_from_flat_dict(metadata)
    return metadata


def _native(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return pixels in this machine's byte order; FITS is big-endian."""
    return pixels.astype(pixels.dtype.newbyteorder("="))


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
