# SPDX-License-Identifier: Apache-2.0
"""What a hostile bundle, another program's layers, a wrong folder or a foreign medium may do to a store."""

import json
import os
import re
import shutil

import base
import images
from harness import Store, call, case, equal, require

SPEC = """version: 1
name: trust
platforms: [{platform}]
base:
  image: {registry}/trust/{name}:1
"""


def collected(world, name, image_id=None, entries=()):
    """A bundle of a base that states `image_id`, or its own; its layer has `entries`."""
    entries = list(entries) or images.files([images.Entry(f"{name}.conf", 0o644, name.encode())])
    made, blobs, layers = base.instance(world.architectures[0], [("COPY", f"{name} .", entries)])
    if image_id:
        config = json.loads(blobs[0].data)
        config["spec"]["id"] = image_id
        forged = images.Blob(base.DOCKER["config"], json.dumps(config).encode())
        made, blobs = images.manifest(base.DOCKER, forged, blobs[1:]), [forged, *blobs[1:]]
    images.push(images.listed_image(f"{name}:1", images.DOCKER, {world.architectures[0]: (made, blobs)}),
                f"http://{world.registry}", "trust")
    folder = world.folder(f"trust-bundle-{name}")
    spec = world.spec(folder, SPEC.format(platform=world.own, registry=world.registry, name=name))
    world.ok("collect", spec, "-o", folder / "b.sealift", *world.network)
    return folder / "b.sealift"


@case
def a_bundle_cannot_replace_an_image(world):
    """A base that states the id of an image of the store is refused by both ids, and the store is as it was."""
    store = world.folder("trust-store")
    world.ok("apply", collected(world, "victim"), "--store", store, "--platform", world.own)
    victim = next(iter(json.loads((store / "metadata/images_metadata.json").read_text()).values()))["manifests"][0]["id"]
    hostile = collected(world, "hostile", victim)
    world.refused(65, [victim, "content has the id"], "apply", hostile, "--store", store, "--platform", world.own,
                  unchanged=[store / "data", store / "metadata", store / "sealift"])
    world.ok("store", "check", "--store", store)
    # An unknown id is not believed either: the image is listed under its own.
    stated = "ab" * 32
    said = world.ok("apply", collected(world, "tagged", stated), "--store", store, "--platform", world.own)
    require(stated in said.err, f"it does not say that the id is not believed: {said}")
    require(stated not in (store / "metadata/images_metadata.json").read_text(), "the stated id is listed")
    world.ok("store", "check", "--store", store)


@case
def a_medium_without_modes_is_refused(world):
    """A store on exFAT would give layers other ids: it is refused, and the medium is left as it was."""
    require(os.geteuid() == 0, "mounting needs root")
    bundle = collected(world, "modes")
    folder = world.folder("trust-medium")
    image, mounted = folder / "image", folder / "mounted"
    mounted.mkdir()
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    call("mkfs.exfat", image)
    device = call("losetup", "-f", "--show", image).strip()
    try:
        call("mount.exfat-fuse", device, mounted)
    except BaseException:
        call("losetup", "-d", device)
        raise
    try:
        world.refused(78, ["file system", "--store"], "apply", bundle, "--store", mounted / "store", "--platform", world.own)
        equal(list(mounted.iterdir()), [], "what is left on the medium")
    finally:
        call("umount", mounted)
        call("losetup", "-d", device)


@case
def a_folder_of_something_else_is_refused(world):
    """apply and the store commands refuse a folder that is not empty and is no store."""
    bundle, folder = collected(world, "foreign"), world.folder("trust-foreign")
    (folder / "sources.list").write_text("deb\n")
    for command in [["apply", bundle, "--platform", world.own], ["apply", bundle, "--platform", world.own, "--dry-run"],
                    ["store", "check"], ["store", "gc"], ["store", "ls"]]:
        world.refused(64, ["sources.list"], *command, "--store", folder, unchanged=[folder])


@case
def a_base_that_sealer_pulled_is_made_whole(world):
    """sealer's pull drops links and set-id bits and applies its umask; an apply gives the layer back what its tar has."""
    entries = images.files([images.Entry("bin/program", 0o4775, b"#!/bin/sh\n")])
    bundle, store = collected(world, "pulled", entries=entries), world.folder("trust-pulled")
    command = ["apply", bundle, "--store", store, "--platform", world.own]
    world.ok(*command)
    program = next((store / "data/overlay2").glob("*/bin/program"))
    wanted = program.stat().st_mode
    world.ok("apply", "--rollback", "--store", store)
    world.ok(*command)
    program.chmod(0o755)
    (store / "metadata/images_metadata.json").unlink()
    world.ok(*command, "--verify")
    equal(program.stat().st_mode, wanted, "the mode of a program")
    equal(json.loads(world.ok("store", "check", "--json", "--store", store).out), [], "findings")


@case
def a_mount_stops_a_rollback_before_it_begins(world):
    """Where a mount uses a layer that would go, --rollback ends with 75 and nothing is changed."""
    bundle, store = collected(world, "mounted"), world.folder("trust-mounted")
    world.ok("apply", bundle, "--store", store, "--platform", world.own)
    layer = next((store / "data/overlay2").iterdir())
    place = world.folder("trust-mountpoint")
    call("mount", "--bind", layer, place)
    try:
        world.refused(75, ["mount"], "apply", "--rollback", "--store", store,
                      unchanged=[store / "data", store / "metadata", store / "sealift"])
    finally:
        call("umount", place)
    world.ok("apply", "--rollback", "--store", store)
    equal(Store(store).listed, {}, "images")


@case
def a_relative_store_is_built_in(world):
    """--store RELATIVE is the folder below the working folder, and the receipt says where it is."""
    bundle, folder = collected(world, "relative"), world.folder("trust-relative")
    said = world.ok("apply", bundle, "--store", "some/store", "--platform", world.own, "--json", cwd=folder)
    require(str(folder / "some/store") in said.out, f"the receipt: {said}")


@case
def a_layer_that_is_gone_is_brought_again(world):
    """"Nothing to do" is said only where every layer of the images is there."""
    bundle, store = collected(world, "gone"), world.folder("trust-gone")
    command = ["apply", bundle, "--store", store, "--platform", world.own]
    world.ok(*command)
    require("nothing to do" in world.ok(*command).err, "an equal apply did something")
    for part in ("data/overlay2", "metadata/layerdb/sha256"):
        layer = next((store / part).iterdir())
        shutil.rmtree(layer)
        require("nothing to do" not in world.ok(*command, "--verify").err, f"{part}: a layer is gone and nothing was done")
        require(layer.is_dir(), f"{part} is not there again")
    world.ok("store", "check", "--store", store)


@case
def names_are_given_after_content_is_on_the_medium(world):
    """Of an apply under strace: syncfs before a layer's name, a flush of each folder after it, the list last."""
    bundle, store = collected(world, "order"), world.folder("trust-order")
    trace = world.folder("trust-trace") / "calls"
    world.ok("apply", bundle, "--store", store, "--platform", world.own,
             prefix=["strace", "-f", "-y", "-o", trace, "-e", "trace=syncfs,fsync,rename"])
    calls = [line.split(" ", 1)[1].strip() for line in trace.read_text().splitlines() if "resumed" not in line]

    def first(what, start=0):
        found = [number for number, line in enumerate(calls) if number >= start and re.search(what, line)]
        require(found, f"no call {what} after {start} of {calls}")
        return found[0]

    flushed = first(r"^syncfs")
    layer = first(r"^rename\(.*data/overlay2/")
    entry = first(r"^rename\(.*metadata/layerdb/sha256/", layer)
    image = first(r"^rename\(.*metadata/imagedb/", entry)
    listed = first(r"^rename\(.*images_metadata.json", image)
    require(flushed < layer, "a layer has its name before its content is on the medium")
    written = [(number, found[1]) for number, line in enumerate(calls) if (found := re.match(r'rename\("([^"]+\.tmp)"', line))]
    require(written, f"no file is written beside its place: {calls}")
    for number, path in written:
        require(any(line.startswith("fsync(") and path + ">" in line for line in calls[:number]), f"{path} has its name before it is flushed")
    first(r"^fsync\(.*data/overlay2>", layer)
    require(first(r"^fsync\(.*data/overlay2>", layer) < entry, "the entry comes before the folder is flushed")
    require(first(r"^fsync\(.*layerdb/sha256>", entry) < image, "the image comes before the entry is flushed")
    require(first(r"^fsync\(.*imagedb>", image) < listed, "the list comes before the image is flushed")
    first(r"^fsync\(.*metadata>", listed)
