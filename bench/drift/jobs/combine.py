# SPDX-License-Identifier: Apache-2.0
"""Add up exposures in single precision, in the order in which they are named."""

import sys

import numpy as np

total = np.zeros(4, dtype=np.float32)
for path in sys.argv[3:]:
    total += np.loadtxt(path, dtype=np.float32)
np.save(sys.argv[2], total)
