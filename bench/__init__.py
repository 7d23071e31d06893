# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: paired ratios, never timed tests. `make bench-NAME` runs one and writes ``bench/results/NAME.json``."""
