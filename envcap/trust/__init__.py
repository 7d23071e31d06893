# SPDX-License-Identifier: Apache-2.0
"""Whose manifests are believed: the user's own key, the signers that the user named, and what both have signed."""
