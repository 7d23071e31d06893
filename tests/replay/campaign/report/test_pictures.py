# SPDX-License-Identifier: Apache-2.0
"""Pictures show what the arrays hold."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from replay.campaign.report.pictures import as_difference, as_image, colour_bar, scale_of


def pixels(uri: str) -> npt.NDArray[np.uint8]:
    """Return a picture's pixels, the first row at the bottom."""
    head, _, data = uri.partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image.convert("RGB"))[::-1]


def test_a_difference_is_red_blue_or_white() -> None:
    found = pixels(as_difference(np.array([[-2.0, 0.0], [2.0, np.nan]])))
    assert found.shape == (2, 2, 3)
    blue, white, red, lost = found.reshape(-1, 3).astype(int)
    assert blue[2] > blue[0] + 50
    assert red[0] > red[2] + 50
    assert white.min() > 240
    assert lost[0] > 200
    assert lost[2] > 200
    assert lost[1] < 80


def test_the_scale_is_symmetrical() -> None:
    found = pixels(as_difference(np.array([[-1.0, 0.0, 4.0]])))[0].astype(int)
    mirrored = pixels(as_difference(np.array([[1.0, 0.0, -4.0]])))[0].astype(int)
    assert found[1].tolist() == mirrored[1].tolist()
    assert found[0].min() > 180  # a quarter of the way to blue is pale
    bar = pixels(colour_bar())
    assert bar.shape[0] == 1
    assert bar[0, 0].tolist() == mirrored[2].tolist()
    assert bar[0, -1].tolist() == found[2].tolist()


def test_one_outlier_does_not_make_all_others_white() -> None:
    many = np.full((40, 40), 1.0)
    many[3, 3] = 1e9
    assert scale_of(many) == (1.0, True)
    assert pixels(as_difference(many))[0, 0].min() < 100
    assert scale_of(np.array([[1.0, -3.0, np.nan, np.inf]])) == (3.0, False)
    assert scale_of(np.full((2, 2), np.nan)) == (0.0, False)


def test_original_and_rerun_are_stretched_alike() -> None:
    image = np.linspace(0, 100, 400).reshape(20, 20)
    assert pixels(as_image(image, image)).tolist() != pixels(as_image(image + 30, image)).tolist()
    assert pixels(as_image(image, image))[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "image",
    [np.zeros((3, 3)), np.full((3, 3), np.nan), np.full((3, 3), np.inf), np.array([[1.0]]), np.array([[1e308, -1e308]]),
     np.array([[1, 255]], dtype=np.uint8), np.array([[2**63 - 1, -(2**63)]])],
)  # fmt: skip
def test_any_image_can_be_drawn(image: npt.NDArray[Any]) -> None:
    assert pixels(as_image(image, image)).shape == (*image.shape, 3)
    assert pixels(as_difference(image.astype(np.float64))).shape == (*image.shape, 3)
