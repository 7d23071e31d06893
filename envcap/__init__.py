# SPDX-License-Identifier: Apache-2.0
"""Record what a batch job ran, as a content-addressed manifest.

Importing this package is free: it is imported inside users' jobs, so nothing is loaded until it is used.
"""

from __future__ import annotations

__all__ = ("__version__",)

__version__ = "0.1.0"
