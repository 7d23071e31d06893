# SPDX-License-Identifier: Apache-2.0
"""Where a quantum can be found that no store has: one file a source, tried in the order of `registry`."""
