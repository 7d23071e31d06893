# SPDX-License-Identifier: Apache-2.0
"""Run a job again from its manifest, and say whether the result is the same."""
