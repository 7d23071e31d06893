# SPDX-License-Identifier: Apache-2.0
"""The formats of a report. What a format needs is imported only where it is asked for."""

from __future__ import annotations

import json

from .data import ReportData

__all__ = ("FORMATS", "report_text")

FORMATS = ("html", "json", "junit")


def report_text(data: ReportData, form: str) -> str:
    """Return a campaign's report in one of `FORMATS`."""
    if form == "html":
        from .html import html_document

        return html_document(data)
    if form == "junit":
        from .junit import junit_document

        return junit_document(data)
    from .json_document import json_document

    # A name may hold half a character, which no encoding can write, but JSON can.
    return json.dumps(json_document(data), indent=1, ensure_ascii=True, allow_nan=False) + "\n"
