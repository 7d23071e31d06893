# SPDX-License-Identifier: Apache-2.0
"""The documents of the format: components, recipe, manifest, result, verdict (DESIGN section 4, docs/format.md)."""
