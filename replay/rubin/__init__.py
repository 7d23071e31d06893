# SPDX-License-Identifier: Apache-2.0
"""Rubin's middleware: with `envcap.hooks.pipetask`, the only place that touches its internals."""
