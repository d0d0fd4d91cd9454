# SPDX-License-Identifier: Apache-2.0
"""What a hostile bundle, another program's layers, a wrong folder or a foreign medium may do to a store."""

import json
import os

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
    # An id that nobody has is not believed either: the image is listed under its own.
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
