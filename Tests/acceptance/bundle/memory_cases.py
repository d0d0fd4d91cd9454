# SPDX-License-Identifier: Apache-2.0
"""Memory: collect, verify and apply of 1 GiB of layers, measured by the kernel."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import base
import images
from harness import call, case, require

LIMIT_KIB = 100 * 1024
HALF = 512 << 20


class Part(images.Blob):
    """A blob in a file: its descriptor without its bytes in memory."""

    def __init__(self, media_type, path):
        object.__setattr__(self, "media_type", media_type)
        object.__setattr__(self, "data", b"")
        object.__setattr__(self, "path", Path(path))
        with open(path, "rb") as file:
            object.__setattr__(self, "sum", hashlib.file_digest(file, "sha256").hexdigest())

    @property
    def digest(self):
        return "sha256:" + self.sum

    @property
    def descriptor(self):
        return {"mediaType": self.media_type, "size": self.path.stat().st_size, "digest": self.digest}


def big_layer(folder, name):
    """(layer id, blob) of a layer of 512 MiB that does not compress, written by GNU tar and gzip."""
    top = folder / name
    top.mkdir()
    with open(top / name, "wb") as file:
        for _ in range(HALF >> 20):
            file.write(os.urandom(1 << 20))
    tar, packed = folder / f"{name}.tar", folder / f"{name}.tar.gz"
    call("tar", "-C", top, "--format=ustar", "--owner=root:0", "--group=root:0", "--mode=644",
         f"--mtime=@{images.WHEN}", "-b", "1", "-cf", tar, name)
    shutil.rmtree(top)
    with open(tar, "rb") as file:
        identity = hashlib.file_digest(file, "sha256").hexdigest()
    with open(packed, "wb") as out:
        subprocess.run(["gzip", "-n", "-1", "-c", tar], stdout=out, check=True)
    tar.unlink()
    return "sha256:" + identity, Part(images.DOCKER["layer"], packed)


def push_file(world, repository, blob):
    """Pushes a blob from its file."""
    start = f"http://{world.registry}/v2/{repository}/blobs/uploads/"
    place = images.request("POST", start, b"").headers["Location"]
    separator = "&" if "?" in place else "?"
    with open(blob.path, "rb") as file:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.path.stat().st_size)}
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(urllib.request.Request(
            f"{place}{separator}digest={blob.digest}", data=file, method="PUT", headers=headers))
    blob.path.unlink()


def peak(world, name, *arguments):
    """Runs sealift under GNU time, and requires its peak of resident memory below the limit."""
    report = world.work / "time"
    world.ok(*arguments, prefix=["/usr/bin/time", "-v", "-o", report], timeout=1800)
    used = int(re.search(r"Maximum resident set size \(kbytes\): (\d+)", report.read_text()).group(1))
    print(f"      {name}: {used / 1024:.1f} MiB", flush=True)
    require(used < LIMIT_KIB, f"{name} took {used} KiB of memory")


@case
def memory_stays_flat(world):
    """collect, verify and apply take less than 100 MiB with 1 GiB of layers: half in the base, half in an image."""
    place = Path("/dev/shm" if shutil.disk_usage("/dev/shm").free > 4 << 30 else world.work)
    folder = place / f"sealift-memory.{os.getpid()}"
    folder.mkdir()
    registry = world.upstream_folder / "registry/docker/registry/v2"
    pushed = []
    try:
        architecture = world.architectures[0]
        layer_id, layer = big_layer(folder, "rootfs")
        described = base.config([{"id": layer_id, "type": "COPY", "value": ". ."}], architecture)
        made = images.manifest(images.DOCKER, described, [layer])
        size = layer.descriptor["size"]
        push_file(world, "big/base", layer)
        pushed.append(layer.digest)
        images.push(images.listed_image("base:1", images.DOCKER, {architecture: (made, [described])}),
                    f"http://{world.registry}", "big")
        require(size > HALF, "the layer was compressed")
        diff, layer = big_layer(folder, "image")
        document = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff]}}
        config = images.Blob(images.OCI["config"], json.dumps(document).encode())
        top = images.manifest(images.OCI, config, [layer])
        push_file(world, "big/image", layer)
        pushed.append(layer.digest)
        images.push(images.Image("image:1", top, [], [config]), f"http://{world.registry}", "big")
        measure(world, folder)
    finally:
        shutil.rmtree(folder)
        for digest in pushed:
            shutil.rmtree(registry / "blobs/sha256" / digest[7:9] / digest[7:])


def measure(world, folder):
    """Collects, verifies and applies in `folder`."""
    spec = world.spec(folder, (
        f"version: 1\nname: big\nplatforms: [{world.own}]\nbase:\n  image: {world.registry}/big/base:1\n"
        "  layers:\n    rootfs: { holds: rootfs }\n"
        f"images:\n  - {world.registry}/big/image:1\n"
        "builds:\n  - tag: big/built:1\n    context:\n      - layer: rootfs\n      - imageList: ['*']\n"
        "    kubefile: |\n      FROM scratch\n      COPY . .\n      COPY imageList manifests\n"))
    peak(world, "collect", "collect", spec, "-o", folder / "big.sealift", *world.network)
    require((folder / "big.sealift").stat().st_size > 2 * HALF, "the bundle is too small to measure with")
    peak(world, "verify", "verify", folder / "big.sealift")
    peak(world, "apply", "apply", folder / "big.sealift", "--store", folder / "store", "--platform", world.own)
