# SPDX-License-Identifier: Apache-2.0
"""Write a list of stars, whose order and whose header depend on what the process is told by its environment."""

import locale
import os
import sys
import time

locale.setlocale(locale.LC_ALL, "")
kinds = {"star", "galaxy", "quasar", "nebula", "supernova", "asteroid"}
with open(sys.argv[2], "w", encoding="utf-8") as stream:
    stream.write(f"# mode: {os.environ.get('STARS_MODE', 'plain')}\n")
    stream.write(f"# epoch: {time.strftime('%Y-%m-%d %H:%M', time.localtime(0))}\n")
    stream.write(f"# codes: {locale.nl_langinfo(locale.CODESET)}\n")
    stream.writelines(f"{kind}\n" for kind in kinds)
