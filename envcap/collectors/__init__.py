# SPDX-License-Identifier: Apache-2.0
"""Collectors: each reads one kind of state, and ends in an outcome. One file a kind."""
