#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fills the storage of a docker-registry with images of random content, and prints their names.

usage: upstream.py FOLDER sizes      8 images, together 1 GiB in 40 blobs of 512 KiB to 85.5 MiB
       upstream.py FOLDER many       100 images of 200 layers each, described but not there
       upstream.py FOLDER small      60 images of 5 layers of 40 to 76 KB
       upstream.py FOLDER tags       300 images of 3 layers of 1 KiB: one of their own, two of 200 that they share
       upstream.py FOLDER serve      one image of a 1 GiB layer, and 10,000 small ones, tags of one repository
"""

import gzip
import hashlib
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bundles/demo"))
import images

KIB = 1024
SIZES = [512 * KIB, 2048 * KIB, 8192 * KIB, 32768 * KIB, 87552 * KIB]


# What each layer is unpacked, by its digest.
UNPACKED = {}


def layer(size, seed):
    """A layer that does not compress: a tar of one file of chance, in a gzip of level 0."""
    data = images.tar([images.Entry("chance", 0o644, os.urandom(size))])
    made = images.Blob(images.OCI["layer"], gzip.compress(data, 0, mtime=seed))
    UNPACKED[made.digest] = images.Blob("", data).digest
    return made


def described(size, seed):
    """The descriptor of a layer that no server has."""
    digest = hashlib.sha256(b"layer %d" % seed).hexdigest()
    return {"mediaType": images.OCI["layer"], "digest": "sha256:" + digest, "size": size}


def image(name, layers):
    """An image of Linux on amd64 over blobs or descriptors."""
    unpacked = [part["digest"] if isinstance(part, dict) else UNPACKED[part.digest] for part in layers]
    config = images.Blob(images.OCI["config"], json.dumps(
        {"architecture": "amd64", "os": "linux", "name": name, "rootfs": {"type": "layers", "diff_ids": unpacked}}).encode())
    listed = [part if isinstance(part, dict) else part.descriptor for part in layers]
    top = images.Blob(images.OCI["manifest"], json.dumps(
        {"schemaVersion": 2, "mediaType": images.OCI["manifest"], "config": config.descriptor, "layers": listed}).encode())
    return images.Image(name, top, [], [config, *(part for part in layers if not isinstance(part, dict))])


def made(kind):
    """The images of a kind, one after another."""
    if kind == "sizes":
        for number in range(8):
            yield image(f"sizes/image{number}:1", [layer(size, number) for size in SIZES])
    elif kind == "many":
        for number in range(100):
            parts = [described(1000 + part, number * 200 + part) for part in range(200)]
            yield image(f"many/image{number}:1", parts)
    elif kind == "small":
        for number in range(60):
            sizes = [(40 + (number * 5 + part) * 7 % 37) * 1000 for part in range(5)]
            yield image(f"small/image{number}:1", [layer(size, number * 5 + part) for part, size in enumerate(sizes)])
    elif kind == "tags":
        shared = [layer(KIB, number) for number in range(200)]
        for number in range(300):
            yield image(f"tags/image{number}:1", [layer(KIB, number), *(shared[(number * 2 + part) % 200] for part in (0, 1))])
    else:
        yield image("serve/large:1", [layer(KIB * KIB * KIB, 0)])
        small = layer(KIB, 1)
        for number in range(10_000):
            yield image(f"serve/small:{number}", [small])


def main(folder, kind):
    for one in made(kind):
        images.fill(folder, one)
        print(one.name)


main(*sys.argv[1:])
