# SPDX-License-Identifier: Apache-2.0
"""How likely a difference is the cause: one file for each kind of evidence, all in the registry."""
