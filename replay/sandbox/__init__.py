# SPDX-License-Identifier: Apache-2.0
"""Sandboxes: what a replayed payload may see, write and use up, and how it ended."""
