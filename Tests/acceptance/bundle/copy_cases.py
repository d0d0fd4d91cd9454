# SPDX-License-Identifier: Apache-2.0
"""`sealift copy`: a bundle on a medium, whole, resumed, split and joined, and read back from the device."""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time

from document_cases import of_form
from harness import call, case, equal, flip, medium, require, sha256, snapshot
from store_cases import SPEC, small

SIG, SBOM, ORIGIN = ".sig", ".spdx.json", ".provenance.json"


@contextlib.contextmanager
def formatted(disk, place, kind, size):
    """A file system of that kind on a loop device, at `place`: `ext4`, or `exfat`, which has neither owners nor modes."""
    with open(disk, "wb") as file:
        file.truncate(size)
    call("/sbin/mkfs.ext4" if kind == "ext4" else "mkfs.exfat", *(["-q"] if kind == "ext4" else []), disk)
    device = call("losetup", "--find", "--show", disk).strip()
    try:
        if kind == "ext4":
            call("mount", device, place)
        else:
            call("mount.exfat-fuse", "-o", "uid=1000,gid=1000", device, place)
        try:
            yield place
        finally:
            call("umount", place)
    finally:
        call("losetup", "--detach", device)
        disk.unlink()


def packed(world, name, tag="1"):
    """A signed bundle of some MB with everything beside it, in a folder of its own."""
    folder = world.folder(name)
    bundle = folder / "k8s.sealift"
    shutil.copy(small(world, tag), bundle)
    world.ok("keygen", folder / "ops")
    world.ok("sign", bundle, "--key", folder / "ops.key")
    (folder / f"k8s.sealift{ORIGIN}").write_text("{}")
    (folder / f"k8s.sealift{SBOM}").write_text('{"spdxVersion": "SPDX-2.3"}')
    return bundle


def joined(folder, name="k8s.sealift"):
    """The bytes of the volumes in `folder`, one after another."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob(f"{name}.[0-9]*")))


@case
def a_copy_is_the_bundle_and_what_belongs_to_it(world):
    """copy writes the same bytes, the signature, the origin and the SBOM, and nothing else; a rerun reads it back once more."""
    bundle, target = packed(world, "copy-source"), world.folder("copy-target")
    names = ["k8s.sealift", *sorted(f"k8s.sealift{end}" for end in (SIG, ORIGIN, SBOM))]
    told = world.ok("copy", bundle, target, "--json", "--key", bundle.parent / "ops.pub")
    outcome = of_form(told.out)
    for line in told.err.splitlines():
        of_form(line, "event")
    equal(sorted(os.listdir(target)), sorted(names), "the files of the copy")
    for name in names:
        equal(sha256(target / name), sha256(bundle.parent / name), name)
    equal((outcome["unchanged"], outcome["found"], outcome["size"]), (False, 0, bundle.stat().st_size), "the outcome")
    equal({file["path"]: file["size"] for file in outcome["files"]},
          {str(target / name): (bundle.parent / name).stat().st_size for name in names}, "the files it names")
    before = snapshot(target / "k8s.sealift")
    told = world.ok("copy", bundle, target)
    require("was there already" in told.err and "read back" in told.err, told.err)
    equal(told.out, f"{outcome['digest']}  {target}/k8s.sealift\n", "the identity and the path")
    equal(snapshot(target / "k8s.sealift"), before, "a copy that is there is left as it is")
    world.refused(65, ["accept the signature"], "copy", small(world), world.folder("copy-unsigned"), "--key", bundle.parent / "ops.pub")
    world.refused(64, ["already"], "copy", bundle, bundle.parent, unchanged=[bundle.parent])
    world.refused(66, ["check the path"], "copy", bundle, target / "none", unchanged=[target])
    world.refused((64, 66, 73), ["k8s.sealift"], "copy", bundle, target / "k8s.sealift", unchanged=[target])


@case
def a_copy_is_split_and_joined(world):
    """--volume-size splits the very bytes, so the signature stays true; every command reads the volumes; a copy of them is one file again."""
    bundle, volumes, back = packed(world, "split-source"), world.folder("split-volumes"), world.folder("split-back")
    size = bundle.stat().st_size
    key = bundle.parent / "ops.pub"
    part = size // 3 + 1000
    world.ok("copy", bundle, volumes, "--volume-size", part)
    equal([path.stat().st_size for path in sorted(volumes.glob("*.0*"))], [part, part, size - 2 * part], "sizes of the volumes")
    equal(joined(volumes), bundle.read_bytes(), "the volumes one after another")
    facts = json.loads(world.ok("verify", volumes / "k8s.sealift", "--key", key, "--json").out)
    equal((facts["result"], facts["signature"]["state"], len(facts["files"])), ("passed", "verified", 3), "verify of the volumes")
    world.ok("inspect", volumes / "k8s.sealift.001", "--key", key)
    again = world.folder("split-again")
    world.ok("copy", volumes / "k8s.sealift", again, "--volume-size", part // 2, "--key", key)
    equal(joined(again), bundle.read_bytes(), "volumes of another size")
    world.ok("copy", again / "k8s.sealift", back, "--key", key)
    equal(sorted(os.listdir(back)), sorted(["k8s.sealift", *(f"k8s.sealift{end}" for end in (SIG, ORIGIN, SBOM))]), "joined")
    equal(sha256(back / "k8s.sealift"), sha256(bundle), "the joined bundle")
    told = world.ok("copy", bundle, back, "--volume-size", part)
    require(f"{back}/k8s.sealift: removed" in told.err, told.err)
    equal((joined(back), (back / "k8s.sealift").exists()), (bundle.read_bytes(), False), "volumes in the place of the one file")
    # As a run leaves it that is killed before it removes the older one.
    shutil.copy(small(world, "2"), back / "k8s.sealift")
    outcome = of_form(world.ok("copy", bundle, back, "--volume-size", part, "--json").out)
    equal((outcome["unchanged"], outcome["removed"]), (True, [str(back / "k8s.sealift")]), "the volumes behind an older file")
    world.ok("copy", bundle, back)
    equal(sorted(os.listdir(back)), sorted(["k8s.sealift", *(f"k8s.sealift{end}" for end in (SIG, ORIGIN, SBOM))]), "one file again")
    world.refused(64, ["choose at least"], "copy", bundle, world.folder("split-small"), "--volume-size", "600")


@case
def a_volume_that_is_not_right_is_named(world):
    """Of volumes that copy made, one that is missing, short, surplus or another's is named before anything is read."""
    bundle, folder = packed(world, "volume-source"), world.folder("volume-faults")
    part = bundle.stat().st_size // 4 + 1
    for number, (victim, change, words) in enumerate([
            ("002", lambda path: path.unlink(), ["002", "missing"]),
            ("004", lambda path: path.unlink(), ["004", "missing"]),
            ("001", lambda path: os.truncate(path, part - 5000), ["001", "bytes"]),
            ("003", lambda path: os.truncate(path, 17), ["003", "bytes"]),
            ("004", lambda path: os.truncate(path, 17), ["004", "bytes"]),
            ("004", lambda path: shutil.copy(path, path.with_suffix(".005")), ["005", "4 volumes"]),
            ("002", lambda path: shutil.copy(path.with_suffix(".003"), path), ["002"])]):
        target = folder / str(number)
        target.mkdir()
        world.ok("copy", bundle, target, "--volume-size", part)
        change(target / f"k8s.sealift.{victim}")
        world.refused((65, 66), words, "verify", target / "k8s.sealift")
        shutil.rmtree(target)


@case
def a_killed_copy_resumes(world):
    """Killed at any moment, the same command compares what is there and continues; what an earlier run left wrong is written again."""
    bundle, target = packed(world, "killed-source"), world.folder("killed-target")
    part = bundle.stat().st_size // 3 + 1
    command = [world.sealift, "copy", bundle, target, "--volume-size", str(part)]
    partial = target / "k8s.sealift.copying"
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2):
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not partial.exists() and running.poll() is None:
            time.sleep(0.001)
        time.sleep(delay)
        running.send_signal(signal.SIGKILL)
        running.wait()
        require(not (target / "k8s.sealift.001").exists() or running.returncode == 0 or not (partial / "k8s.sealift.001").exists(),
                "a volume has its name before all is proved")
    # What a run leaves in the middle, half of it wrong: a byte that is another, a tail that is missing.
    shutil.rmtree(target)
    partial.mkdir(parents=True)
    data = bundle.read_bytes()
    (partial / "k8s.sealift.001").write_bytes(data[:part])
    wrong = bytearray(data[part:part + part // 2])
    wrong[len(wrong) // 2] ^= 1
    (partial / "k8s.sealift.002").write_bytes(wrong)
    partial.chmod(0o700)
    outcome = of_form(world.ok("copy", bundle, target, "--volume-size", part, "--json").out)
    require(part <= outcome["found"] <= part + len(wrong) // 2, f"what was there: {outcome}")
    equal(joined(target), data, "the volumes")
    require(not partial.exists(), "the scratch folder is left")
    # Killed while it gave the files their names.
    partial.mkdir(mode=0o700)
    shutil.move(target / "k8s.sealift.003", partial / "k8s.sealift.003")
    (target / f"k8s.sealift{SIG}").unlink()
    outcome = of_form(world.ok("copy", bundle, target, "--volume-size", part, "--json").out)
    require(outcome["unchanged"], "the volumes that had their names are read, not written")
    equal((joined(target), partial.exists()), (data, False), "the volumes")
    equal(sha256(target / f"k8s.sealift{SIG}"), sha256(f"{bundle}{SIG}"), "the signature")


@case
def two_copies_to_one_place_do_not_mix(world):
    """While one copy writes, another one to the same name is refused with 75."""
    bundle, target = packed(world, "mixed-source"), world.folder("mixed-target")
    script = 'mkdir -m 700 "$1.copying" && exec flock "$1.copying" sh -c "echo held; read end"'
    holder = subprocess.Popen(["sh", "-c", script, "sh", target / "k8s.sealift"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()
    try:
        world.refused(75, ["another process"], "copy", bundle, target)
    finally:
        holder.communicate(b"\n")
    world.ok("copy", bundle, target)


@case
def what_does_not_fit_is_said_before_anything_is_written(world):
    """A full medium and a limit of file sizes end with 73 at once: with what is needed and free, and the volume size that fits."""
    bundle, folder = packed(world, "full-source"), world.folder("full-target")
    size = bundle.stat().st_size
    with medium(folder, f"size={size * 2 // 3},mode=0755"):
        world.refused(73, [str(size), "free", "take another medium"], "copy", bundle, folder, unchanged=[folder])
        equal(os.listdir(folder), [], "what is left on the medium")
        (folder / "k8s.sealift").write_bytes(b"old")
        world.refused(73, ["remove .*k8s.sealift"], "copy", bundle, folder, unchanged=[folder])
    limit = size // 2

    def limited(*words):
        return subprocess.run([world.sealift, *words], capture_output=True, text=True, check=False, cwd=folder,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))

    refused = limited("copy", bundle, folder)
    equal((refused.returncode, refused.stdout, os.listdir(folder)), (73, "", []), f"a file that is too large: {refused}")
    proposed = re.search(r"--volume-size (\d+[KMG]B)", refused.stderr)
    require(proposed and str(limit) in refused.stderr and "→" in refused.stderr, refused.stderr)
    split = limited("copy", bundle, folder, "--volume-size", proposed[1])
    equal((split.returncode, joined(folder) == bundle.read_bytes()), (0, True), f"with what was proposed: {split}")
    kept = world.folder("full-kept")
    again = limited("copy", folder / "k8s.sealift", kept)
    equal((again.returncode, sorted(os.listdir(kept))), (0, sorted(os.listdir(folder))), f"volumes where they cannot be joined: {again}")


@case
def collect_says_what_the_medium_cannot_hold(world):
    """Where a file cannot be as large as the bundle, collect ends with 73 before a layer is fetched, and proposes volumes that fit."""
    folder = world.folder("collect-limit")
    bundle = small(world)
    limit = bundle.stat().st_size // 2
    spec = world.spec(folder, SPEC.format(platform=world.own, registry=world.registry, tag="1"))
    words = ["collect", spec, "-o", folder / "k8s.sealift", "--reuse", bundle, *world.network]
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}

    def limited(*more):
        return subprocess.run([str(part) for part in [world.sealift, *words, *more]], capture_output=True, text=True, check=False, env=environment,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))

    refused = limited()
    proposed = re.search(r"--volume-size (\d+[KMG]B)", refused.stderr)
    require(refused.returncode == 73 and proposed and str(limit) in refused.stderr, f"{refused}")
    require(not (folder / "k8s.sealift.partial").exists(), "something was written")
    made = limited("--volume-size", proposed[1])
    equal(made.returncode, 0, f"with what was proposed: {made}")
    world.ok("verify", folder / "k8s.sealift")


@case
def a_bundle_takes_the_place_of_one_in_another_form(world):
    """collect into volumes where one file was, and the other way round: what is read is what was collected last, and nothing older is left."""
    folder = world.folder("collect-forms")
    bundle = folder / "k8s.sealift"

    def collect(tag, *more):
        spec = world.spec(folder, SPEC.format(platform=world.own, registry=world.registry, tag=tag))
        digest = world.ok("collect", spec, "-o", bundle, *world.network, *more).out.split()[0]
        equal(world.ok("verify", bundle).out.split()[0], digest, f"the bundle that is read after {more}")
        return sorted(path.name for path in folder.glob("k8s.sealift*") if "provenance" not in path.name)

    equal(collect("1"), ["k8s.sealift"], "one file")
    part = bundle.stat().st_size // 3 + 1000
    volumes = collect("2", "--volume-size", part)
    require(volumes[0] == "k8s.sealift.001" and len(volumes) > 1, f"volumes: {volumes}")
    equal(collect("1"), ["k8s.sealift"], "one file again")


@case
def media_of_other_kinds_take_a_copy(world):
    """ext4 and exFAT on loop devices: copied, verified from the device after it was unplugged, split, and copied back as root whom the owner is not."""
    bundle, folder = packed(world, "media-source"), world.folder("media")
    size = bundle.stat().st_size
    place, back = folder / "place", folder / "back"
    for kind in ("ext4", "exfat"):
        place.mkdir()
        back.mkdir()
        with formatted(folder / "disk", place, kind, 6 * size + (64 << 20)):
            world.ok("copy", bundle, place)
            world.ok("copy", bundle, place)
            (place / "volumes").mkdir()
            world.ok("copy", bundle, place / "volumes", "--volume-size", size // 2 + 1)
            world.ok("copy", place / "volumes/k8s.sealift", back)
            equal(sha256(back / "k8s.sealift"), sha256(bundle), f"what came back from {kind}")
            equal(sha256(place / "k8s.sealift"), sha256(bundle), f"what is on {kind}")
            if kind == "exfat":
                spec = world.spec(folder, SPEC.format(platform=world.own, registry=world.registry, tag="1"))
                world.ok("collect", spec, "-o", place / "new.sealift", "--reuse", bundle, *world.network)
        shutil.rmtree(back)
        place.rmdir()


@case
def a_damaged_bundle_is_not_copied(world):
    """A flipped bit of the bundle ends the copy with 65, naming the blob and the file; an older copy stays, and a good bundle takes its place."""
    bundle, target = packed(world, "bad-source"), world.folder("bad-target")
    size = bundle.stat().st_size
    older = packed(world, "bad-older", "2")
    world.ok("copy", older, target)
    before = snapshot(target)
    flip(bundle, size // 2)
    refused = world.refused(65, [str(bundle), "copy .* again", "sha256:[0-9a-f]{64} of"], "copy", bundle, target)
    damage = json.loads(world.run("verify", bundle, "--json").out)["damaged"]
    require(damage[0]["digest"] in refused.err, f"another blob is named: {refused.err}")
    equal({name: facts for name, facts in snapshot(target).items() if "copying" not in name}, before, "the older copy")
    flip(bundle, size // 2)
    world.ok("copy", bundle, target)
    equal(sha256(target / bundle.name), sha256(bundle), "the copy")


@case
def a_new_copy_takes_the_place_of_an_older_one(world):
    """Once a copy is proved it takes the name of the older bundle; a signature that was only the older one's goes, and copy says so."""
    older, newer, target = packed(world, "older-source", "2"), small(world), world.folder("older-target")
    plain = world.folder("newer-source") / "k8s.sealift"
    shutil.copy(newer, plain)
    world.ok("copy", older, target)
    told = world.ok("copy", plain, target)
    require("removed" in told.err and SIG in told.err, told.err)
    equal((os.listdir(target), sha256(target / "k8s.sealift")), (["k8s.sealift"], sha256(plain)), "what is there")
    part = older.stat().st_size // 5 + 1
    volumes = world.folder("older-volumes")
    world.ok("copy", older, volumes, "--volume-size", part // 2)
    world.ok("copy", plain, volumes, "--volume-size", part)
    equal(joined(volumes), plain.read_bytes(), "volumes of an older copy, which was longer")


@case
def a_medium_that_lies_is_caught(world):
    """A bit that the device changes after it was written, while the system still has the right one in memory, ends the copy with 74."""
    bundle, folder = packed(world, "liar-source"), world.folder("liar")
    place, disk = folder / "place", folder / "disk"
    place.mkdir()
    size = bundle.stat().st_size
    data = bundle.read_bytes()
    # A piece of the middle that is there once.
    piece = next(data[start:start + 64] for start in range(size // 2 // 4096 * 4096, size, 4096) if data.count(data[start:start + 64]) == 1)
    with formatted(disk, place, "ext4", 3 * size + (64 << 20)):
        # The last flush of the folder comes after all is written and before it is read back.
        trace = folder / "trace"
        running = subprocess.Popen(
            ["strace", "-f", "-o", trace, "-y", "-e", "trace=fsync,fadvise64", "-e", "inject=fsync:delay_exit=1500000", world.sealift, "copy", bundle, place],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        flipped = False
        while running.poll() is None and not flipped:
            time.sleep(0.05)
            if not trace.exists() or "fsync" not in trace.read_text():
                continue
            with open(disk, "r+b") as file:
                offset = file.read().find(piece)
                if offset >= 0:
                    file.seek(offset)
                    file.write(bytes([piece[0] ^ 1]))
                    flipped = True
        out, err = running.communicate(timeout=300)
        require(flipped, f"the bytes were not found on the device: {err}")
        require(running.returncode == 74 and "other bytes than were written" in err and "→" in err, f"{running.returncode}: {out}{err}")
        require(not (place / "k8s.sealift").exists(), "the copy has its name")
