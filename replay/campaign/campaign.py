# SPDX-License-Identifier: Apache-2.0
"""A campaign on the disk: what it is to do, and what was judged so far."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

from envcap.errors import UsageError
from envcap.ids import uuid7

from .definition import Definition
from .entry import Entry
from .errors import CampaignError, UnknownCampaignError
from .ledger import LedgerReader
from .places import DEFINITION, campaign_folder, campaign_names

__all__ = ("Campaign",)

_FORMAT = "1"


class Campaign:
    """One campaign.

    Attributes
    ----------
    name : `str`
    folder : `str`
    definition : `Definition`

    Parameters
    ----------
    name, folder, definition
        As the attributes.
    """

    def __init__(self, name: str, folder: str, definition: Definition) -> None:
        self.name = name
        self.folder = folder
        self.definition = definition

    @property
    def planned(self) -> int:
        """How many quanta it is to judge."""
        return len(self.definition.quanta)

    @classmethod
    def create(cls, name: str, definition: Definition) -> Campaign:
        """Write a campaign's definition, once.

        Raises
        ------
        UsageError
            If there is one of that name, or none can be called so.
        CampaignError
            If it can't be written.
        """
        folder = campaign_folder(name)
        target = os.path.join(folder, DEFINITION)
        scratch = f"{target}.{uuid7()}.tmp"
        try:
            os.makedirs(folder, exist_ok=True)
            with open(scratch, "x", encoding="utf-8") as stream:
                json.dump({"format": _FORMAT, "name": name, **definition.to_json()}, stream, indent=0)
                stream.flush()
                os.fsync(stream.fileno())
            try:
                os.link(scratch, target)  # unlike a rename, it fails if there is one
            finally:
                os.unlink(scratch)
        except FileExistsError:
            raise UsageError(f"there is a campaign {name} already, in {folder}; choose another name") from None
        except OSError as err:
            raise CampaignError(
                f"{err.filename or folder}: {err.strerror}; ENVCAP_CAMPAIGNS names another place"
            ) from err
        return cls(name, folder, definition)

    @classmethod
    def open(cls, name: str) -> Campaign:
        """Return a campaign by its name.

        Raises
        ------
        UnknownCampaignError
            If there is none.
        CampaignError
            If it can't be read.
        """
        folder = campaign_folder(name)
        if not os.path.exists(os.path.join(folder, DEFINITION)):
            known = ", ".join(campaign_names()[:8])
            raise UnknownCampaignError(f"no campaign {name}; there is {known or 'none'} in {os.path.dirname(folder)}")
        return cls.at(folder)

    @classmethod
    def at(cls, folder: str) -> Campaign:
        """Return the campaign in a folder.

        Raises
        ------
        CampaignError
            If it can't be read.
        """
        path = os.path.join(folder, DEFINITION)
        try:
            with open(path, encoding="utf-8") as stream:
                document = json.load(stream)
            if document["format"] != _FORMAT:
                raise CampaignError(f"{path}: format {document['format']!r}, but this software reads {_FORMAT!r}")
            return cls(str(document["name"]), folder, Definition.from_json(document))
        except OSError as err:
            raise CampaignError(f"{path}: {err.strerror or err}") from err
        except (ValueError, KeyError, TypeError, RecursionError) as err:
            raise CampaignError(f"{path}: not what 'replay campaign create' writes ({err})") from err

    def entries(self) -> list[Entry]:
        """Return what was judged so far, one entry a quantum.

        Raises
        ------
        CampaignError
            If it can't be read.
        """
        return list(self.each())

    def each(self) -> Iterator[Entry]:
        """Yield what was judged so far, as `entries`: of many, not all fit into memory."""
        left = {one.attempt for one in self.definition.quanta}
        for entry in LedgerReader(self.folder).new():
            if entry.attempt in left:
                left.remove(entry.attempt)
                yield entry
