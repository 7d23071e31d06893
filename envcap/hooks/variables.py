# SPDX-License-Identifier: Apache-2.0
"""The environment variables in which `envcap run` hands something to the processes of its payload.

Apart, since every Python under `envcap run` loads this.
"""

from __future__ import annotations

__all__ = ("CONFIRM_VARIABLE", "CONTEXT_VARIABLE", "TO_COME")

CONTEXT_VARIABLE = "ENVCAP_CONTEXT"
"""Holds the context, as JSON (`envcap.hooks.context`). It switches the hooks on (``envcap.pth``)."""
TO_COME = "to come"
"""What it holds where the job is not recorded yet: the context will be the first line of the file in memory.

There may be the name of a module behind it: until that is imported, its program runs nothing but imports.
"""
CONFIRM_VARIABLE = "ENVCAP_CONFIRM"
"""Names the file in memory that a child says things in, the pipe with the token that wakes its reader, and the reader.

The files by number, device and inode, with colons between, the process by its pid; between the three are spaces.
"""
