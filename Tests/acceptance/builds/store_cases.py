# SPDX-License-Identifier: Apache-2.0
"""store, inventory, --verify and --rollback: an own small bundle, stores made wrong on purpose."""

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import base
import images
from harness import Store, call, case, equal, require, snapshot

LAYERS = 24
SPEC = """version: 1
name: small
platforms: [{platform}]
base:
  image: {registry}/small/base:{tag}
  layers:
    rootfs: {{ holds: part00/0 }}
images:
  - {registry}/small/one:1
  - {registry}/small/two:1
builds:
  - tag: {registry}/small/built:1
    context:
      - layer: rootfs
      - imageList: ['*']
    kubefile: |
      FROM scratch
      COPY . .
      COPY imageList manifests
"""


def noise(seed, size):
    """Bytes that do not compress, the same at each run."""
    import random
    return random.Random(seed).randbytes(size)


def pushed(world, repository, kinds, made, blobs, tag="1"):
    """Pushes one image for the machine's own platform, behind a list."""
    images.push(images.listed_image(f"{repository}:{tag}", kinds, {world.architectures[0]: (made, blobs)}),
                f"http://{world.registry}", "small")


def push_base(world, tag, seed):
    """A base of many small layers, the first of which holds `part00`."""
    parts = []
    for number in range(LAYERS):
        name = f"part{number:02}"
        # All but the first are the same in every base, as in releases of one line.
        data = noise(f"{seed if number < 2 else ''}{number}", 40_000)
        entries = [images.Entry(f"{name}/{index}", 0o644, data[index * 4000:][:4000]) for index in range(10)]
        parts.append(("COPY", f"{name} .", images.files(entries)))
    made, blobs, ids = base.instance(world.architectures[0], parts)
    pushed(world, "base", images.DOCKER, made, blobs, tag)
    return ids


def push_image(world, name, seed):
    tars = [images.tar(images.files([images.Entry(f"{name}{number}", 0o644, noise(f"{seed}{number}", 120_000))]))
            for number in range(3)]
    layers = [images.Blob(images.OCI["layer"], images.compressed(tar)) for tar in tars]
    ids = [images.Blob("", tar).digest for tar in tars]
    document = {"architecture": world.architectures[0], "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}}
    config = images.Blob(images.OCI["config"], json.dumps(document).encode())
    pushed(world, name, images.OCI, images.manifest(images.OCI, config, layers), [config, *layers])


@functools.lru_cache(maxsize=None)
def small(world, tag="1", *options):
    """A bundle of a few MB: a base of many layers, two images and a build."""
    if tag == "1":
        for name in ("one", "two"):
            push_image(world, name, name)
    else:
        small(world)
    push_base(world, tag, tag)
    folder = world.folder(f"small-{tag}-{len(options)}")
    spec = world.spec(folder, SPEC.format(platform=world.own, registry=world.registry, tag=tag))
    world.ok("collect", spec, "-o", folder / "small.sealift", *options, *world.network)
    return folder / "small.sealift"


def apply(world, store, tag="1", **options):
    return world.ok("apply", small(world, tag), "--store", store, "--platform", world.own, **options)


def filled(world, name):
    """A new store with the small bundle applied."""
    store = world.folder(name)
    apply(world, store)
    return store


def content(store):
    """All of a store but times and the receipts: paths, modes, sizes and, of files, their bytes."""
    found = {}
    for path in sorted(Path(store).rglob("*")):
        name = str(path.relative_to(store))
        if name.startswith((".sealift", "sealift")):
            continue
        facts = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        if name == "metadata/images_metadata.json":
            data = re.sub(rb'"created": "[^"]*"', b"", data)
        found[name] = (facts.st_mode, facts.st_uid, data)
    return found


def same(got, wanted, what):
    changes = sorted(path for path in got.keys() | wanted.keys() if got.get(path) != wanted.get(path))
    require(not changes, f"{what}: {len(changes)} paths differ: {changes[:8]}")


def findings(world, store, code=0):
    """What `store check` finds."""
    outcome = world.run("store", "check", "--store", store, "--json")
    require(outcome.code == code, f"wanted exit code {code}: {outcome}")
    return json.loads(outcome.out)


def layer_of(store, number=0):
    """The folder of a layer of the base."""
    made = Store(store)
    name = next(name for name in made.listed if "small/base" in name)
    return made.data(made.layers(name.split("/", 1)[1])[number])


@case
def store_lists_what_it_has(world):
    """store ls names each image with platform and layers, and who uses a layer; --json is the same for programs."""
    store = filled(world, "store-ls")
    told = json.loads(world.ok("store", "ls", "--store", store, "--json").out)
    equal(sorted(image["name"].split("/")[-1] for image in told["images"]), ["base:1", "built:1"], "images")
    on_disk = Store(store).all_layers()
    equal(sorted(layer["id"] for layer in told["layers"]), on_disk, "layers")
    for image in told["images"]:
        equal(image["platform"], world.own, "a platform")
        for layer in image["layers"]:
            users = next(entry["users"] for entry in told["layers"] if entry["id"] == layer)
            require(any(user.startswith(image["name"]) for user in users), f"{layer} is not said to be used")
    require("built:1" in world.ok("store", "ls", "--store", store).out, "the list for people lacks an image")


@case
def store_check_passes_a_whole_store(world):
    """store check finds nothing in a store that apply made, and nothing but leftovers harmless to it."""
    store = filled(world, "store-whole")
    equal(findings(world, store), [], "findings")
    (store / "tmp/.DTmp-123/upper").mkdir(parents=True)
    (store / "data/overlay2" / ("e" * 64)).mkdir()
    (store / "metadata/layerdb/sha256" / ("d" * 64)).mkdir()
    (store / "metadata/imagedb" / f"{'c' * 64}.yaml").write_text("kind: Image\nspec: {}\n")
    equal({finding["kind"] for finding in findings(world, store)}, {"orphaned"}, "findings")
    equal(len(findings(world, store)), 4, "leftovers")


def harm(store):
    """Every way to harm a store: name → what does it to a layer's folder."""
    def database(folder):
        return store / "metadata/layerdb/sha256" / folder.name

    def bit(folder):
        path = next(path for path in sorted(folder.rglob("*")) if path.is_file())
        times = path.stat()
        data = bytearray(path.read_bytes())
        data[7] ^= 1
        path.write_bytes(data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def first(folder):
        return next(path for path in sorted(folder.rglob("*")) if path.is_file())

    return {
        "a flipped bit": bit,
        "a file gone": lambda folder: first(folder).unlink(),
        "a file too many": lambda folder: (folder / "etc-edited").write_text("x"),
        "another mode": lambda folder: first(folder).chmod(0o600),
        "another owner": lambda folder: os.chown(first(folder), 1, 1),
        "no files": shutil.rmtree,
        "no entry": lambda folder: shutil.rmtree(database(folder)),
        "an entry without its id": lambda folder: (database(folder) / "id").unlink(),
        "a tar-split cut short": lambda folder: os.truncate(database(folder) / "tar-data.json.gz", 100),
    }


@case
def store_repair_mends_all_harm(world):
    """Every kind of damage is found by store check with exit code 65, and fixed by store repair to the same bytes."""
    store = filled(world, "store-harmed")
    wanted = content(store)
    for name, damage in harm(store).items():
        damage(layer_of(store, 3))
        found = [finding for finding in findings(world, store, 65) if finding["kind"] != "orphaned"]
        equal(len(found), 1, f"findings after {name}: {found}")
        require("base:1" in "".join(found[0]["images"]), f"{name}: the image that suffers is not named: {found}")
        world.ok("store", "repair", small(world), "--store", store)
        same(content(store), wanted, f"the store repaired after {name}")
    # What the builds made: the layer of registry/, the image's file, and all at once.
    made = Store(store)
    built = next(name for name in made.listed if "small/built" in name).split("/", 1)[1]
    cache = made.data(made.layers(built)[-1])
    blob = next(cache.rglob("data"))
    blob.write_bytes(b"other")
    (store / "metadata/imagedb" / f"{made.image(built)[0]}.yaml").unlink()
    shutil.rmtree(layer_of(store, 5))
    found = {finding["artifact"].split()[0] for finding in findings(world, store, 65) if finding["kind"] != "orphaned"}
    equal(found, {"image", "layer"}, "what is found")
    world.ok("store", "repair", small(world), "--store", store)
    same(content(store), wanted, "the store repaired from everything")
    equal(findings(world, store), [], "findings")


@case
def store_repair_says_what_it_cannot_mend(world):
    """Without a bundle that makes the layer, repair ends with 65, names it, and changes nothing."""
    store = filled(world, "store-lost")
    harm(store)["a flipped bit"](layer_of(store))
    before = snapshot(store / "data", store / "metadata")
    outcome = world.run("store", "repair", "--store", store)
    equal(outcome.code, 65, f"exit code of {outcome}")
    require(layer_of(store).name in outcome.out and "→" in outcome.err, f"it is not named: {outcome}")
    equal(snapshot(store / "data", store / "metadata"), before, "the store")


@case
def store_gc_removes_only_garbage(world):
    """store gc --dry-run names what goes and changes nothing; gc removes just that and says how much it was."""
    store = filled(world, "store-gc")
    wanted = content(store)
    (store / "tmp/.DTmp-9").mkdir(parents=True)
    (store / "tmp/.DTmp-9/left").write_bytes(bytes(100_000))
    (store / "tmp/notes").write_text("mine")
    for folder in ("data/overlay2", "metadata/layerdb/sha256"):
        (store / folder / ("e" * 64)).mkdir()
    (store / "data/my-cluster").mkdir()
    before = snapshot(store)
    told = json.loads(world.ok("store", "gc", "--dry-run", "--json", "--store", store).out)
    equal(snapshot(store), before, "the store after a dry run")
    require(sum(item["bytes"] for item in told) >= 100_000, f"bytes of {told}")
    done = json.loads(world.ok("store", "gc", "--json", "--store", store).out)
    equal([item["artifact"] for item in done], [item["artifact"] for item in told], "what went")
    left = content(store)
    equal(left.pop("tmp/notes")[2], b"mine", "a file of another program")
    equal([left.pop("tmp")[2], left.pop("data/my-cluster")[2]], [b"", b""], "folders of sealer")
    same(left, wanted, "the store")


@case
def apply_verify_proves_the_store(world):
    """apply --verify of what is done reads every layer: it passes, and a flipped bit makes it end with 65."""
    store = filled(world, "store-verified")
    told = apply(world, store)
    require("nothing to do" in told.err, f"a rerun did something: {told}")
    command = ["apply", small(world), "--store", store, "--platform", world.own, "--verify"]
    require("verified" in world.ok(*command).err, "it does not say so")
    harm(store)["a flipped bit"](layer_of(store, 7))
    apply(world, store)
    world.refused(65, [layer_of(store, 7).name, "store repair"], *command, unchanged=[store])


@case
def rollback_restores_what_was_there(world):
    """apply --rollback takes the last apply back, byte for byte; the names mean what they meant before."""
    store = filled(world, "store-rolled")
    first = content(store)
    apply(world, store, "2")
    second = content(store)
    require(first != second, "the second bundle changed nothing")
    plan = json.loads(world.ok("apply", "--rollback", "--dry-run", "--json", "--store", store).out)
    same(content(store), second, "the store after a dry run")
    require(plan["layers"], f"no layer would go: {plan}")
    world.ok("apply", "--rollback", "--store", store)
    same(content(store), first, "the store rolled back")
    world.ok("apply", small(world), "--rollback", "--store", store)
    equal(Store(store).listed, {}, "images of a store rolled back twice")
    equal([list((store / part).iterdir()) for part in ("data/overlay2", "metadata/layerdb/sha256", "metadata/imagedb")],
          [[], [], []], "what is left")
    said = world.ok("apply", "--rollback", "--store", store)
    require("no apply to undo" in said.err, f"a third one: {said}")


@case
def rollback_refuses_where_others_depend(world):
    """An image that somebody made of the applied layers is named, and nothing is changed."""
    store = filled(world, "store-depends")
    path = store / "metadata/images_metadata.json"
    listed = json.loads(path.read_text())
    built = next(name for name in listed if "small/built" in name)
    listed["registry.example/team/tagged:v1"] = listed[built]
    path.write_text(json.dumps(listed))
    world.refused(75, ["registry.example/team/tagged:v1"], "apply", "--rollback", "--store", store, unchanged=[store])


@case
def gc_keeps_what_rollback_restores(world):
    """store gc leaves the image that the last apply replaced, and a rollback after it restores that one."""
    store = filled(world, "store-kept")
    first = content(store)
    apply(world, store, "2")
    world.ok("store", "gc", "--store", store)
    world.ok("apply", "--rollback", "--store", store)
    same(content(store), first, "the store rolled back")


@case
def delta_is_applied_from_the_store(world):
    """A bundle collected --since the host's inventory leaves out what it has, and applies there to the same bytes."""
    whole = filled(world, "store-delta-wanted")
    apply(world, whole, "2")
    store = filled(world, "store-delta")
    inventory = world.work / "inventory.json"
    inventory.write_text(world.ok("inventory", "--store", store).out)
    delta = small(world, "2", "--since", inventory)
    full = small(world, "2")
    require(delta.stat().st_size * 3 < full.stat().st_size, "the delta is not much smaller")
    command = ["apply", delta, "--platform", world.own, "--store"]
    empty = world.folder("store-delta-empty")
    world.refused(66, ["sha256:", "--with"], *command, empty, unchanged=[empty])
    world.ok(*command, store)
    same(content(store), content(whole), "the store filled from the delta")


@case
def a_running_sealer_is_waited_for(world):
    """While a process called sealer has the store open, apply and gc end with 75, name it, and change nothing."""
    store = filled(world, "store-busy")
    sealer = world.folder("sealer-bin") / "sealer"
    shutil.copy("/bin/sleep", sealer)
    with open(store / "metadata/images_metadata.json") as held:
        running = subprocess.Popen([sealer, "600"], stdin=held)
        try:
            for command in (["apply", small(world, "2"), "--platform", world.own], ["store", "gc"]):
                world.refused(75, [f"process {running.pid}", "sealer"], *command, "--store", store, unchanged=[store])
        finally:
            running.kill()
            running.wait()
    apply(world, store, "2")


@case
def apply_tells_programs_what_happens(world):
    """apply --json writes an event a line to standard error: each step begins and ends, and a failure has its code."""
    store = world.folder("store-events")
    told = world.ok("apply", small(world), "--store", store, "--platform", world.own, "--json")
    events = [json.loads(line) for line in told.err.splitlines()]
    steps = [[event["name"] for event in events if event["event"] == kind] for kind in ("started", "ended")]
    equal(steps[0], steps[1], "steps that began and that ended")
    equal(len(steps[0]), LAYERS + 1, "steps")
    plan = json.loads(world.ok("apply", small(world), "--store", world.folder("store-none"), "--platform", world.own,
                               "--dry-run", "--json").out)
    equal([step["title"] for step in plan["steps"]], steps[0], "the steps of the plan")
    require("basis" not in plan and not any("seconds" in step for step in plan["steps"]), f"times without a measure: {plan}")
    (store / "metadata/images_metadata.json").write_text("{")
    refused = world.run("apply", small(world, "2"), "--store", store, "--platform", world.own, "--json")
    last = json.loads(refused.err.splitlines()[-1])
    equal((last["event"], last["exitCode"], refused.code), ("failure", 65, 65), "the last event")


@case
def an_older_store_is_refused_by_name(world):
    """A store of sealer 0.7 is left as it is, and the version is named, by apply and by every command of store."""
    store = world.folder("store-old")
    (store / "metadata").mkdir()
    entry = {"name": "registry.example/a/b:v1", "id": "f" * 64, "created": "2021-11-02T06:58:01Z", "size": 7}
    (store / "metadata/images_metadata.json").write_text(json.dumps({entry["name"]: entry}, indent=1))
    commands = [["apply", small(world), "--platform", world.own], ["store", "ls"], ["store", "check"],
                ["store", "gc"], ["store", "repair"], ["inventory"], ["apply", "--rollback"]]
    for command in commands[:-1]:
        world.refused(65, ["0.7"], *command, "--store", store, unchanged=[store])
    world.ok(*commands[-1], "--store", store)
