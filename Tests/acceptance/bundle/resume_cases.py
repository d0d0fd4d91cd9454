# SPDX-License-Identifier: Apache-2.0
"""A collect that is killed again and again: what is there is never fetched again, and the bytes are the same."""

import contextlib
import filecmp
import json
import random
import re
import signal
import subprocess
import time

import images
from harness import case, equal, require
from meter import Meter

MIB = 1 << 20
SIZES = [12 * MIB, 10 * MIB, 18 * MIB, 8 * MIB]


def pushed(world, name):
    """Pushes an image whose layers are tars of SIZES bytes that do not compress."""
    chance = random.Random(name)
    # A tar has a header before its one file, and two empty blocks at its end.
    tars = [images.tar([images.Entry("chance", 0o644, chance.randbytes(size - 1536))]) for size in SIZES]
    layers = [images.Blob("application/vnd.oci.image.layer.v1.tar", data) for data in tars]
    config = images.Blob(images.OCI["config"], json.dumps(
        {"architecture": world.architectures[0], "os": "linux",
         "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]}}).encode())
    top = images.manifest(images.OCI, config, layers)
    images.push(images.Image(f"{name}:1", top, [], [config, *layers]), f"http://{world.registry}")


def noted(journal):
    """Bytes of each blob that the journal says are there."""
    there = {}
    for line in journal.read_text().splitlines():
        if words := re.fullmatch(r"[0-9a-f]{8} (?:at|done) ([0-9a-f]{64}) \d+ (\d+) (\d+)", line):
            there[words.group(1)] = (int(words.group(3)), int(words.group(2)))
    return there


@case
def collect_killed_25_times_ends_the_same(world):
    """Killed at 25 random moments, by SIGKILL and Ctrl-C, collect ends with the bytes of an undisturbed run, and the
    last run fetches what was missing and no more."""
    folder = world.folder("killed-often")
    pushed(world, "killed/often")
    meter = Meter(world.registry, rate=MIB)
    try:
        spec = world.spec(folder, f"version: 1\nname: killed\nplatforms: [{world.own}]\n"
                          f"images:\n  - {meter.address}/killed/often:1\n")
        insecure = ["--insecure", meter.address]
        world.ok("lock", spec, *insecure)
        target = folder / "killed.sealift"
        journal = folder / "killed.sealift.journal"
        chance = random.Random(25)
        inside = 0
        for turn in range(25):
            number = signal.SIGINT if turn % 5 == 4 else signal.SIGKILL
            running = subprocess.Popen([world.sealift, "collect", spec, "-o", target, *insecure], text=True,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(chance.uniform(0.02, 0.7))
            ended = running.poll() is not None
            running.send_signal(number)
            said = running.communicate()[1]
            require(not ended, f"it ended by itself: {said}")
            if number == signal.SIGINT:
                equal(running.returncode, -signal.SIGINT, f"how it ended after Ctrl-C; it said {said}")
            require(not target.exists(), "a killed collect left a bundle under its name")
            if journal.exists():
                inside += any(0 < received < size for received, size in noted(journal).values())
        require(inside > 5, f"only {inside} runs were killed inside a blob")
        there = sum(received for received, _ in noted(journal).values())
        require(there > 2 * MIB, f"25 runs have only {there} bytes to show")
        meter.rate, before = None, meter.sent
        time.sleep(0.2)
        world.ok("collect", spec, "-o", target, *insecure)
        fetched = meter.sent - before
        missing = sum(SIZES) - there
        # Heads, the manifest and the config come on top.
        require(missing <= fetched <= missing + 64 * 1024, f"{fetched} bytes were sent where {missing} were missing")
        equal(sorted(path.name for path in folder.iterdir() if path.name.startswith("killed.sealift")),
              ["killed.sealift", "killed.sealift.provenance.json"], "what lies there at the end")
        world.ok("collect", spec, "-o", folder / "other.sealift", *insecure)
        require(filecmp.cmp(target, folder / "other.sealift", shallow=False), "the bytes differ")
    finally:
        meter.close()


@case
def collect_again_sends_heads_alone(world):
    """Of what has not changed, a second collect asks for nothing but the heads of manifests."""
    folder = world.folder("heads")
    meter = Meter(world.registry)
    pushed(world, "again/heads")
    try:
        spec = world.spec(folder, f"version: 1\nname: heads\nplatforms: [{world.own}]\n"
                          f"images:\n  - {meter.address}/again/heads:1\n")
        options = ["collect", spec, "-o", folder / "heads.sealift", "--insecure", meter.address]
        world.ok(*options)
        log = world.upstream_folder / "registry.log"
        mark, before = log.stat().st_size, meter.sent
        world.ok(*options)
        asked = re.findall(r'"((?:GET|HEAD) \S+) HTTP', log.read_text()[mark:])
        equal([line for line in asked if not line.startswith("HEAD /v2/again/heads/manifests/")], [], "requests")
        require(0 < meter.sent - before < 4096, f"{meter.sent - before} bytes were sent")
    finally:
        meter.close()
