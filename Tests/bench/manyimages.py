#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a bundle of many small images as Format.md describes it, without sealift.

usage: manyimages.py BUNDLE [IMAGES] [MIB]     IMAGES (10,000) images of one small layer that they share, tags of one
                                               repository, and one image with a layer of MIB (64) MiB
"""

import hashlib
import json
import os
import sys

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
BUNDLE = "application/vnd.sealift.bundle"
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
PLATFORM = "linux/amd64"


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def header(name, size):
    """A ustar header as the format wants it."""
    fields = bytearray(512)
    for place, text in [(0, name.encode()), (100, b"0000644\0"), (108, b"0000000\0"), (116, b"0000000\0"),
                        (124, b"%011o\0" % size), (136, b"00000000000\0"), (148, b" " * 8), (156, b"0"),
                        (257, b"ustar\00000"), (329, b"0000000\0"), (337, b"0000000\0")]:
        fields[place:place + len(text)] = text
    fields[148:156] = b"%06o\0 " % sum(fields)
    return bytes(fields)


class Blob:
    def __init__(self, media_type, data):
        self.data, self.size, self.media_type = data, len(data), media_type
        self.sum = hashlib.sha256(data).hexdigest()
        self.digest = "sha256:" + self.sum

    def descriptor(self, **more):
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **more}


def padded(size):
    return size + -size % 512


def image(number, layer):
    """(name, manifest, config) of an image over `layer`."""
    config = Blob(CONFIG, compact({"architecture": "amd64", "os": "linux", "number": number,
                                   "rootfs": {"type": "layers", "diff_ids": [layer.digest]}}))
    manifest = Blob(MANIFEST, compact({"schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(),
                                       "layers": [layer.descriptor()]}))
    return manifest, config


def bundle(count, mebibytes):
    """The members of the bundle, in order: name and bytes."""
    small, large = Blob(LAYER, bytes(1024)), Blob(LAYER, os.urandom(mebibytes << 20))
    # Every seventh tag is of one and the same image.
    images = [(f"example.com/many/small:{number}", *image(6 if number % 7 == 6 else number, small))
              for number in range(count)]
    images = sorted([("example.com/many/large:1", *image(-1, large)), *images])
    lock = [{"reference": name, "mediaType": MANIFEST, "digest": manifest.digest, "size": manifest.size,
             "platforms": [{"platform": PLATFORM, "mediaType": MANIFEST, "digest": manifest.digest, "size": manifest.size}]}
            for name, manifest, _ in images]
    spec = {"version": 1, "name": "many", "platforms": [PLATFORM], "files": {}, "images": [name for name, _, _ in images],
            "registries": {}, "registry": "sea.hub:5000", "builds": []}
    document = Blob(BUNDLE + ".config.v1+json", compact(
        {"version": 2, "spec": spec, "lock": {"version": 1, "images": lock, "files": []}, "required": []}))
    leader = Blob(MANIFEST, compact({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BUNDLE + ".v1+json",
                                     "config": document.descriptor(), "layers": []}))
    blobs = [leader, document, *(made for _, made, _ in images), *(config for _, _, config in images)]
    blobs += [large, small] if count else [large]
    blobs = list({blob.digest: blob for blob in blobs}.values())
    listed = [leader.descriptor(artifactType=BUNDLE + ".v1+json")] + [
        manifest.descriptor(annotations={"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name})
        for name, manifest, _ in images]
    index, size = b"", -1
    while True:
        index = compact({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": listed,
                         "annotations": {"io.sealift.bundle.size": str(size)}})
        members = [("oci-layout", LAYOUT), ("index.json", index), *(("blobs/sha256/" + blob.sum, blob.data) for blob in blobs)]
        found = sum(512 + padded(len(data)) for _, data in members) + 1024
        if found == size:
            return members
        size = found


def main(path, count="10000", mebibytes="64"):
    with open(path, "wb", buffering=1 << 20) as file:
        for name, data in bundle(int(count), int(mebibytes)):
            file.write(header(name, len(data)) + data + bytes(-len(data) % 512))
        file.write(bytes(1024))


if __name__ == "__main__":
    main(*sys.argv[1:])
