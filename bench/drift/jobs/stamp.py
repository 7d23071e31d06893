# SPDX-License-Identifier: Apache-2.0
"""Write how old an observation is, which depends on when one asks."""

import json
import sys
import time

with open(sys.argv[2], "w", encoding="utf-8") as stream:
    json.dump({"age": time.time() - 1_700_000_000.0}, stream)
