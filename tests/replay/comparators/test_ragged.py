# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from replay.comparators.difference import Kind
from replay.comparators.ragged import label_items, measure_lengths


def row(i: int) -> str:
    return f"row {i}"


def test_lengths_name_the_first_cell() -> None:
    (found,) = measure_lengths("column v", np.array([1, 2, 3]), np.array([1, 5, 4]), row)
    assert found.kind is Kind.SHAPE
    assert found.detail == "2 of 3 cells have another length, first at row 1: 2 → 5 items"
    assert measure_lengths("column v", np.array([1, 2]), np.array([1, 2]), row) == ()


def test_items_are_named_by_cell_even_after_empty_cells() -> None:
    name = label_items(np.array([0, 2, 0, 3]), row)
    assert [name(i) for i in range(5)] == [
        "row 1 item 0",
        "row 1 item 1",
        "row 3 item 0",
        "row 3 item 1",
        "row 3 item 2",
    ]
