# SPDX-License-Identifier: Apache-2.0
"""Bundles: one file that holds a job and all that its replay needs, for a machine without a registry and a network."""
