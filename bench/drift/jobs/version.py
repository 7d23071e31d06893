# SPDX-License-Identifier: Apache-2.0
"""Write a product that names the Python that made it."""

import json
import platform
import sys

with open(sys.argv[2], "w", encoding="utf-8") as stream:
    json.dump({"python": platform.python_version(), "sum": sum(range(10))}, stream)
