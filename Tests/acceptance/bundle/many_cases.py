# SPDX-License-Identifier: Apache-2.0
"""A bundle of many images, written by the format's document and not by sealift: how it is opened and served."""

import re
import resource
import socket
import subprocess
import sys
import time
import urllib.request

from harness import ROOT, call, case, equal, require
from serve_cases import served
from serve_limits_cases import MIB, peak

sys.path.append(str(ROOT / "Tests/bench"))
import manyimages


def made(world, name, count, mebibytes=1):
    """A bundle of `count` small images and a large one."""
    path = world.folder(name) / "many.sealift"
    manyimages.main(path, count, mebibytes)
    return path


def headers(path):
    """Name and offset of each member's header, by the sizes in the headers."""
    found = []
    with open(path, "rb") as file:
        while (block := file.read(512)).strip(b"\0"):
            found.append((block[:100].rstrip(b"\0").decode(), file.tell() - 512))
            size = int(block[124:135], 8)
            file.seek(size + -size % 512, 1)
    return found


@case
def opening_takes_few_reads(world):
    """A bundle of 3,001 images is opened with fewer than 60 reads, however large its blobs are; verify reads every header."""
    for mebibytes in (1, 200):
        bundle = made(world, "many-reads", 3000, mebibytes)
        report = bundle.parent / "report"
        world.ok("inspect", bundle, "--json", prefix=["strace", "-f", "-o", report, "-e", "trace=pread64,read,preadv,readv"])
        text = report.read_text()
        opened = re.findall(r"\bpread", text)
        require(5 < len(opened) < 60, f"{len(opened)} reads")
    world.ok("verify", bundle)


@case
def a_header_is_checked_when_its_blob_is_read(world):
    """A bit of a header that opening does not read: the bundle opens, verify names the blob, and an export of its image
    is refused."""
    bundle = made(world, "many-headers", 3)
    name, place = headers(bundle)[-1]
    with open(bundle, "r+b") as file:
        file.seek(place + 137)
        file.write(b"7")
    world.ok("inspect", bundle)
    digest = name.rsplit("/", 1)[1]
    outcome = world.refused(65, [digest, "header"], "verify", bundle)
    require("the header of" in outcome.err, outcome)
    world.refused(65, ["header"], "export", bundle, "example.com/many/small:1", "--format", "oci-archive",
                  "-o", bundle.parent / "out.tar")


@case
def many_downloads_of_many_images_take_little(world):
    """256 downloads at a time of a bundle that has 10,000 further images: the server's peak stays below 80 MiB, and each
    image is found by tag and by digest."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    bundle = made(world, "many-served", 10_000, 16)
    with served(world, bundle) as (server, address):
        for _ in range(2400):
            if "\nserving " in "\n" + server.log.read_text():
                break
            require(server.poll() is None, server.log.read_text())
            time.sleep(0.05)
        get = lambda path: urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{address}{path}").read()
        for number in (0, 1, 9_999):
            manifest = get(f"/v2/many/small/manifests/{number}")
            digest = manyimages.Blob("", manifest).digest
            equal(get(f"/v2/many/small/manifests/{digest}"), manifest, f"image {number} by its digest")
        layer = re.search(rb'"layers":\[\{"digest":"(sha256:[0-9a-f]*)', get("/v2/many/large/manifests/1")).group(1).decode()
        used = float(call("python3", ROOT / "Tests/bench/clients.py", "downloads", address,
                          f"/v2/many/large/blobs/{layer}", "256", server.pid))
        print(f"      {used:.1f} MiB", flush=True)
        require(peak(server) <= 80 * MIB, f"{peak(server) / MIB:.1f} MiB")
