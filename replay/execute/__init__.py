# SPDX-License-Identifier: Apache-2.0
"""Executing a job in a rebuilt environment."""
