#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fills the storage of a docker-registry with a sealer base of 1 GiB and images of 300 MB, and prints their names.

The base has four layers of 256 MiB in files of 4 MiB that gzip halves, as programs do; the images are three of 100 MB that
do not compress. With `many`, the base is one layer of 100,000 small files. With `tarball`, FOLDER is a file instead: a tar of
300 MB of programs below one folder, as docker's own.

usage: base.py FOLDER [many|tarball]
"""

import gzip
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
    """An image of one layer of 100 MB of chance, which gzip only wraps."""
    data = images.tar([images.Entry("chance", 0o644, random.Random(seed).randbytes(100_000_000))])
    layer = images.Blob(images.OCI["layer"], gzip.compress(data, 1, mtime=0))
    config = images.Blob(images.OCI["config"], json.dumps(
        {"architecture": "amd64", "os": "linux", "name": name,
         "rootfs": {"type": "layers", "diff_ids": [images.Blob("", data).digest]}}).encode())
    return images.Image(name, images.manifest(images.OCI, config, [layer]), [], [config, layer])


def many():
    """One layer of 100,000 files of some hundred bytes, a thousand to a folder."""
    entries = [images.Entry(f"files/{number // 1000:03}/{number:06}", 0o644, b"%d\n" % number * 20) for number in range(100_000)]
    yield "COPY", "files .", images.files(entries)


def tarball(path):
    chance = random.Random(7)
    entries = [images.Entry(f"docker/program{number}", 0o755, halved(chance, 50 * MIB)) for number in range(6)]
    Path(path).write_bytes(images.tar(images.files(entries)))


def main(folder, kind=""):
    if kind == "tarball":
        return tarball(folder)
    made, blobs, _ = base.instance("amd64", list(many() if kind == "many" else layers()))
    name = "apply/many:1" if kind == "many" else "apply/base:1"
    everything = [images.listed_image(name, images.DOCKER, {"amd64": (made, blobs)})]
    if not kind:
        everything += [image(f"apply/image{number}:1", number) for number in range(3)]
    for one in everything:
        images.fill(folder, one)
        print(one.name)


main(*sys.argv[1:])
