# SPDX-License-Identifier: Apache-2.0
"""Validation of a whole release: choose quanta, re-run them on many workers, report, gate."""
