# SPDX-License-Identifier: Apache-2.0
"""Write what a file of the system, which nobody declared, says."""

import json
import sys

with open("/etc/survey", encoding="utf-8") as stream:
    survey = stream.read().strip()
with open(sys.argv[2], "w", encoding="utf-8") as stream:
    json.dump({"survey": survey}, stream)
