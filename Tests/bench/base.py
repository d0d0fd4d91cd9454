#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fills the storage of a docker-registry with a sealer base of 1 GiB and images of 300 MB, and prints their names.

The base has four layers of 256 MiB in files of 4 MiB that gzip halves, as programs do; the images are three of
100 MB that do not compress, as layers that were compressed already.

usage: base.py FOLDER
"""

import json
import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bundles/demo"))
import base
import images

MIB = 1 << 20


def halved(chance, size):
    """Bytes of which gzip finds every second KiB again."""
    return b"".join(piece + piece for piece in (chance.randbytes(1024) for _ in range(size // 2048)))


def layers():
    chance = random.Random(1)
    for number in range(4):
        entries = [images.Entry(f"part{number}/file{index:02}", 0o644, halved(chance, 4 * MIB)) for index in range(64)]
        yield "COPY", f"part{number} .", images.files(entries)


def image(name, seed):
    layer = images.Blob(images.OCI["layer"], b"\x1f\x8b" + random.Random(seed).randbytes(100_000_000))
    config = images.Blob(images.OCI["config"], json.dumps(
        {"architecture": "amd64", "os": "linux", "name": name, "rootfs": {"type": "layers", "diff_ids": []}}).encode())
    return images.Image(name, images.manifest(images.OCI, config, [layer]), [], [config, layer])


def main(folder):
    made, blobs, _ = base.instance("amd64", list(layers()))
    everything = [images.listed_image("apply/base:1", images.DOCKER, {"amd64": (made, blobs)})]
    everything += [image(f"apply/image{number}:1", number) for number in range(3)]
    for one in everything:
        images.fill(folder, one)
        print(one.name)


main(*sys.argv[1:])
