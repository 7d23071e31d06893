# SPDX-License-Identifier: Apache-2.0
"""Simulate a sky, with a generator that nobody seeded."""

import sys

import numpy as np

random = np.random.default_rng()
np.save(sys.argv[2], random.normal(size=100))
