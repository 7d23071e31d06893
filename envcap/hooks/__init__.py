# SPDX-License-Identifier: Apache-2.0
"""Hooks: each sees the jobs of one activator start and end."""
