# SPDX-License-Identifier: Apache-2.0
"""Calibrate counts with a package that depends on another, and with a module of the code's own."""

import json
import math
import sys

import driftgain
from flatfield import flatten

with open(sys.argv[1], encoding="utf-8") as stream:
    config = json.load(stream)
with open(sys.argv[3], encoding="utf-8") as stream:
    counts = json.load(stream)
fluxes = [flatten(driftgain.gained(count)) * config["scale"] for count in counts]
with open(sys.argv[2], "w", encoding="utf-8") as stream:
    json.dump({"fluxes": fluxes, "mean": math.cos(fluxes[0]) + sum(fluxes)}, stream)
