# SPDX-License-Identifier: Apache-2.0
"""Where what came in bundles is on this machine, by the attempt that it belongs to."""

from __future__ import annotations

import json
from pathlib import Path

from envcap.memo import cache_dir

__all__ = ("FILES", "REPOSITORY", "bundle_folder", "bundled_base", "bundled_repository", "note_base", "standing")

REPOSITORY = "repository"
FILES = "files"
_BASE = "base.json"


def bundle_folder(attempt: str) -> Path:
    """Return the directory of one attempt's bundle."""
    return Path(cache_dir(), "bundles", attempt)


def bundled_repository(attempt: str) -> str | None:
    """Return the small repository that came with an attempt, `None` if none did."""
    path = bundle_folder(attempt) / REPOSITORY
    return str(path) if path.is_dir() else None


def standing(attempt: str, original: str) -> str:
    """Return where a command's file is now: where it came with a bundle, else where it was."""
    path = bundle_folder(attempt) / FILES / original.lstrip("/")
    return str(path) if path.is_file() else original


def bundled_base(attempt: str) -> str | None:
    """Return the id of the base image that came with an attempt, `None` if none did."""
    try:
        with open(bundle_folder(attempt) / _BASE, encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, str) else None


def note_base(folder: Path, image: str) -> None:
    """Note the id of the base image that came with a bundle."""
    (folder / _BASE).write_text(json.dumps(image), encoding="utf-8")
