# SPDX-License-Identifier: Apache-2.0
"""A small, real Rubin pipeline: a simulated camera, and three tasks from raw frames to a coadd."""

from __future__ import annotations

__all__: tuple[str, ...] = ()
