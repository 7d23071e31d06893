# SPDX-License-Identifier: Apache-2.0
"""The exception tree: stable names and exit codes, which programs and scripts rely on."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import envcap
from envcap import errors
from envcap.errors import EnvcapError


def _tree(cls: type[EnvcapError]) -> list[type[EnvcapError]]:
    return [cls, *(found for sub in cls.__subclasses__() for found in _tree(sub))]


@pytest.mark.parametrize(
    ("cls", "exit_code"),
    [
        (errors.UnknownSelectorError, 1),
        (errors.UsageError, 2),
        (errors.AmbiguousSelectorError, 2),
        (errors.StoreError, 3),
        (errors.CorruptError, 3),
        (errors.FormatError, 3),
        (errors.NotCapturedError, 3),
    ],
)
def test_exit_codes_are_those_of_the_contract(cls: type[EnvcapError], exit_code: int) -> None:
    assert cls.exit_code == exit_code
    assert cls("why").exit_code == exit_code


def test_every_error_has_a_name_of_its_own() -> None:
    for module in pkgutil.walk_packages(envcap.__path__, "envcap."):
        if not module.name.endswith((".pipetask", ".startup")):
            importlib.import_module(module.name)
    classes = [cls for cls in set(_tree(EnvcapError)) if cls.__module__.startswith("envcap.")]
    names = [cls.error_type for cls in classes]
    assert len(classes) >= 11
    assert len(set(names)) == len(names)
    assert {cls.exit_code for cls in classes} <= {1, 2, 3}
