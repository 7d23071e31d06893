# SPDX-License-Identifier: Apache-2.0
"""Engines: each rebuilds the environment of a job."""
