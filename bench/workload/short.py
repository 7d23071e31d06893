# SPDX-License-Identifier: Apache-2.0
"""The short job: a chain of SHA-256 digests with the standard library alone, in about 50 ms.

``python short.py CONFIG OUTPUT_FOLDER``
"""

from __future__ import annotations

import hashlib
import json
import os
import sys

__all__ = ("main",)


def main(config_file: str, folder: str) -> None:
    """Do the job."""
    with open(config_file, encoding="utf-8") as stream:
        config = json.load(stream)
    os.makedirs(folder, exist_ok=True)
    chain = hashlib.sha256(str(config["seed"]).encode())
    for _ in range(config["chain_length"]):
        chain.update(chain.digest())
    with open(os.path.join(folder, "short.json"), "w", encoding="utf-8") as stream:
        json.dump({"seed": config["seed"], "digest": chain.hexdigest()}, stream)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
