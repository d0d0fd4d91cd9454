#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the real spec with the two pinned layer ids of the published base replaced by the demo base's.

usage: spec.py SPEC UPSTREAM.json

Nothing else is changed, so that the demo proves the spec that people use. The pins cannot stay: the
demo's base is another image of the same shape.
"""

import json
import sys
from pathlib import Path

ROOTFS = "c1aa4aff818df1dd51bd4d28decda5fe695bea8a9ae6f63a8dd5541c7640b3d6"
NETWORK = "991491d3025bd1086754230eee1a04b328b3d737424f1e12f708d651e6d66860"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    text = Path(sys.argv[1]).read_text()
    ids = json.loads(Path(sys.argv[2]).read_text())["layers"]
    # The published pins are those of linux/amd64.
    rootfs, network = (ids.get("amd64") or next(iter(ids.values())))[:2]
    text = text.replace(ROOTFS, rootfs.removeprefix("sha256:")).replace(NETWORK, network.removeprefix("sha256:"))
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
