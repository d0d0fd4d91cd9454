# SPDX-License-Identifier: Apache-2.0
"""apply killed, without space, and from a medium that fails: nothing is lost, and a rerun finishes the work."""

import contextlib
import functools
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

from harness import call, case, equal, medium, require
from store_cases import apply, content, filled, findings, layer_of, same, small

KILLS, FULL, BROKEN = 200, 50, 12


@contextlib.contextmanager
def scratch(world, name):
    """An empty folder in memory, where there is room: a kill does not care for disks."""
    place = Path("/dev/shm") if shutil.disk_usage("/dev/shm").free > 1 << 30 else world.work
    folder = place / f"sealift-{name}.{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def killed(world, moment, *arguments):
    """Starts sealift and kills it after `moment` seconds; whether it was still running then."""
    process = subprocess.Popen([str(part) for part in (world.sealift, *arguments)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"PATH": os.environ["PATH"]})
    try:
        process.wait(moment)
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def sound(world, store):
    """Every listed image is whole; leftovers are all that may be found."""
    kinds = {finding["kind"] for finding in findings(world, store)}
    require(kinds <= {"orphaned"}, f"store check finds {kinds}")


@functools.lru_cache(maxsize=None)
def stages(world):
    """(store with an older release applied, its content, its content once the newer one is applied as well)."""
    store = world.folder("store-older")
    apply(world, store, "2")
    newer = world.work / "store-newer"
    shutil.rmtree(newer, ignore_errors=True)
    call("cp", "-a", store, newer)
    apply(world, newer)
    return store, content(store), content(newer)


@case
def killed_at_any_moment_nothing_is_lost(world):
    """kill -9 at 200 random moments of an apply over an older release: no listed image ever lacks a layer; a rerun
    ends in the same store as an apply that was left alone, and a rollback in the one that was there before."""
    older, before, after = stages(world)
    chance = random.Random(20211103)
    with scratch(world, "kills") as folder:
        store = folder / "store"
        command = ["apply", small(world), "--store", store, "--platform", world.own]
        call("cp", "-a", older, store)
        start = time.monotonic()
        world.ok(*command)
        longest = time.monotonic() - start
        hit, undone = 0, 0
        while hit < KILLS:
            shutil.rmtree(store)
            call("cp", "-a", older, store)
            if not killed(world, chance.uniform(0, longest), *command):
                continue
            hit += 1
            sound(world, store)
            if hit % 4:
                world.ok(*command)
                same(content(store), after, f"the store after kill {hit} and a rerun")
            else:
                undone += 1
                world.ok("apply", small(world), "--rollback", "--platform", world.own, "--store", store)
                same(content(store), before, f"the store after kill {hit} and a rollback")
        print(f"      {hit} kills within {longest:.2f} s, {undone} of them rolled back", flush=True)


@case
def a_killed_rollback_is_finished_by_the_next(world):
    """kill -9 at 40 random moments of a rollback: no listed image lacks a layer, and the same command finishes it."""
    older, before, _ = stages(world)
    chance = random.Random(7)
    with scratch(world, "rollbacks") as folder:
        store, ready = folder / "store", folder / "ready"
        call("cp", "-a", older, ready)
        world.ok("apply", small(world), "--store", ready, "--platform", world.own)
        command = ["apply", small(world), "--rollback", "--platform", world.own, "--store", store]
        call("cp", "-a", ready, store)
        start = time.monotonic()
        world.ok(*command)
        longest = time.monotonic() - start
        for number in range(40):
            shutil.rmtree(store)
            call("cp", "-a", ready, store)
            killed(world, chance.uniform(0, longest), *command)
            sound(world, store)
            world.ok(*command)
            same(content(store), before, f"the store after kill {number} and the rollback once more")


@case
def full_at_any_moment_nothing_is_lost(world):
    """A file system that is full at 50 random moments: 73, every listed image is whole, and with more space a rerun
    ends in the same store."""
    wanted = content(filled(world, "store-roomy"))
    chance = random.Random(73)
    folder = world.folder("full")
    for number in range(FULL):
        with medium(folder, f"size={chance.randint(64, 4200)}k,mode=0755"):
            store = folder / "store"
            command = ["apply", small(world), "--store", store, "--platform", world.own]
            outcome = world.run(*command)
            if outcome.code != 0:
                equal(outcome.code, 73, f"exit code of {outcome}")
                require("→" in outcome.err, f"no remedy: {outcome}")
                if store.exists():
                    sound(world, store)
                call("mount", "-o", "remount,size=64m", folder)
                world.ok(*command)
            same(content(store), wanted, f"the store after medium {number}")


@contextlib.contextmanager
def failing(disk, place, sources, victim, share):
    """`sources` on a file system at `place` whose device fails from `share` of the file `victim` on: the file
    beneath a loop device is cut short, and the kernel answers what lay behind the cut with EIO."""
    place.mkdir(exist_ok=True)
    size = sum(int(line.split()[0]) for line in call("du", "-s", "--block-size=1", *sources).splitlines())
    with open(disk, "wb") as file:
        file.truncate((size + (2 << 20)) & ~4095)
    call("/sbin/mkfs.ext4", "-q", "-b", "1024", "-N", "64", "-O", "^has_journal", disk)
    device = call("losetup", "--find", "--show", disk).strip()
    try:
        call("mount", device, place)
        (place / "lost+found").rmdir()
        call("cp", "-a", *sources, place)
        call("umount", place)
        blocks = call("/sbin/debugfs", "-R", f"blocks /{victim}", disk).split()
        call("mount", "-o", "ro", device, place)
        try:
            os.truncate(disk, int(blocks[int(len(blocks) * share)]) * 1024 & ~4095)
            call("blockdev", "--flushbufs", device)
            yield
        finally:
            call("umount", place)
    finally:
        call("losetup", "--detach", device)
        disk.unlink()


@case
def a_failing_medium_loses_nothing(world):
    """A device that fails at 12 places: 74 and the file's name, the store is as it was before, and a rerun from a
    sound copy ends in the same store; verify says the same of the medium."""
    older, before, after = stages(world)
    bundle, folder = small(world), world.folder("failing")
    failed = 0
    for number in range(BROKEN):
        store = folder / "store"
        shutil.rmtree(store, ignore_errors=True)
        call("cp", "-a", older, store)
        copy = folder / "medium" / bundle.name
        with failing(folder / "disk", folder / "medium", [bundle], bundle.name, (number + 0.5) / BROKEN):
            for command in (["apply", copy, "--store", store, "--platform", world.own], ["verify", copy]):
                outcome = world.run(*command)
                equal(outcome.code, 74, f"exit code of {outcome}")
                require(copy.name in outcome.err and "→" in outcome.err, f"the medium is not named: {outcome}")
            failed += 1
        sound(world, store)
        same(content(store), before, f"the store after failure {number}")
        world.ok("apply", bundle, "--store", store, "--platform", world.own)
        same(content(store), after, f"the store after failure {number} and a rerun")
    equal(failed, BROKEN, "failures")


@case
def a_store_that_cannot_be_read_is_named(world):
    """A layer on a device that fails: store check ends with 65, names it as damaged with the file, and no other."""
    store = filled(world, "store-unreadable")
    layer = layer_of(store, 4)
    sources = sorted(layer.iterdir())
    copy = world.folder("layer") / "copy"
    call("cp", "-a", layer, copy)
    with failing(copy.parent / "disk", layer, sorted(copy.iterdir()), f"{sources[0].name}/5", 0.5):
        found = findings(world, store, 65)
    equal([finding["layer"] for finding in found], [f"sha256:{layer.name}"], "damaged layers")
    require("nput/output error" in found[0]["reason"], f"the reason is not told: {found}")
    equal(findings(world, store), [], "findings once the device is gone")
