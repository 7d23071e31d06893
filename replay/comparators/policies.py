# SPDX-License-Identifier: Apache-2.0
"""The policies of several dataset types, of which each output is judged by its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from envcap.digest import canonical_json, digest_of

from .policy import DEFAULT, Policy
from .policy_file import PolicyError

__all__ = ("EXACT", "Policies")


@dataclass(frozen=True)
class Policies:
    """Policies, each with where it comes from; what none is for is judged by the default, which is exact."""

    files: tuple[tuple[str, Policy], ...] = ()
    default: Policy = DEFAULT

    @classmethod
    def of(cls, given: Policies | Policy | str | Path) -> Policies:
        """Return policies from whatever stands for them: themselves, one policy, a file, a directory of files.

        Raises
        ------
        PolicyError
            Raised if a file is no policy, or a directory has none.
        """
        if isinstance(given, Policies):
            return given
        if isinstance(given, Policy):
            return cls((("the policy", given),))
        path = Path(given)
        if not path.is_dir():
            return cls(((str(path), Policy.from_toml(path)),))
        files = sorted(path.glob("*.toml"))
        if not files:
            raise PolicyError(f"{path}: no policies are here; their names end in .toml")
        return cls(tuple((str(file), Policy.from_toml(file)) for file in files))

    def for_dataset(self, dataset_type: str) -> Policy:
        """Return the policy of a dataset type: the one that names it, else the one that is for all, else the default.

        Raises
        ------
        PolicyError
            Raised if two of them are.
        """
        naming = [one for one in self.files if one[1].names(dataset_type)]
        for_all = [one for one in self.files if not one[1].dataset_types]
        return self._only(naming or for_all, f"both are policies for {dataset_type!r}")

    def for_files(self) -> Policy:
        """Return the policy of files of which nobody says what they are: the only one, else the one that is for all.

        Raises
        ------
        PolicyError
            Raised if there are several, all of them for certain dataset types.
        """
        for_all = [one for one in self.files if not one[1].dataset_types]
        if len(self.files) > 1 and not for_all:
            told = "are for certain dataset types each, which a file doesn't tell; name one of them"
            raise PolicyError(f"{', '.join(path for path, _ in self.files[:3])} {told}")
        return self._only(self.files if len(self.files) == 1 else for_all, "both are policies for any dataset")

    def to_document(self) -> dict[str, Any]:
        """Return them as a canonical JSON-able document; where they come from is no part of what they say."""
        return {"policies": [policy.to_document() for _, policy in self.files], "default": self.default.to_document()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Policies:
        """Read back what `to_document` returned."""
        found = [Policy.from_document(one) for one in document["policies"]]
        files = tuple((f"policy {number}", policy) for number, policy in enumerate(found, 1))
        return cls(files, Policy.from_document(document["default"]))

    @property
    def digest(self) -> str:
        """Name of them all: ``sha256:`` over their canonical document."""
        return digest_of(canonical_json(self.to_document()))

    def for_new_run(self) -> Policies:
        """Return these policies for a re-run into a new RUN; see `Policy.for_new_run`."""
        return self._each(Policy.for_new_run)

    def for_unknown_seed(self) -> Policies:
        """Return these policies for a job whose PYTHONHASHSEED isn't known; see `Policy.for_unknown_seed`."""
        return self._each(Policy.for_unknown_seed)

    def _only(self, found: Iterable[tuple[str, Policy]], complaint: str) -> Policy:
        files = list(found)
        if len(files) > 1:
            raise PolicyError(f"{files[0][0]} and {files[1][0]}: {complaint}; leave one")
        return files[0][1] if files else self.default

    def _each(self, change: Callable[[Policy], Policy]) -> Policies:
        return replace(
            self, files=tuple((path, change(policy)) for path, policy in self.files), default=change(self.default)
        )


EXACT = Policies()
"""The default for everything."""
