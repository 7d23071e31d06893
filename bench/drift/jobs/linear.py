# SPDX-License-Identifier: Apache-2.0
"""Solve for zero points: matrices, eigenvalues and elementary functions, whose last digits depend on the numerics."""

import json
import math
import sys

import numpy as np

with open(sys.argv[1], encoding="utf-8") as stream:
    config = json.load(stream)
random = np.random.default_rng(config["seed"])
design = random.normal(size=(700, 400))
normal = design.T @ design
values = np.linalg.eigvalsh(normal)
transmission = np.exp(design[:200]) * np.power(np.abs(design[:200]) + 1.0, 0.37)
phases = [math.sin(math.exp(number)) for number in design.ravel()[:20000]]
np.save(sys.argv[2], np.concatenate([normal.ravel(), values, transmission.ravel(), phases]))
