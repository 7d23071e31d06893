# SPDX-License-Identifier: Apache-2.0
"""What a replay made."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("RemadeOutput",)


@dataclass(frozen=True)
class RemadeOutput:
    """An output that the replay made.

    Attributes
    ----------
    original : `str`
        The output that it stands for: the UUID of a dataset, else the URI of a file.
    dataset : `str`
        Its own UUID, or URI.
    dataset_type, uri : `str`
    path : `str` or `None`
        If it is a local file.
    original_path : `str` or `None`
        Where the dataset that it stands for is now.
    """

    original: str
    dataset: str
    dataset_type: str
    uri: str
    path: str | None
    original_path: str | None
