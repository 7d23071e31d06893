# SPDX-License-Identifier: Apache-2.0
"""Conda prefixes from their locked packages, without a solve and without conda."""
